/**
 * The native door of one shard: sessions by slot, the answers that come back from the broker, and
 * what it needs of the server around it. Hot.
 *
 * Invariant: an answer reaches only the session that asked: slot and generation are compared,
 * because a slot may serve another client by then.
 */

import type { Histogram } from "../base/histogram.ts";
import type { FileSlice } from "../base/file_slice.ts";
import type { AppendWaiters } from "../broker/append_waiters.ts";
import type { Broker, Door } from "../broker/broker.ts";
import type { FetchRequest } from "../broker/fetch.ts";
import { OFFSETS_TOPIC_TOKEN } from "../broker/group_offsets.ts";
import type { LogStartWaiter } from "../broker/log_starts.ts";
import { cancelLookup, type TimedOffset, type TimeWaiter } from "../broker/offset_for_time.ts";
import {
  dropSubscriber,
  roomAgain,
  Subscriber,
  type Subscription,
} from "../broker/subscriptions.ts";
import type { TopicPartition } from "../broker/topics.ts";
import type { SettingEntry } from "../format/broker_settings.ts";
import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import { PUSH_UNSENT_MAX, REPLY_BYTES_PAUSE, SLICES_PAUSE } from "../limits.ts";
import type { ControlRequestOf } from "./control_operations.ts";
import {
  FetchReplyAt,
  FRAME_HEADER_SIZE,
  FrameAt,
  ProduceReplyAt,
  PUSH_FLAG,
  PushAt,
  writeFrameHeader,
} from "./frame.ts";
import { operation, type ReplyOf, type RequestOf } from "./operations.ts";
import { pushError, replyBody, replyError } from "./replies.ts";
import { RequestTimes } from "./request_times.ts";
import type { Session } from "./session.ts";
import { writeU64 } from "../base/bytes.ts";

/** As the operation `histograms` tells it. */
export interface NamedHistogram {
  /** With its unit last. */
  readonly name: string;
  /** Both of requests; otherwise empty. */
  readonly listener: string;
  readonly operation: string;
  readonly values: Histogram;
}

/** What the door asks of the server. */
export interface Server {
  readonly nodeId: number;
  readonly nodeEpoch: number;
  readonly version: string;
  /** Where clients reach this node's native listener. */
  address(): { host: string; port: number };
  /** The session has bytes to send. */
  queueSend(slot: number): void;
  /** Frames of the session that had to wait may run now. */
  queueDispatch(slot: number): void;
  /** Why nothing may be added to the disk now, or none. */
  readonly diskRefusal: ErrorCode;
  /** Asks the main thread for a topic; `answer` with the token comes back. */
  createTopic(token: number, request: RequestOf<"create_topic">): void;
  /** Asks the main thread to delete a topic; `answer` with the token comes back. */
  deleteTopic(token: number, name: string): void;
  /** Both ask the main thread to change a topic; `answer` with the token comes back. */
  alterTopic(token: number, request: RequestOf<"alter_topic">): void;
  addPartitions(token: number, request: RequestOf<"add_partitions">): void;
  /** Asks the main thread to change settings of the broker; `answer` with the token comes back. */
  alterConfig(token: number, request: RequestOf<"alter_config">): void;
  /** Puts settings of the broker in force. */
  applyConfig(request: ControlRequestOf<"apply_config">): void;
  settings(): readonly SettingEntry[];
  connections(): ReplyOf<"connections">["connections"];
  /** Closes a connection after this turn. False: there is none of this id. */
  closeConnection(id: number): boolean;
  /** Opens the partitions of a topic; the request is answered when that is done. */
  addTopic(
    request: ControlRequestOf<"add_topic">,
    slot: number,
    generation: number,
    correlation: number,
  ): void;
  removeTopic(request: ControlRequestOf<"remove_topic">): void;
  /** Asks the main thread for producer ids; `producer_ids` comes back. */
  askForProducerIds(): void;
  /** Puts the settings of a topic in force. */
  changeTopic(request: ControlRequestOf<"change_topic">): void;
  logStart(request: ControlRequestOf<"log_start">): void;
  /** Begins to stop; the request is answered when all is synced. */
  stop(slot: number, generation: number, correlation: number): void;
  counters(): { name: string; value: number }[];
  histograms(): NamedHistogram[];
  health(): ReplyOf<"health">;
}

const PRODUCE = operation("produce");
const FETCH = operation("fetch");
const DELETE_RECORDS = operation("delete_records");
const OFFSET_FOR_TIME = operation("offset_for_time");
const COMMIT_OFFSETS = operation("commit_offsets");

/** Operations that main decides, or the coordinator of groups. */
export type ParkedName =
  | "create_topic"
  | "delete_topic"
  | "alter_topic"
  | "add_partitions"
  | "init_producer"
  | "commit_offsets"
  | "delete_group"
  | "open_partition"
  | "alter_config";

/** A request that is answered later, by its token. */
export interface Parked {
  readonly slot: number;
  readonly generation: number;
  readonly correlation: number;
  readonly takenMs: number;
  readonly operation: ParkedName;
  /** Of open_partition, which waits for its topic to be created. */
  readonly wanted: RequestOf<"open_partition"> | null;
}

export class NativeDoor implements Door {
  readonly broker: Broker;
  readonly server: Server;
  /** Filled for each fetch. */
  readonly fetchRequest: FetchRequest = {
    slot: 0,
    generation: 0,
    correlation: 0,
    handle: 0,
    offset: 0,
    countFrom: 0,
    minBytes: 0,
    maxBytes: 0,
    maxWaitMs: 0,
  };
  /** Monotonic time of this turn. */
  nowMs = 0;
  /** Unsent reply bytes above which a session's frames wait; 0 while memory is short. */
  replyBytesPause: number = REPLY_BYTES_PAUSE;
  /** The shard stops: requests that come now are refused. */
  stopping = false;
  /** Sessions, and requests that left something that may have lived; the server counts down. */
  garbage = 0;
  /** Questions and refusals: what they left is let go when their turn is over. */
  fleeting = 0;
  /** How long requests take. */
  readonly times: RequestTimes = new RequestTimes();
  readonly #sessions: (Session | undefined)[] = [];
  /** Requests whose answer is on its way from main or from the disk, by token. */
  readonly #parked: Map<number, Parked> = new Map();
  #lastToken: number;

  /** Tokens go on behind `lastToken`; only tests have another. */
  constructor(broker: Broker, server: Server, lastToken: number = OFFSETS_TOPIC_TOKEN) {
    this.broker = broker;
    this.server = server;
    this.#lastToken = lastToken;
  }

  open(session: Session): void {
    this.garbage += 1;
    this.#sessions[session.slot] = session;
  }

  /** The connection is gone: what waits for it is dropped. */
  close(slot: number): void {
    const session = this.#sessions[slot];
    if (session === undefined) return;
    for (const handle of session.handles) {
      if (handle === undefined) continue;
      if (handle.parked !== null) this.broker.cancel(handle.parked);
      if (handle.lookup !== null) cancelLookup(this.broker, handle.lookup);
    }
    this.dropSubscriptions(slot);
    this.#sessions[slot] = undefined;
  }

  /** The connection takes nothing new. */
  dropSubscriptions(slot: number): void {
    const { subscriber } = this.#sessions[slot]!;
    if (subscriber !== null) dropSubscriber(this.broker, subscriber);
  }

  /** Bytes of the connection were sent, or can be: pushes may go on. */
  roomAgain(slot: number): void {
    const { subscriber } = this.#sessions[slot]!;
    if (subscriber !== null) roomAgain(this.broker, subscriber);
  }

  /** The session's subscriber, made for its first subscription. */
  subscriberOf(session: Session): Subscriber {
    session.subscriber ??= new Subscriber(session.slot, session.generation);
    return session.subscriber;
  }

  session(slot: number, generation: number): Session | null {
    const session = this.#sessions[slot];
    return session !== undefined && session.generation === generation ? session : null;
  }

  /** The session of a slot that is open. */
  sessionAt(slot: number): Session {
    return this.#sessions[slot]!;
  }

  appendDone(partition: TopicPartition, waiters: AppendWaiters, level: number): void {
    const session = this.session(waiters.slot, waiters.generation);
    if (session === null) return;
    const handle = session.handles[waiters.handle]!;
    session.end(handle);
    this.times.answered(PRODUCE.code, session.isControl, waiters.takenMs);
    const reply = session.reply;
    if (waiters.error !== ErrorCodes.none) {
      const message = appendErrorText(partition, waiters.error);
      replyError(session, waiters.correlation, 0, waiters.error, message);
    } else {
      const size = FRAME_HEADER_SIZE + ProduceReplyAt.size;
      const at = reply.reserve(size);
      const view = reply.block!.view;
      writeFrameHeader(view, at, size, ErrorCodes.none, 0, waiters.correlation);
      const body = at + FRAME_HEADER_SIZE;
      writeU64(view, body + ProduceReplyAt.baseOffset, waiters.base);
      view.setUint32(body + ProduceReplyAt.level, level << 24);
      view.setUint32(body + ProduceReplyAt.leaderEpoch, partition.log.leaderEpoch);
    }
    this.#answered(session);
  }

  fetchDone(
    partition: TopicPartition,
    slot: number,
    generation: number,
    correlation: number,
    handleIndex: number,
    error: number,
    slice: FileSlice,
  ): void {
    const session = this.session(slot, generation);
    if (session === null) return;
    const handle = session.handles[handleIndex]!;
    session.end(handle);
    this.times.answered(FETCH.code, session.isControl, handle.takenMs);
    if (error !== ErrorCodes.none) {
      replyError(session, correlation, 0, error, fetchErrorText(partition));
    } else {
      const reply = session.reply;
      const size = FRAME_HEADER_SIZE + FetchReplyAt.batches;
      const at = reply.reserve(size);
      const view = reply.block!.view;
      writeFrameHeader(view, at, size + slice.size, ErrorCodes.none, 0, correlation);
      const body = at + FRAME_HEADER_SIZE;
      writeU64(view, body + FetchReplyAt.logStart, partition.log.logStart);
      writeU64(view, body + FetchReplyAt.visibleEnd, partition.log.visible.offset);
      if (slice.size > 0) {
        reply.pushSlice(slice);
        handle.readTo = this.broker.reader.nextOffset;
      }
    }
    this.#answered(session);
  }

  hasRoom(slot: number, generation: number): boolean {
    const session = this.session(slot, generation);
    if (session === null || session.reply.sliceCount >= SLICES_PAUSE) return false;
    return session.reply.pendingBytes < PUSH_UNSENT_MAX;
  }

  push(subscription: Subscription, error: number, slice: FileSlice): void {
    const { subscriber, partition, correlation } = subscription;
    const session = this.session(subscriber.slot, subscriber.generation);
    if (session === null) return;
    if (error !== ErrorCodes.none) {
      pushError(session, correlation, error, fetchErrorText(partition));
    } else {
      const reply = session.reply;
      const size = FRAME_HEADER_SIZE + PushAt.batches;
      const at = reply.reserve(size);
      const view = reply.block!.view;
      writeFrameHeader(view, at, size + slice.size, ErrorCodes.none, 0, correlation);
      view.setUint8(at + FrameAt.flags, PUSH_FLAG);
      const body = at + FRAME_HEADER_SIZE;
      writeU64(view, body + PushAt.logStart, partition.log.logStart);
      writeU64(view, body + PushAt.visibleEnd, partition.log.visible.offset);
      reply.pushSlice(slice);
    }
    this.server.queueSend(session.slot);
  }

  logStartDone(partition: TopicPartition, waiter: LogStartWaiter, error: number): void {
    const session = this.session(waiter.slot, waiter.generation);
    if (session === null) return;
    const handle = session.handles[waiter.handle]!;
    session.end(handle);
    this.times.answered(DELETE_RECORDS.code, session.isControl, handle.takenMs);
    const { correlation } = waiter;
    const { version, reply } = DELETE_RECORDS;
    if (error !== ErrorCodes.none) replyError(session, correlation, version, error, "");
    else replyBody(session, correlation, version, reply, { logStart: partition.log.logStart });
    this.#answered(session);
  }

  offsetForTimeDone({ request }: TimeWaiter, found: TimedOffset | ErrorCode): void {
    const session = this.session(request.slot, request.generation);
    if (session === null) return;
    const handle = session.handles[request.handle]!;
    session.end(handle);
    this.times.answered(OFFSET_FOR_TIME.code, session.isControl, handle.takenMs);
    const { correlation } = request;
    const { version, reply } = OFFSET_FOR_TIME;
    if (typeof found !== "number") replyBody(session, correlation, version, reply, { ...found });
    else replyError(session, correlation, version, found, "");
    this.#answered(session);
  }

  offsetsDone(token: number, error: ErrorCode, results: readonly ErrorCode[]): void {
    const found = this.unpark(token);
    if (found === null) return;
    const { session, parked: { correlation, operation: name } } = found;
    const { version, reply } = COMMIT_OFFSETS;
    if (error !== ErrorCodes.none) {
      replyError(session, correlation, operation(name).version, error, "");
    } else if (name === "commit_offsets") {
      const errors = results.map((result) => ({ error: result }));
      replyBody(session, correlation, version, reply, { results: errors });
    } else {
      replyBody(session, correlation, operation(name).version, [], {});
    }
  }

  /** Of the request that was parked last. */
  get lastToken(): number {
    return this.#lastToken;
  }

  /** Parks a request that is answered later. Returns its token. */
  park(
    session: Session,
    correlation: number,
    operation: ParkedName,
    wanted: Parked["wanted"] = null,
  ): number {
    const token = this.#freeToken();
    session.outstanding += 1;
    const { slot, generation } = session;
    const takenMs = this.nowMs;
    this.#parked.set(token, { slot, generation, correlation, takenMs, operation, wanted });
    return token;
  }

  /** A parked request and its session; it is then no longer parked. */
  unpark(token: number): { session: Session; parked: Parked } | null {
    const parked = this.#parked.get(token);
    this.#parked.delete(token);
    if (parked === undefined) return null;
    const session = this.session(parked.slot, parked.generation);
    if (session === null) return null;
    session.outstanding -= 1;
    this.times.answered(operation(parked.operation).code, session.isControl, parked.takenMs);
    this.#answered(session);
    return { session, parked };
  }

  /** Main gives it back in 32 bits: after the highest it begins anew. */
  #freeToken(): number {
    do {
      this.#lastToken = (this.#lastToken + 1) >>> 0;
    } while (this.#lastToken === OFFSETS_TOPIC_TOKEN || this.#parked.has(this.#lastToken));
    return this.#lastToken;
  }

  /** The session got a reply: it has bytes to send, and what waited behind may run. */
  #answered(session: Session): void {
    this.server.queueSend(session.slot);
    this.server.queueDispatch(session.slot);
  }
}

function appendErrorText(partition: TopicPartition, error: number): string {
  const { maxMessageBytes } = partition.log.config;
  if (error !== ErrorCodes.batch_too_large) return "";
  return `the limit of ${partition.topic.name} is max.message.bytes=${maxMessageBytes}`;
}

function fetchErrorText(partition: TopicPartition): string {
  const { directory, logStart, visible } = partition.log;
  return `${directory} holds offsets ${logStart} to ${visible.offset}`;
}
