/**
 * Fetching: batches from an offset on, at once or when enough of them are visible. Hot.
 *
 * Invariant: a fetch is answered exactly once: at once, when enough is visible, at its deadline,
 * or not at all when its connection ended (`Broker.cancel`).
 */

import { emptySlice, type FileSlice } from "../base/file_slice.ts";
import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import { FETCH_SIZE_MAX, FETCH_WAIT_MS_MAX } from "../limits.ts";
import type { Broker, Door } from "./broker.ts";
import type { FetchWaiter } from "./fetch_waiters.ts";
import { readSlice } from "./read_slice.ts";
import type { TopicPartition } from "./topics.ts";

/** What a fetch asks for; doors keep one and fill it per request. */
export interface FetchRequest {
  slot: number;
  generation: number;
  correlation: number;
  handle: number;
  offset: number;
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
    const waiter = broker.waiters.make();
    waiter.slot = slot;
    waiter.generation = generation;
    waiter.correlation = correlation;
    waiter.handle = handle;
    waiter.offset = offset;
    waiter.minBytes = minBytes;
    waiter.maxBytes = maxBytes;
    waiter.deadlineMs = nowMs + Math.min(request.maxWaitMs, FETCH_WAIT_MS_MAX);
    broker.waiters.park(waiter, partition);
    broker.counters.parkedFetches += 1;
    return waiter;
  }
  const error = read(broker, partition, offset, maxBytes);
  door.fetchDone(partition, slot, generation, correlation, handle, error, slice);
  return null;
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
  return broker.reader.available(log, offset, minBytes) < minBytes;
}

/** Answers the parked fetches whose wait is over: enough is visible, or the deadline is reached. */
export function completeFetches(broker: Broker, nowMs: number, door: Door): void {
  const moved = broker.moved;
  for (let i = 0; i < moved.length; i += 1) {
    let waiter = moved[i]!.firstWaiter;
    while (waiter !== null) {
      const next: FetchWaiter | null = waiter.next;
      if (!mustWait(broker, moved[i]!, waiter.offset, waiter.minBytes)) {
        completeFetch(broker, waiter, door);
      }
      waiter = next;
    }
  }
  moved.length = 0;
  for (;;) {
    const first = broker.waiters.deadlines.first();
    if (first === null || first.deadlineMs > nowMs) return;
    completeFetch(broker, first, door);
  }
}

/** Answers every parked fetch with what there is: the shard is stopping. */
export function completeAllFetches(broker: Broker, door: Door): void {
  completeFetches(broker, Infinity, door);
}

function completeFetch(broker: Broker, waiter: FetchWaiter, door: Door): void {
  const partition = waiter.partition!;
  broker.waiters.unpark(waiter);
  const { slot, generation, correlation, handle } = waiter;
  const error = read(broker, partition, waiter.offset, waiter.maxBytes);
  door.fetchDone(partition, slot, generation, correlation, handle, error, slice);
}

function read(
  broker: Broker,
  partition: TopicPartition,
  offset: number,
  maxBytes: number,
): ErrorCode {
  const error = readSlice(broker, partition, offset, maxBytes, slice);
  if (error === ErrorCodes.none) broker.counters.fetchedBytes += slice.size;
  return error;
}
