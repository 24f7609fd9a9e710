/**
 * The log start of a partition, and what leaves with it. A segment goes only after main has the
 * higher log start on disk: after a power cut its file may be back, but its records are not.
 *
 *     want (delete-records, retention) -> main: log-start-offset-checkpoint -> confirm -> unlink
 *
 * Invariant: no file is unlinked that holds a record at or above the log start.
 */

import { assert } from "../base/assert.ts";
import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import { CUT_BYTES } from "../limits.ts";
import { openDirectory } from "./files.ts";
import type { Partition } from "./partition.ts";
import type { Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";

/** A turn does not wait for more: the rest goes in the next ones. */
const SEGMENTS_PER_LOOK = 16;

/** Asks for a higher log start; it is published by `publishLogStart`. */
export function wantLogStart(partition: Partition, offset: number): ErrorCode {
  if (offset > partition.visible.offset) return ErrorCodes.offset_out_of_range;
  if (partition.broken || partition.degraded !== "" || partition.abandoned) {
    return partition.failure;
  }
  partition.logStartWanted = Math.max(partition.logStartWanted, offset);
  partition.syncTarget = Math.max(partition.syncTarget, offset);
  return ErrorCodes.none;
}

/** The log start is durable in main's checkpoint: it is published, and what is below it goes. */
export function publishLogStart(partition: Partition, offset: number): void {
  if (offset <= partition.logStart || partition.abandoned) return;
  assert(offset <= partition.durable.offset, "a log start is durable as its records are");
  partition.logStart = offset;
  partition.logStartWanted = Math.max(partition.logStartWanted, offset);
  dropBelow(partition);
}

/**
 * Removes segments that lie wholly below the log start. The active one stays, and one that a sync
 * has to report first. True when there are more for another look.
 */
export function dropBelow(partition: Partition): boolean {
  const { segments, store, directory, logStart, unsynced } = partition;
  if (segments.length === 1 || segments[1]!.baseOffset > logStart) return false;
  for (let gone = 0; segments.length > 1 && segments[1]!.baseOffset <= logStart; gone += 1) {
    if (gone === SEGMENTS_PER_LOOK) return true;
    if (unsynced.has(segments[0]!)) return false;
    const segment = segments[0]!;
    if (!unlinkSegment(store, directory, segment)) return false; // at the next look
    segments.shift();
    partition.boundaries.forget(segment);
    store.drop(segment);
    store.counters.segmentsDeleted += 1;
    store.counters.segmentsDeletedBytes += segment.size;
  }
  if (partition.epochs.truncateStart(logStart)) partition.checkpoint.epochsChanged = true;
  return false;
}

/**
 * The topic is deleted: its large files go in slices, before main removes all that it finds. Where
 * there is no room for more jobs main frees them as wholes.
 */
export function unlinkLarge({ store, directory, segments }: Partition): void {
  for (const segment of segments) {
    if (segment.size > CUT_BYTES && !unlinkSegment(store, directory, segment)) return;
  }
}

/** Has the files of a segment removed. False where that cannot be begun now. */
export function unlinkSegment(
  store: SegmentStore,
  directory: string,
  segment: Pick<Segment, "baseOffset" | "size" | "file">,
): boolean {
  const fd = openDirectory(store.libc, store.dataFd, directory);
  if (fd < 0) return false;
  const { baseOffset, size, file } = segment;
  if (store.fileJobs.unlink(fd, baseOffset, size, file === null ? -1 : file.fd)) return true;
  store.libc.close(fd);
  return false;
}
