/**
 * Group commit: which partitions are synced in a turn, and whose syncs are over. Hot.
 *
 *     written, not synced -> begin (snapshot) -> io_submit of all -> eventfd -> endSync -> answers
 *
 * Linux AIO runs `fdatasync` without a thread of ours; a partition has one sync in flight, and
 * bytes written meanwhile belong to its next one. Where AIO is refused the sync is called in the
 * loop.
 *
 * Invariant: every `beginSync` is followed by as many `endSync` as it gave descriptors.
 */

import { EFD_NONBLOCK, errnoName, IOCB_CMD_FDSYNC } from "../../ffi/constants.ts";
import type { Aio, Libc } from "../../ffi/libc.ts";
import { trace } from "../base/trace.ts";
import type { Broker, Door } from "../broker/broker.ts";
import { completeSync } from "../broker/produce.ts";
import type { TopicPartition } from "../broker/topics.ts";
import { Level } from "../format/levels.ts";
import { SYNCS_IN_FLIGHT_MAX } from "../limits.ts";
import { Wake } from "../net/poller.ts";

export interface SyncCounters {
  /** Partitions synced: groups of batches that one sync made durable. */
  groups: number;
  /** Calls of io_submit. */
  submits: number;
}

export class Syncer {
  readonly wake: Wake;
  readonly counters: SyncCounters = { groups: 0, submits: 0 };
  /** What a failed sync said; the process must end. */
  failure = "";
  readonly #libc: Libc;
  readonly #broker: Broker;
  readonly #aio: Aio | null;
  readonly #fds: number[] = [];
  readonly #preparedFds: Int32Array = new Int32Array(SYNCS_IN_FLIGHT_MAX);
  readonly #preparedTags: Int32Array = new Int32Array(SYNCS_IN_FLIGHT_MAX);
  #prepared = 0;
  #inFlight = 0;

  constructor(libc: Libc, broker: Broker) {
    this.#libc = libc;
    this.#broker = broker;
    this.wake = new Wake(libc, EFD_NONBLOCK);
    const aio = libc.openAio(SYNCS_IN_FLIGHT_MAX, this.wake.fd);
    this.#aio = typeof aio === "number" ? null : aio;
    if (typeof aio === "number") {
      trace("warning", `no AIO (${errnoName(-aio)}): syncs are called in the loop`);
    }
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Begins the syncs that are due; with `all` also what the levels would not ask for. */
  request(nowMs: number, all: boolean, door: Door): void {
    const list = this.#broker.unsynced;
    let kept = 0;
    for (let i = 0; i < list.length; i += 1) {
      const partition = list[i]!;
      if (this.#mustWait(partition, nowMs, all)) {
        list[kept] = partition;
        kept += 1;
        continue;
      }
      partition.syncQueued = false;
      const log = partition.log;
      if (!log.broken && (all ? !log.isSynced : log.needsSync)) this.#begin(partition, all);
    }
    list.length = kept;
    if (this.#prepared > 0) this.#submit(door);
  }

  /** Takes the syncs that are over. */
  reap(door: Door): void {
    this.wake.clear();
    const aio = this.#aio;
    if (aio === null) return;
    for (;;) {
      const count = aio.reap();
      for (let i = 0; i < count; i += 1) this.#ended(aio.tag(i), aio.result(i), door);
      if (count < aio.capacity) return;
    }
  }

  /** When the next sync of level interval is due, or Infinity. */
  nextDueMs(): number {
    let next = Infinity;
    const list = this.#broker.unsynced;
    for (let i = 0; i < list.length; i += 1) {
      const partition = list[i]!;
      if (partition.log.syncsPending === 0 && partition.syncDueMs < next) {
        next = partition.syncDueMs;
      }
    }
    return next;
  }

  close(): void {
    if (this.#aio !== null) this.#aio.close();
    this.wake.close();
  }

  #mustWait(partition: TopicPartition, nowMs: number, all: boolean): boolean {
    if (partition.log.syncsPending > 0) return true;
    if (this.#inFlight + this.#prepared > SYNCS_IN_FLIGHT_MAX / 2) return true;
    const waits = partition.log.config.durability === Level.interval;
    return waits && !all && partition.syncDueMs > nowMs;
  }

  #begin(partition: TopicPartition, all: boolean): void {
    const count = partition.log.beginSync(this.#fds, all);
    for (let i = 0; i < count; i += 1) {
      this.#preparedFds[this.#prepared] = this.#fds[i]!;
      this.#preparedTags[this.#prepared] = partition.number;
      this.#prepared += 1;
    }
  }

  #submit(door: Door): void {
    const count = this.#prepared;
    this.#prepared = 0;
    let taken = 0;
    if (this.#aio !== null) {
      for (let i = 0; i < count; i += 1) {
        this.#aio.prepare(i, IOCB_CMD_FDSYNC, this.#preparedFds[i]!, this.#preparedTags[i]!);
      }
      taken = Math.max(0, this.#aio.submit(count));
      this.counters.submits += 1;
    }
    this.#inFlight += taken;
    for (let i = taken; i < count; i += 1) {
      this.#inFlight += 1;
      this.#ended(this.#preparedTags[i]!, this.#libc.fdatasync(this.#preparedFds[i]!), door);
    }
  }

  #ended(tag: number, result: number, door: Door): void {
    this.#inFlight -= 1;
    const partition = this.#broker.topics.partitions[tag]!;
    const log = partition.log;
    const moved = log.endSync(result);
    if (result < 0) this.failure = `sync of ${log.directory}: ${errnoName(-result)}`;
    if (log.syncsPending > 0) return;
    if (moved) this.counters.groups += 1;
    completeSync(this.#broker, partition, door);
    if (log.needsSync && !log.broken) this.#broker.queueUnsynced(partition, 0);
  }
}
