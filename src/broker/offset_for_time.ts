/** Looking up an offset by time, as every door answers it. */

import type { ErrorCode } from "../format/errors.ts";
import { offsetForTime, type TimedOffset } from "../log/time_lookup.ts";
import type { TopicPartition } from "./topics.ts";

/** In place of a timestamp: no record is at or after the time. */
const NO_TIMESTAMP = -1;

/**
 * The first record at or after `timestampMs`; without one the visible end, and timestamp -1. An
 * error code when the log cannot be read.
 */
export function findOffsetForTime(
  { log }: TopicPartition,
  timestampMs: number,
): TimedOffset | ErrorCode {
  const found = offsetForTime(log, timestampMs);
  return found ?? { offset: log.visible.offset, timestamp: NO_TIMESTAMP };
}
