/**
 * From an offset to a time: the highest timestamp of the batch that holds it, from its header
 * alone. The other way is `time_lookup.ts`, which is exact to the record.
 */

import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import type { Partition } from "./partition.ts";
import { beginNear } from "./replay.ts";
import { Walk } from "./walk.ts";

/** In place of a time: no visible record has the offset. */
export const NO_TIME = -1;

/** Of the batch that holds a record: its highest timestamp, or NO_TIME, and its offsets. */
export interface BatchTime {
  readonly timestampMs: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

const NONE: BatchTime = { timestampMs: NO_TIME, baseOffset: 0, lastOffset: 0 };

/** Milliseconds since 1970, NO_TIME, or an error code where the log cannot be read. */
export function timeOfOffset(
  { segments, logStart, visible, store, directory }: Partition,
  offset: number,
): BatchTime | ErrorCode {
  if (offset < logStart || offset >= visible.offset) return NONE;
  const segment = segments.findLast(({ baseOffset }) => baseOffset <= offset);
  if (segment === undefined) return NONE;
  if (store.open(directory, segment) < 0) return ErrorCodes.storage_failed;
  const walk = new Walk(store);
  let code = beginNear(walk, segment, offset);
  while (code === 0 && walk.lastOffset < offset) {
    if (walk.atEnd) return NONE; // compacted away
    code = walk.next();
  }
  if (code !== 0) return ErrorCodes.storage_failed;
  const { maxTimestamp: timestampMs, baseOffset, lastOffset } = walk;
  return { timestampMs, baseOffset, lastOffset };
}
