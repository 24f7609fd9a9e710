/**
 * Looking up an offset by time, as every door answers it: at once, or when what it has to read of
 * the log is in the page cache.
 *
 *     lookup -> answered
 *            -> COLD: parked, the background worker reads -> ready -> the lookup goes on
 *
 * Invariant: a lookup is answered exactly once, or not at all when its connection ended.
 */

import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import { COLD_TRIES_MAX, COLD_WAIT_MS } from "../limits.ts";
import { COLD } from "../log/read.ts";
import { type TimedOffset, TimeLookup } from "../log/time_lookup.ts";
import type { Broker, Door } from "./broker.ts";
import type { ColdStream, ColdWaiter } from "./cold_stream.ts";
import { waitForReads } from "./read_slice.ts";
import type { TopicPartition } from "./topics.ts";

export type { TimedOffset };

/** In place of a timestamp: no record is at or after the time. */
const NO_TIMESTAMP = -1;

/** A lookup, as the door gave it. */
export interface TimeRequest {
  readonly slot: number;
  readonly generation: number;
  readonly correlation: number;
  readonly handle: number;
  readonly timestampMs: number;
}

export class TimeWaiter implements ColdWaiter {
  stream: ColdStream | null = null;
  tries = 0;
  missedAt = 0;
  partBytes = 0;
  readResult = 0;
  readonly partition: TopicPartition;
  readonly request: TimeRequest;
  readonly lookup: TimeLookup;
  readonly deadlineMs: number;

  constructor(partition: TopicPartition, request: TimeRequest, nowMs: number) {
    this.partition = partition;
    this.request = request;
    this.lookup = new TimeLookup(partition.log, request.timestampMs);
    this.deadlineMs = nowMs + COLD_WAIT_MS;
  }
}

/**
 * The first record at or after the time; without one the visible end, and timestamp -1. Answers at
 * once (null), or parks the request and returns its waiter.
 */
export function findOffsetForTime(
  broker: Broker,
  partition: TopicPartition,
  request: TimeRequest,
  nowMs: number,
  door: Door,
): TimeWaiter | null {
  const waiter = new TimeWaiter(partition, request, nowMs);
  broker.timeWaiters.add(waiter);
  return goOn(broker, waiter, door) ? null : waiter;
}

/** A lookup whose bytes have been read from the disk, or could not be. */
export function continueLookup(broker: Broker, waiter: TimeWaiter, door: Door): void {
  if (waiter.readResult < 0) answer(broker, waiter, ErrorCodes.storage_failed, door);
  else goOn(broker, waiter, door);
}

/** The disk is too slow for those: the client may ask again, and finds what was read meanwhile. */
export function expireLookups(broker: Broker, nowMs: number, door: Door): void {
  for (const waiter of broker.timeWaiters) {
    if (waiter.deadlineMs <= nowMs) answer(broker, waiter, ErrorCodes.storage_slow, door);
  }
}

/** Answers all that wait, or those of one partition, with an error. */
export function refuseLookups(
  broker: Broker,
  partition: TopicPartition | null,
  error: ErrorCode,
  door: Door,
): void {
  for (const waiter of broker.timeWaiters) {
    if (partition === null || waiter.partition === partition) answer(broker, waiter, error, door);
  }
}

/** Nobody waits for this answer any more. */
export function cancelLookup(broker: Broker, waiter: TimeWaiter): void {
  broker.coldReads?.forget(waiter);
  broker.timeWaiters.delete(waiter);
}

/** True when it is answered. */
function goOn(broker: Broker, waiter: TimeWaiter, door: Door): boolean {
  const { partition, lookup, tries } = waiter;
  lookup.reads.guard(tries < COLD_TRIES_MAX ? broker.guarding : null);
  const found = lookup.step();
  if (found === COLD) {
    waitForReads(broker.coldReads!, partition, waiter, lookup.reads);
    return false;
  }
  const end = { offset: partition.log.visible.offset, timestamp: NO_TIMESTAMP };
  answer(broker, waiter, found ?? end, door);
  return true;
}

function answer(
  broker: Broker,
  waiter: TimeWaiter,
  found: TimedOffset | ErrorCode,
  door: Door,
): void {
  cancelLookup(broker, waiter);
  door.offsetForTimeDone(waiter, found);
}
