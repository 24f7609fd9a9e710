/**
 * Time index entries against the headers of the log. What a file says is used only after a look at
 * the batches: the file may be of another log, cut off, or damaged in any bit.
 *
 *     entry      e - 1                          e                      end
 *     batches  … | b | … all older than e … … | b | … the tail … | … |
 *                  ^ has its timestamp          ^ has it, as the first
 *
 * So an entry is wrong unnoticed only where the one before it is wrong too, and both happen to
 * name the end and the highest timestamp of a batch.
 *
 * Invariant: after `seeTail` the segment's highest timestamp is that of its headers.
 */

import { EIO } from "../../ffi/constants.ts";
import { rebuildIndexes } from "./index_files.ts";
import { beginNear } from "./replay.ts";
import type { Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";
import { Walk } from "./walk.ts";

/** The entry is not one of this log: its indexes are to be made anew. */
export const WRONG = 1;
/**
 * Where timestamps fall for so long, entries stand so far apart that one walk over the whole
 * segment is the better use of the time: what it finds needs no second look.
 */
const CONFIRM_SIZE_MAX = 16777216;

/**
 * Whether every batch up to that of `entry` is as old as it says: 0, and then the walk stands at
 * its batch; or WRONG, or -errno. The segment is open.
 */
export function confirmEntry(walk: Walk, segment: Segment, entry: number): number {
  const times = segment.times!;
  const timestamp = times.timestamp(entry);
  const lastOffset = segment.baseOffset + times.lastOffset(entry);
  let code = entry === 0 ? walk.begin(segment, 0) : standAtEntry(walk, segment, entry - 1);
  const start = walk.position;
  if (code === 0 && entry > 0) code = walk.atEnd ? WRONG : walk.next();
  while (code === 0 && walk.lastOffset < lastOffset) {
    if (walk.maxTimestamp >= timestamp || walk.atEnd) return WRONG;
    if (walk.position - start > CONFIRM_SIZE_MAX) return WRONG;
    code = walk.next();
  }
  if (code !== 0) return code;
  return walk.lastOffset === lastOffset && walk.maxTimestamp === timestamp ? 0 : WRONG;
}

/** Stands at the batch of `entry`, where it is as the entry says. 0, WRONG or -errno. */
function standAtEntry(walk: Walk, segment: Segment, entry: number): number {
  const times = segment.times!;
  const lastOffset = segment.baseOffset + times.lastOffset(entry);
  let code = beginNear(walk, segment, lastOffset);
  while (code === 0 && walk.lastOffset < lastOffset) code = walk.atEnd ? WRONG : walk.next();
  if (code !== 0) return code;
  const fits = walk.lastOffset === lastOffset && walk.maxTimestamp === times.timestamp(entry);
  return fits ? 0 : WRONG;
}

/**
 * Finds the highest timestamp of an open segment: that of the last entry, once it is confirmed,
 * and of the batches behind it. Nothing may be staged. Returns 0 or -errno.
 */
export function seeTail(store: SegmentStore, directory: string, segment: Segment): number {
  if (segment.unseenSize === 0) return 0;
  const times = segment.times!;
  const index = segment.index!;
  const walk = new Walk(store);
  let isAtEnd = segment.size === 0;
  let code = 0;
  if (!isAtEnd && times.count > 0) {
    code = confirmEntry(walk, segment, times.count - 1);
    if (code === WRONG) {
      rebuildIndexes(store, directory, segment);
      return segment.unseenSize === 0 ? 0 : -EIO;
    }
    isAtEnd = walk.atEnd;
    if (code === 0 && !isAtEnd) code = walk.next();
  } else if (!isAtEnd) {
    code = walk.begin(segment, 0);
  }
  while (code === 0 && !isAtEnd) {
    times.batchAppended(walk.maxTimestamp, walk.lastOffset - segment.baseOffset);
    const entry = index.entryAtOrBelow(walk.position);
    if (entry >= 0 && index.position(entry) === walk.position) times.mark();
    isAtEnd = walk.atEnd;
    if (!isAtEnd) code = walk.next();
  }
  if (code < 0) return code;
  segment.maxTimestamp = Math.max(segment.maxTimestamp, times.maxTimestamp);
  segment.unseenSize = 0;
  return 0;
}
