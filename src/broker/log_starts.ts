/**
 * Deleting records: a higher log start of a partition, answered when it is on disk.
 *
 *     wanted -> the shard tells main -> checkpoint file -> confirmed: published, answered
 *
 * Invariant: a request is answered exactly once, and as a success only when the log start that it
 * asked for will be found by the next start.
 */

import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import type { Broker, Door } from "./broker.ts";
import type { TopicPartition } from "./topics.ts";
import { publishLogStart, wantLogStart } from "../log/log_start.ts";

/** A request to delete records, as the door gave it. */
export interface LogStartWaiter {
  readonly slot: number;
  readonly generation: number;
  readonly correlation: number;
  readonly handle: number;
  /** What the log start must reach. */
  readonly offset: number;
}

/** In place of an offset: everything that is visible. */
export const VISIBLE_END = -1;

/** Answers at once or parks the request. Not none: it is refused, and nothing is parked. */
export function deleteRecords(
  broker: Broker,
  partition: TopicPartition,
  request: LogStartWaiter,
  door: Door,
): ErrorCode {
  const { log } = partition;
  const offset = request.offset === VISIBLE_END ? log.visible.offset : request.offset;
  if (offset < 0) return ErrorCodes.offset_out_of_range;
  const error = wantLogStart(log, offset);
  if (error !== ErrorCodes.none) return error;
  partition.logStartWaiters.push({ ...request, offset });
  answerReached(partition, door);
  // The caretaker tells main, once the records are on disk where the level shows more than that.
  if (log.logStartWanted > log.logStart) broker.queueAttention(partition);
  return ErrorCodes.none;
}

/** Main has a log start on disk. */
export function confirmLogStart(
  broker: Broker,
  partition: TopicPartition,
  offset: number,
  door: Door,
): void {
  publishLogStart(partition.log, offset);
  answerReached(partition, door);
  broker.moved.push(partition); // fetches that wait below it are out of range now
}

/** Answers all who wait with an error. */
export function refuseLogStarts(partition: TopicPartition, error: ErrorCode, door: Door): void {
  for (const waiter of partition.logStartWaiters.splice(0)) {
    door.logStartDone(partition, waiter, error);
  }
}

function answerReached(partition: TopicPartition, door: Door): void {
  const waiters = partition.logStartWaiters;
  const waiting = waiters.filter(({ offset }) => offset > partition.log.logStart);
  if (waiting.length === waiters.length) return;
  const reached = waiters.filter(({ offset }) => offset <= partition.log.logStart);
  waiters.splice(0, waiters.length, ...waiting);
  for (const waiter of reached) door.logStartDone(partition, waiter, ErrorCodes.none);
}
