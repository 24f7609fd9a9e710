/**
 * A broker over a real log, without sockets: the test is the door and hears every answer, and
 * turns the broker as a shard does. A sync is done when the test says so.
 */
import type { Libc } from "../../ffi/libc.ts";
import type { FileSlice } from "../../src/base/file_slice.ts";
import type { AppendWaiters } from "../../src/broker/append_waiters.ts";
import { Broker, type Door } from "../../src/broker/broker.ts";
import { completeFetches, fetch } from "../../src/broker/fetch.ts";
import type { FetchWaiter } from "../../src/broker/fetch_waiters.ts";
import { completeAppends, completeSync, flushAppended, produce } from "../../src/broker/produce.ts";
import type { ErrorCode } from "../../src/format/errors.ts";
import type { TimedOffset, TimeWaiter } from "../../src/broker/offset_for_time.ts";
import type { LogStartWaiter } from "../../src/broker/log_starts.ts";
import { pushBatches, type Subscription } from "../../src/broker/subscriptions.ts";
import { Topic, type TopicPartition } from "../../src/broker/topics.ts";
import { Acks } from "../../src/format/levels.ts";
import type { TopicConfig } from "../../src/format/topic_config.ts";
import { memoryOf } from "./batches.ts";
import { libcWithoutSyncs } from "./faulty_libc.ts";
import { LogWorld } from "./log_world.ts";

export interface AppendAnswer {
  correlation: number;
  slot: number;
  generation: number;
  handle: number;
  error: number;
  base: number;
  level: number;
}

export interface FetchAnswer {
  correlation: number;
  error: number;
  /** Bytes of the slice, and where they begin in their file. */
  size: number;
  position: number;
}

export interface PushHeard {
  correlation: number;
  error: number;
  /** Bytes of the slice, and where they begin in their file. */
  size: number;
  position: number;
}

/** Hears every answer, in its order. */
export class Recorder implements Door {
  readonly appends: AppendAnswer[] = [];
  readonly fetches: FetchAnswer[] = [];
  /** Correlations and errors of requests for a higher log start. */
  readonly logStarts: [correlation: number, error: number][] = [];
  readonly pushes: PushHeard[] = [];
  /** Correlations and answers of lookups by time. */
  readonly times: [correlation: number, found: TimedOffset | ErrorCode][] = [];
  /** Answers to commits and deletions of groups. */
  readonly offsets: { token: number; error: ErrorCode; results: ErrorCode[] }[] = [];
  /** Pushed bytes that a connection takes before it is full, by slot; all where it is not set. */
  readonly room: Map<number, number> = new Map();

  hasRoom(slot: number): boolean {
    return (this.room.get(slot) ?? Infinity) > 0;
  }

  push(subscription: Subscription, error: number, slice: FileSlice): void {
    const { correlation, subscriber } = subscription;
    const room = this.room.get(subscriber.slot);
    if (room !== undefined) this.room.set(subscriber.slot, room - slice.size);
    this.pushes.push({ correlation, error, size: slice.size, position: slice.position });
  }

  takePushes(): PushHeard[] {
    return this.pushes.splice(0);
  }

  logStartDone(_partition: TopicPartition, waiter: LogStartWaiter, error: number): void {
    this.logStarts.push([waiter.correlation, error]);
  }

  offsetForTimeDone({ request }: TimeWaiter, found: TimedOffset | ErrorCode): void {
    this.times.push([request.correlation, found]);
  }

  offsetsDone(token: number, error: ErrorCode, results: readonly ErrorCode[]): void {
    this.offsets.push({ token, error, results: [...results] });
  }

  appendDone(_partition: TopicPartition, waiters: AppendWaiters, level: number): void {
    const { correlation, slot, generation, handle, error, base } = waiters;
    this.appends.push({ correlation, slot, generation, handle, error, base, level });
  }

  fetchDone(
    _partition: TopicPartition,
    _slot: number,
    _generation: number,
    correlation: number,
    _handle: number,
    error: number,
    slice: FileSlice,
  ): void {
    this.fetches.push({ correlation, error, size: slice.size, position: slice.position });
  }

  /** The answers since the last call. */
  takeAppends(): AppendAnswer[] {
    return this.appends.splice(0);
  }

  takeFetches(): FetchAnswer[] {
    return this.fetches.splice(0);
  }
}

export class BrokerWorld {
  readonly log: LogWorld;
  readonly broker: Broker;
  readonly door: Recorder = new Recorder();
  readonly partition: TopicPartition;
  nowMs = 1000;
  #fds: number[] = [];

  constructor(config: Partial<TopicConfig> = {}, inner: Libc = libcWithoutSyncs) {
    this.log = new LogWorld({ libc: inner });
    this.broker = new Broker(this.log.reader);
    const { partition } = this.log.open(config);
    const topic = new Topic("orders", "", partition.config, []);
    this.broker.topics.add(topic);
    this.partition = this.broker.topics.addPartition(topic, partition);
  }

  produce(batch: Uint8Array, correlation: number, acks: number = Acks.all): void {
    const memory = memoryOf(batch, 3);
    const { broker, partition } = this;
    produce(broker, partition, memory, 3, batch.length, acks, 8, 1, correlation, 0);
  }

  fetch(
    offset: number,
    correlation: number,
    shape: { minBytes?: number; maxBytes?: number; maxWaitMs?: number } = {},
  ): FetchWaiter | null {
    const { minBytes = 1, maxBytes = 1048576, maxWaitMs = 0 } = shape;
    const request = { slot: 8, generation: 1, correlation, handle: 0, offset, countFrom: offset };
    return fetch(
      this.broker,
      this.partition,
      { ...request, minBytes, maxBytes, maxWaitMs },
      this.nowMs,
      this.door,
    );
  }

  /** The part of a turn after the frames were dispatched. */
  turn(): void {
    flushAppended(this.broker, this.nowMs);
    completeAppends(this.broker, this.door);
    pushBatches(this.broker, this.door);
    completeFetches(this.broker, this.nowMs, this.door);
  }

  beginSync(): void {
    this.partition.log.beginSync(this.#fds, false);
  }

  endSync(result: number = 0): void {
    for (const fd of this.#fds) {
      this.partition.log.endSync(result < 0 ? result : this.log.libc.fdatasync(fd));
    }
    completeSync(this.broker, this.partition, this.door);
  }

  sync(): void {
    this.beginSync();
    this.endSync();
  }

  close(): void {
    this.log.close(this.partition.log);
  }
}
