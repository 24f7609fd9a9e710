/**
 * Session: what the native door knows of one connection: hello said or not, the partition
 * handles, and which requests are executed but not yet answered.
 *
 * Requests outstanding on one handle are all of one kind, so that they are answered in order: a
 * request of another kind waits, and what follows it on the connection waits too (`mayRun`).
 *
 * A handle of a deleted topic goes when others are opened: its partition would stay for as long as
 * the connection. The number keeps the name of the topic, and is never given again.
 *
 * Invariant: `outstanding` is the sum of the handles' pending requests and of those that main
 * answers; it never passes REPLY_SLOTS.
 */

import { assert } from "../base/assert.ts";
import type { Reply } from "../base/reply.ts";
import type { FetchWaiter } from "../broker/fetch_waiters.ts";
import type { TimeWaiter } from "../broker/offset_for_time.ts";
import type { Subscriber } from "../broker/subscriptions.ts";
import type { TopicPartition } from "../broker/topics.ts";
import { ErrorCodes } from "../format/errors.ts";
import { REPLY_SLOTS } from "../limits.ts";
import { RequestError } from "./request.ts";

/** Kinds of requests that wait: for the write, for the sync, for bytes, for main, for a lookup. */
export const Waiting = {
  nothing: 0,
  written: 1,
  durable: 2,
  fetch: 3,
  logStart: 4,
  time: 5,
} as const;
export type Waiting = typeof Waiting[keyof typeof Waiting];

/** Handles that a session may have before it looks for those of deleted topics. */
const SWEEP_FIRST = 16;

export class Handle {
  readonly partition: TopicPartition;
  pending = 0;
  kind: Waiting = Waiting.nothing;
  /** The fetch or the lookup that waits; there is at most one of both. */
  parked: FetchWaiter | null = null;
  lookup: TimeWaiter | null = null;
  /** When that was taken, by the clock of the turn. */
  takenMs = 0;
  /** Where its last fetch began, and an offset of the batch behind what that fetch was given. */
  #readFrom = Infinity;
  readTo = 0;

  constructor(partition: TopicPartition) {
    this.partition = partition;
  }

  /**
   * A fetch from `offset` begins. Returns from where its records are counted: of the batch behind
   * the last slice some were counted with that slice, because only its last offset is known. Who
   * goes back into the middle of that slice is taken for one who goes on.
   */
  readOn(offset: number): number {
    const goesOn = this.#readFrom < offset && offset <= this.readTo;
    this.#readFrom = offset;
    return goesOn ? this.readTo : offset;
  }
}

export class Session {
  readonly slot: number;
  readonly generation: number;
  readonly reply: Reply;
  /** Came through the shard's Unix socket: control operations are allowed. */
  readonly isControl: boolean;
  /** By number; undefined where `forgetDeleted` has taken one away. */
  readonly handles: (Handle | undefined)[] = [];
  /** From the first subscription on. It lives as long as the connection takes something. */
  subscriber: Subscriber | null = null;
  helloSaid = false;
  /** As hello gave it. */
  clientName = "";
  /** Executed and not yet answered. */
  outstanding = 0;
  /** Names of the topics whose handles were taken away, by number. */
  readonly #deleted: Map<number, string> = new Map();
  /** So many handles, and those of deleted topics are looked for again. */
  #sweepAt = SWEEP_FIRST;

  constructor(slot: number, generation: number, reply: Reply, isControl: boolean) {
    this.slot = slot;
    this.generation = generation;
    this.reply = reply;
    this.isControl = isControl;
  }

  /** Whether pushes may come at any time: a silent client is then no idle one. */
  get isSubscribed(): boolean {
    return this.subscriber !== null && this.subscriber.count > 0;
  }

  /** Nothing of it waits: it may be idle. */
  get isQuiet(): boolean {
    return this.outstanding === 0 && !this.isSubscribed;
  }

  /** The handle of a request. Throws RequestError: there is none, or its topic was deleted. */
  handle(index: number): Handle {
    const handle = this.handles[index];
    if (handle === undefined) throw this.#refusal(index);
    const { removed, topic } = handle.partition;
    if (removed) throw new RequestError(ErrorCodes.topic_not_found, topic.name);
    return handle;
  }

  /** Whether there was a handle of this number, and its topic is deleted. */
  isDeleted(index: number): boolean {
    return this.#deleted.has(index) || this.handles[index]?.partition.removed === true;
  }

  /** Adds a handle and returns its number. */
  open(partition: TopicPartition): number {
    if (this.handles.length - this.#deleted.size >= this.#sweepAt) this.forgetDeleted();
    return this.handles.push(new Handle(partition)) - 1;
  }

  /** Lets go of partitions of deleted topics for which nothing is outstanding. */
  forgetDeleted(): void {
    this.handles.forEach((handle, index) => {
      if (handle === undefined || !handle.partition.removed || handle.pending > 0) return;
      this.#deleted.set(index, handle.partition.topic.name);
      this.handles[index] = undefined;
    });
    this.#sweepAt = Math.max(SWEEP_FIRST, 2 * (this.handles.length - this.#deleted.size));
  }

  #refusal(index: number): RequestError {
    const topic = this.#deleted.get(index);
    if (topic === undefined) return new RequestError(ErrorCodes.unknown_handle);
    return new RequestError(ErrorCodes.topic_not_found, topic);
  }

  /** Whether a request of `kind` on `handle` may be executed now. */
  mayRun(handle: Handle, kind: Waiting): boolean {
    if (this.outstanding >= REPLY_SLOTS) return false;
    if (handle.pending === 0) return true;
    return handle.kind === kind && (kind === Waiting.written || kind === Waiting.durable);
  }

  begin(handle: Handle, kind: Waiting): void {
    handle.pending += 1;
    handle.kind = kind;
    this.outstanding += 1;
  }

  end(handle: Handle): void {
    assert(handle.pending > 0, "a pending request");
    handle.pending -= 1;
    handle.parked = null;
    handle.lookup = null;
    this.outstanding -= 1;
  }
}
