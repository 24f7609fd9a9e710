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
import { TIME_CONFIRM_SIZE_MAX } from "../limits.ts";
import type { GuardedReads } from "./guarded_reads.ts";
import { beginNear } from "./replay.ts";
import type { Segment } from "./segment.ts";
import type { Walk } from "./walk.ts";

/** The entry is not one of this log: its indexes are to be made anew. */
export const WRONG = 1;

/**
 * Whether every batch up to that of `entry` is as old as it says: 0, and then the walk stands at
 * its batch; or WRONG, NOT_RESIDENT or -errno. The segment is open.
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
    if (walk.position - start > TIME_CONFIRM_SIZE_MAX) return WRONG;
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
  const start = walk.position;
  while (code === 0 && walk.lastOffset < lastOffset) {
    if (walk.atEnd || walk.position - start > TIME_CONFIRM_SIZE_MAX) return WRONG;
    code = walk.next();
  }
  if (code !== 0) return code;
  const fits = walk.lastOffset === lastOffset && walk.maxTimestamp === times.timestamp(entry);
  return fits ? 0 : WRONG;
}

/**
 * Finds the highest timestamp of an open segment: that of the last entry, once it is confirmed,
 * and of the batches behind it. Nothing may be staged. Returns 0, NOT_RESIDENT, after which it is
 * asked again and goes on where it stood, or -errno.
 */
export function seeTail(reads: GuardedReads, directory: string, segment: Segment): number {
  if (segment.unseenSize === 0) return 0;
  const { walk } = reads;
  const times = segment.times!;
  const index = segment.index!;
  if (segment.seenSize === 0 && times.count > 0) {
    const confirmed = confirmEntry(walk, segment, times.count - 1);
    if (confirmed === WRONG) {
      const code = reads.rebuild(directory, segment);
      return code === 0 && segment.unseenSize > 0 ? -EIO : code;
    }
    if (confirmed < 0) return confirmed;
    see(segment, walk);
  }
  let code = segment.seenSize < segment.size ? walk.begin(segment, segment.seenSize) : 0;
  while (code === 0 && segment.seenSize < segment.size) {
    times.batchAppended(walk.maxTimestamp, walk.lastOffset - segment.baseOffset);
    const entry = index.entryAtOrBelow(walk.position);
    if (entry >= 0 && index.position(entry) === walk.position) times.mark();
    see(segment, walk);
    if (!walk.atEnd) code = walk.next();
  }
  if (code === 0) segment.unseenSize = 0;
  return code;
}

/** All up to the batch where the walk stands, and it, is no younger than the segment says. */
function see(segment: Segment, walk: Walk): void {
  segment.maxTimestamp = Math.max(segment.maxTimestamp, walk.maxTimestamp);
  segment.seenSize = walk.position + walk.size;
}
