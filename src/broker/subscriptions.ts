/**
 * Subscriptions: batches of a partition go to a consumer as they become visible, as far as its
 * credit and its connection allow. Catching up and following the end are the same read. Hot.
 *
 *     subscribe, credit came, visible end moved ->  runnable  -> read -> door.push -> runnable …
 *                                                               |
 *                         idle <- at the visible end, no credit +-> an error: the last push, ended
 *
 * A connection is one `Subscriber` with a queue of its runnable subscriptions: each gets one push,
 * then the next one has its turn. It is served while few of its bytes are unsent, and goes on when
 * they are sent (`roomAgain`): so a consumer that does not read costs its own pushes and no memory.
 *
 * One that is paced rests behind a push that reached the visible end, for its interval: what comes
 * meanwhile is one push instead of many. Those whose rest is over at the same time are pushed one a
 * turn.
 *
 * Invariant: pushes of a subscription are contiguous and begin only while its credit is above
 * zero; nothing is pushed after its last push, after `unsubscribe` or after `dropSubscriber`.
 */

import { assert } from "../base/assert.ts";
import type { Due } from "../base/deadlines.ts";
import { emptySlice, type FileSlice } from "../base/file_slice.ts";
import { shorten } from "../base/shorten.ts";
import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import {
  CREDIT_MAX,
  PUSH_INTERVAL_MS_MAX,
  PUSH_SIZE_MAX,
  PUSHES_PER_TURN,
  SUBSCRIPTIONS_PER_CONNECTION_MAX,
} from "../limits.ts";
import type { Partition } from "../log/partition.ts";
import type { Broker, Door } from "./broker.ts";
import type { ColdStream, ColdWaiter } from "./cold_stream.ts";
import { COLD, readSlice, waitForBytes } from "./read_slice.ts";
import type { TopicPartition } from "./topics.ts";

export class Subscription implements ColdWaiter, Due {
  readonly subscriber: Subscriber;
  readonly partition: TopicPartition;
  readonly correlation: number;
  readonly maxBytes: number;
  /** An offset of the batch that is pushed next. */
  offset: number;
  /** Bytes that may still be pushed. The batch that uses it up may leave it below zero. */
  credit: number;
  /** How long it rests behind a push that reached the visible end; 0: not at all. */
  intervalMs = 0;
  /** Until when it rests. */
  deadlineMs = 0;
  /** -1: it does not rest. */
  heapIndex = -1;
  /** In the queue of its subscriber. */
  isRunnable = false;
  /** While it waits for the disk. */
  stream: ColdStream | null = null;
  tries = 0;
  missedAt = 0;
  partBytes = 0;
  readResult = 0;
  ended = false;
  /** Neighbours in the queue of its subscriber. */
  previousRunnable: Subscription | null = null;
  nextRunnable: Subscription | null = null;
  /** Neighbours in the partition's list. */
  previous: Subscription | null = null;
  next: Subscription | null = null;

  constructor(
    subscriber: Subscriber,
    partition: TopicPartition,
    correlation: number,
    offset: number,
    credit: number,
    maxBytes: number,
  ) {
    this.subscriber = subscriber;
    this.partition = partition;
    this.correlation = correlation;
    this.offset = offset;
    this.credit = Math.min(credit, CREDIT_MAX);
    this.maxBytes = Math.min(maxBytes, PUSH_SIZE_MAX);
  }
}

/** A connection's subscriptions. */
export class Subscriber {
  readonly slot: number;
  readonly generation: number;
  readonly byCorrelation: Map<number, Subscription> = new Map();
  /** In the list of those that the next step serves. */
  isReady = false;
  #first: Subscription | null = null;
  #last: Subscription | null = null;

  constructor(slot: number, generation: number) {
    this.slot = slot;
    this.generation = generation;
  }

  get count(): number {
    return this.byCorrelation.size;
  }

  get hasRunnable(): boolean {
    return this.#first !== null;
  }

  append(subscription: Subscription): void {
    assert(!subscription.isRunnable, "queued once");
    subscription.isRunnable = true;
    subscription.previousRunnable = this.#last;
    if (this.#last === null) this.#first = subscription;
    else this.#last.nextRunnable = subscription;
    this.#last = subscription;
  }

  take(): Subscription {
    const subscription = this.#first!;
    this.remove(subscription);
    return subscription;
  }

  remove(subscription: Subscription): void {
    assert(subscription.isRunnable, "one that is queued");
    const { previousRunnable, nextRunnable } = subscription;
    if (previousRunnable === null) this.#first = nextRunnable;
    else previousRunnable.nextRunnable = nextRunnable;
    if (nextRunnable === null) this.#last = previousRunnable;
    else nextRunnable.previousRunnable = previousRunnable;
    subscription.previousRunnable = null;
    subscription.nextRunnable = null;
    subscription.isRunnable = false;
  }
}

/** One slice for all: it is handed on before the next is read. */
const slice: FileSlice = emptySlice();

/** Begins a subscription; whatever is wrong with the offset comes as its last push. */
export function subscribe(
  broker: Broker,
  subscriber: Subscriber,
  partition: TopicPartition,
  correlation: number,
  offset: number,
  credit: number,
  maxBytes: number,
): ErrorCode {
  const { byCorrelation } = subscriber;
  if (byCorrelation.has(correlation)) return ErrorCodes.subscription_exists;
  if (byCorrelation.size >= SUBSCRIPTIONS_PER_CONNECTION_MAX) {
    return ErrorCodes.too_many_subscriptions;
  }
  const made = new Subscription(subscriber, partition, correlation, offset, credit, maxBytes);
  byCorrelation.set(correlation, made);
  made.next = partition.firstSubscription;
  if (made.next !== null) made.next.previous = made;
  partition.firstSubscription = made;
  broker.subscriptions += 1;
  wake(broker, made);
  return ErrorCodes.none;
}

/** The consumer has room for so many bytes more. A subscription that has ended takes none. */
export function addCredit(
  broker: Broker,
  subscriber: Subscriber,
  correlation: number,
  bytes: number,
): void {
  const subscription = subscriber.byCorrelation.get(correlation);
  if (subscription === undefined) return;
  subscription.credit = Math.min(subscription.credit + bytes, CREDIT_MAX);
  wake(broker, subscription);
}

/** How far apart pushes that reach the visible end are. False: there is no such subscription. */
export function pace(subscriber: Subscriber, correlation: number, intervalMs: number): boolean {
  const subscription = subscriber.byCorrelation.get(correlation);
  if (subscription === undefined) return false;
  subscription.intervalMs = Math.min(intervalMs, PUSH_INTERVAL_MS_MAX);
  return true;
}

/** Ends a subscription without a last push. False: there is none, or it has ended by itself. */
export function unsubscribe(broker: Broker, subscriber: Subscriber, correlation: number): boolean {
  const subscription = subscriber.byCorrelation.get(correlation);
  if (subscription === undefined) return false;
  forget(broker, subscription);
  return true;
}

/** The connection ends or takes no more: its subscriptions are gone without a word. */
export function dropSubscriber(broker: Broker, subscriber: Subscriber): void {
  for (const subscription of subscriber.byCorrelation.values()) forget(broker, subscription);
}

/** Ends every subscription of a partition with a last push. */
export function endSubscriptions(
  broker: Broker,
  partition: TopicPartition,
  error: ErrorCode,
  door: Door,
): void {
  while (partition.firstSubscription !== null) {
    end(broker, partition.firstSubscription, error, door);
  }
}

/** Makes a subscription runnable: there may be something to read, and credit for it. */
export function wake(broker: Broker, subscription: Subscription): void {
  if (subscription.isRunnable || subscription.ended || subscription.credit <= 0) return;
  if (subscription.stream !== null) return; // `continueCold` wakes it
  if (subscription.heapIndex !== -1) return; // it rests
  subscription.subscriber.append(subscription);
  roomAgain(broker, subscription.subscriber);
}

/** What the subscription waited for has been read from the disk, or could not be. */
export function continueCold(broker: Broker, subscription: Subscription, door: Door): void {
  if (subscription.readResult < 0) end(broker, subscription, ErrorCodes.storage_failed, door);
  else wake(broker, subscription);
}

/** The subscriber is served by the next step, if any of its subscriptions is runnable. */
export function roomAgain(broker: Broker, subscriber: Subscriber): void {
  if (subscriber.isReady || !subscriber.hasRunnable) return;
  subscriber.isReady = true;
  broker.pushable.push(subscriber);
}

/** One step: what became visible in this turn, and what there was no room for before. */
export function pushBatches(broker: Broker, door: Door): void {
  const { moved, pushable, resting } = broker;
  if (resting.nextMs <= broker.nowMs) { // one a turn: none gets long by them
    const rested = resting.first()!;
    resting.remove(rested);
    wake(broker, rested);
  }
  for (let i = 0; i < moved.length; i += 1) {
    let subscription = moved[i]!.firstSubscription;
    while (subscription !== null) {
      wake(broker, subscription);
      subscription = subscription.next;
    }
  }
  let kept = 0;
  for (let i = 0; i < pushable.length; i += 1) {
    const subscriber = pushable[i]!;
    subscriber.isReady = pushTo(broker, subscriber, door);
    if (!subscriber.isReady) continue;
    pushable[kept] = subscriber;
    kept += 1;
  }
  shorten(pushable, kept);
}

/** Pushes while there is room. True when the next turn has to go on by itself. */
function pushTo(broker: Broker, subscriber: Subscriber, door: Door): boolean {
  for (let pushes = 0; subscriber.hasRunnable; pushes += 1) {
    if (pushes === PUSHES_PER_TURN) return true;
    if (!door.hasRoom(subscriber.slot, subscriber.generation)) return false;
    const subscription = subscriber.take();
    if (pushNext(broker, subscription, door)) subscriber.append(subscription);
  }
  return false;
}

/** One push of one subscription. True when it can have another. */
function pushNext(broker: Broker, subscription: Subscription, door: Door): boolean {
  const { partition, credit, maxBytes } = subscription;
  const { log } = partition;
  const bytesMax = Math.min(maxBytes, credit);
  const error = readSlice(broker, partition, subscription.offset, bytesMax, slice, subscription);
  if (error === COLD) {
    waitForBytes(broker, partition, subscription);
    return false;
  }
  subscription.tries = 0;
  if (error !== ErrorCodes.none) {
    end(broker, subscription, error, door);
    return false;
  }
  if (slice.size === 0) { // at the visible end
    const failure = endedBy(log);
    if (failure !== ErrorCodes.none) end(broker, subscription, failure, door);
    return false;
  }
  countPushed(broker, partition, broker.reader.nextOffset - subscription.offset);
  subscription.offset = broker.reader.nextOffset;
  subscription.credit -= slice.size;
  door.push(subscription, ErrorCodes.none, slice);
  if (subscription.offset >= log.visible.offset && endedBy(log) === ErrorCodes.none) {
    rest(broker, subscription);
    return false;
  }
  return subscription.credit > 0;
}

function rest({ resting, nowMs }: Broker, subscription: Subscription): void {
  if (subscription.intervalMs === 0) return;
  subscription.deadlineMs = nowMs + subscription.intervalMs;
  resting.add(subscription);
}

function countPushed({ counters }: Broker, { topic }: TopicPartition, records: number): void {
  counters.pushes += 1;
  counters.pushedBytes += slice.size;
  counters.pushedRecords += records;
  topic.bytesOut += slice.size;
  topic.recordsOut += records;
}

/** Why the visible end of a log never moves again, or `none`. */
function endedBy(log: Partition): ErrorCode {
  if (log.broken) return ErrorCodes.storage_failed;
  return log.degraded === "" ? ErrorCodes.none : ErrorCodes.partition_degraded;
}

function end(broker: Broker, subscription: Subscription, error: ErrorCode, door: Door): void {
  forget(broker, subscription);
  slice.file = null;
  slice.size = 0;
  door.push(subscription, error, slice);
}

/** Out of all lists. */
function forget(broker: Broker, subscription: Subscription): void {
  const { subscriber, partition, previous, next } = subscription;
  assert(!subscription.ended, "ended once");
  subscription.ended = true;
  if (subscription.isRunnable) subscriber.remove(subscription);
  if (subscription.heapIndex !== -1) broker.resting.remove(subscription);
  broker.coldReads?.forget(subscription);
  subscriber.byCorrelation.delete(subscription.correlation);
  if (previous === null) partition.firstSubscription = next;
  else previous.next = next;
  if (next !== null) next.previous = previous;
  subscription.previous = null;
  subscription.next = null;
  broker.subscriptions -= 1;
}
