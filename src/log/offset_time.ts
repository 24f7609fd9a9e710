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

/** Milliseconds since 1970, NO_TIME, or an error code where the log cannot be read. */
export function timeOfOffset(
  { segments, logStart, visible, store, directory }: Partition,
  offset: number,
): { readonly timestampMs: number } | ErrorCode {
  const none = { timestampMs: NO_TIME };
  if (offset < logStart || offset >= visible.offset) return none;
  const segment = segments.findLast(({ baseOffset }) => baseOffset <= offset);
  if (segment === undefined) return none;
  if (store.open(directory, segment) < 0) return ErrorCodes.storage_failed;
  const walk = new Walk(store);
  let code = beginNear(walk, segment, offset);
  while (code === 0 && walk.lastOffset < offset) {
    if (walk.atEnd) return none; // compacted away
    code = walk.next();
  }
  return code === 0 ? { timestampMs: walk.maxTimestamp } : ErrorCodes.storage_failed;
}
