/**
 * From an offset to a time: the highest timestamp of the batch that holds it, from its header
 * alone. The other way is `time_lookup.ts`, which is exact to the record.
 */

import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import type { Partition } from "./partition.ts";
import type { COLD, PartitionReader } from "./read.ts";

/** In place of a time: no visible record has the offset. */
export const NO_TIME = -1;

/** Of the batch that holds a record: its highest timestamp, or NO_TIME, and its offsets. */
export interface BatchTime {
  readonly timestampMs: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

const NONE: BatchTime = { timestampMs: NO_TIME, baseOffset: 0, lastOffset: 0 };

/**
 * Milliseconds since 1970, NO_TIME, or an error code where the log cannot be read. COLD: what it
 * needs is not in the page cache, the reader's guard is on, and `reader.reads` says what to read.
 */
export function timeOfOffset(
  reader: PartitionReader,
  partition: Partition,
  offset: number,
): BatchTime | ErrorCode | typeof COLD {
  if (offset < partition.logStart || offset >= partition.visible.offset) return NONE;
  const code = reader.stand(partition, offset);
  if (code === ErrorCodes.offset_out_of_range) return NONE;
  if (code !== ErrorCodes.none) return code;
  const { maxTimestamp: timestampMs, baseOffset, lastOffset } = reader.reads.walk;
  return { timestampMs, baseOffset, lastOffset };
}
