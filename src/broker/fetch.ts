/**
 * Fetching: batches from an offset on, at once or when enough of them are visible. Hot.
 *
 * Invariant: a fetch is answered exactly once: at once, when enough is visible, at its deadline,
 * or not at all when its connection ended (`Broker.cancel`).
 */

import { emptySlice, type FileSlice } from "../base/file_slice.ts";
import { shorten } from "../base/shorten.ts";
import { BATCH_HEADER_SIZE } from "../format/batch.ts";
import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import { COLD_WAIT_MS, FETCH_SIZE_MAX, FETCH_WAIT_MS_MAX } from "../limits.ts";
import { PartitionKind } from "../log/opened_log.ts";
import type { Broker, Door } from "./broker.ts";
import type { FetchWaiter } from "./fetch_waiters.ts";
import { COLD, readSlice, waitForBytes } from "./read_slice.ts";
import type { TopicPartition } from "./topics.ts";

/** What a fetch asks for; doors keep one and fill it per request. */
export interface FetchRequest {
  slot: number;
  generation: number;
  correlation: number;
  handle: number;
  offset: number;
  /** From where its records are counted: at or above `offset` where some were counted before. */
  countFrom: number;
  minBytes: number;
  maxBytes: number;
  maxWaitMs: number;
}

/** One slice for all: it is handed on before the next is read. */
const slice: FileSlice = emptySlice();

/** Answers at once (null), or parks the request and returns its waiter. */
export function fetch(
  broker: Broker,
  partition: TopicPartition,
  request: FetchRequest,
  nowMs: number,
  door: Door,
): FetchWaiter | null {
  const maxBytes = Math.min(request.maxBytes, FETCH_SIZE_MAX);
  // One whole batch is answered even at maxBytes 0: so much may be waited for.
  const minBytes = Math.min(request.minBytes, Math.max(maxBytes, 1));
  const { slot, generation, correlation, handle, offset } = request;
  broker.counters.fetches += 1;
  if (request.maxWaitMs > 0 && mustWait(broker, partition, offset, minBytes)) {
    broker.counters.parkedFetches += 1;
    return park(broker, partition, request, minBytes, maxBytes, nowMs);
  }
  const error = readSlice(broker, partition, offset, maxBytes, slice, null);
  if (error === COLD) {
    const waiter = park(broker, partition, request, minBytes, maxBytes, nowMs);
    waitForDisk(broker, waiter, nowMs);
    return waiter;
  }
  countFetched(broker, partition, request.countFrom);
  door.fetchDone(partition, slot, generation, correlation, handle, error, slice);
  return null;
}

function park(
  broker: Broker,
  partition: TopicPartition,
  request: FetchRequest,
  minBytes: number,
  maxBytes: number,
  nowMs: number,
): FetchWaiter {
  const waiter = broker.waiters.make();
  waiter.slot = request.slot;
  waiter.generation = request.generation;
  waiter.correlation = request.correlation;
  waiter.handle = request.handle;
  waiter.offset = request.offset;
  waiter.countFrom = request.countFrom;
  waiter.minBytes = minBytes;
  waiter.maxBytes = maxBytes;
  waiter.tries = 0;
  waiter.deadlineMs = nowMs + Math.min(request.maxWaitMs, FETCH_WAIT_MS_MAX);
  broker.waiters.park(waiter, partition);
  return waiter;
}

/** A parked fetch waits until what `readSlice` found missing is read. */
function waitForDisk(broker: Broker, waiter: FetchWaiter, nowMs: number): void {
  if (waiter.tries === 0) {
    broker.waiters.postpone(waiter, Math.max(waiter.deadlineMs, nowMs + COLD_WAIT_MS));
  }
  waitForBytes(broker, waiter.partition!, waiter);
}

/** Whether the offset is one of the log, and fewer than `minBytes` are visible from it. */
function mustWait(
  broker: Broker,
  partition: TopicPartition,
  offset: number,
  minBytes: number,
): boolean {
  const log = partition.log;
  if (offset < log.logStart || offset > log.written.offset) return false;
  // Any batch is enough, and there is one: only copied and cleaned logs may end in a gap.
  const hasBatch = log.kind === PartitionKind.own && offset < log.visible.offset;
  if (minBytes <= BATCH_HEADER_SIZE && hasBatch) return false;
  broker.reader.guard(broker.guarding); // what is missing is found missing again by `readSlice`
  return broker.reader.available(log, offset, minBytes) < minBytes;
}

/** Answers the parked fetches whose wait is over: enough is visible, or the deadline is reached. */
export function completeFetches(broker: Broker, nowMs: number, door: Door): void {
  const moved = broker.moved;
  for (let i = 0; i < moved.length; i += 1) {
    let waiter = moved[i]!.firstWaiter;
    while (waiter !== null) {
      const next: FetchWaiter | null = waiter.next;
      const waits = waiter.tries > 0 ||
        mustWait(broker, moved[i]!, waiter.offset, waiter.minBytes);
      if (!waits) completeFetch(broker, waiter, nowMs, door);
      waiter = next;
    }
  }
  shorten(moved, 0);
  for (;;) {
    const first = broker.waiters.deadlines.first();
    if (first === null || first.deadlineMs > nowMs) return;
    // The disk is too slow: the client may ask again, and finds what was read meanwhile.
    const slow = nowMs === Infinity ? ErrorCodes.shutting_down : ErrorCodes.storage_slow;
    if (first.tries > 0) refuse(broker, first, slow, door);
    else completeFetch(broker, first, nowMs, door);
  }
}

/** Fetches whose bytes have been read from the disk, or could not be. */
export function completeColdFetch(
  broker: Broker,
  waiter: FetchWaiter,
  nowMs: number,
  door: Door,
): void {
  if (waiter.readResult < 0) refuse(broker, waiter, ErrorCodes.storage_failed, door);
  else completeFetch(broker, waiter, nowMs, door);
}

/** Answers every parked fetch with what there is: the shard is stopping. */
export function completeAllFetches(broker: Broker, door: Door): void {
  completeFetches(broker, Infinity, door);
}

function completeFetch(broker: Broker, waiter: FetchWaiter, nowMs: number, door: Door): void {
  const partition = waiter.partition!;
  const { slot, generation, correlation, handle, offset, maxBytes } = waiter;
  const error = readSlice(broker, partition, offset, maxBytes, slice, waiter);
  if (error === COLD) {
    if (nowMs < Infinity) return waitForDisk(broker, waiter, nowMs);
    broker.reader.reads.forgetMissing();
    return refuse(broker, waiter, ErrorCodes.shutting_down, door);
  }
  broker.cancel(waiter);
  countFetched(broker, partition, waiter.countFrom);
  door.fetchDone(partition, slot, generation, correlation, handle, error, slice);
}

/** What `readSlice` has put into the slice goes to a consumer. */
function countFetched(
  { counters, reader }: Broker,
  { topic }: TopicPartition,
  countFrom: number,
): void {
  if (slice.size === 0) return;
  const records = Math.max(0, reader.nextOffset - countFrom);
  counters.fetchedBytes += slice.size;
  counters.fetchedRecords += records;
  topic.bytesOut += slice.size;
  topic.recordsOut += records;
}

function refuse(broker: Broker, waiter: FetchWaiter, error: ErrorCode, door: Door): void {
  const partition = waiter.partition!;
  const { slot, generation, correlation, handle } = waiter;
  broker.cancel(waiter);
  slice.file = null;
  slice.size = 0;
  door.fetchDone(partition, slot, generation, correlation, handle, error, slice);
}
