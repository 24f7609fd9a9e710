/**
 * The written-ahead tail: zeros behind the log in the file of the active segment, so that a sync
 * of a small group has no file size to commit. A sync then takes a third less time (ADR 5). Hot.
 *
 *     | batch | batch | batch | 0 0 0 0 0 0 0 0 0 0 |
 *                             size                  fileSize
 *
 * Zeros are never a batch, so a recovery ends where they begin and cuts them off. A segment that
 * is sealed, and the active one at a clean stop, are trimmed to their size before the sync that
 * covers them.
 *
 * Invariant: size <= fileSize, and the bytes between are zeros.
 */

import type { Libc } from "../../ffi/libc.ts";
import { Level } from "../format/levels.ts";
import { DiskState } from "./disk.ts";
import type { Partition } from "./partition.ts";
import type { Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";

/** `f_type` of the file systems where it was measured; one that copies on write gains nothing. */
const EXT4 = 0xef53;
const XFS = 0x58465342;

/** Whether the file system of the data directory gains by it. */
export function gainsByWritingAhead(libc: Libc, dataFd: number): boolean {
  const status = libc.fileSystemStatus();
  if (libc.fstatfs(dataFd, status) < 0) return false;
  return status.type === EXT4 || status.type === XFS;
}

/**
 * Before a sync of the active segment: sets the end of its file as the sync needs it, trimmed when
 * `isLast`. Returns 1 when there is something to sync, 0, or -errno.
 */
export function prepareSync(partition: Partition, isLast: boolean): number {
  const { active, durable, written, store } = partition;
  if (isLast && active.fileSize > active.size) return trim(store.libc, active) || 1;
  if (durable.offset === written.offset) return 0;
  if (!isLast && partition.config.durability === Level.fsync) {
    const from = durable.segment === active ? durable.position : 0;
    writeAhead(store, active, active.size - from);
  }
  return 1;
}

/**
 * Makes sure that the next groups of this size find their place in the file. Large groups do
 * without: there the bytes are what a sync takes, not the size. What fails here is no error: the
 * file grows as its batches do.
 */
function writeAhead(store: SegmentStore, segment: Segment, group: number): void {
  const step = store.writtenAheadBytes;
  if (group > store.writtenAheadGroupMax || segment.size < step) return;
  if (step === 0 || segment.fileSize - segment.size >= group) return;
  if (store.disk.state !== DiskState.ok) return;
  const start = segment.fileSize;
  const wrote = store.libc.pwrite(segment.file!.fd, store.zeros(), 0, step - (start % step), start);
  if (wrote > 0) segment.fileSize = start + wrote;
}

/** The file ends where the log does. Returns 0 or -errno. */
export function trim(libc: Libc, segment: Segment): number {
  if (segment.fileSize === segment.size) return 0;
  const result = libc.ftruncate(segment.file!.fd, segment.size);
  if (result === 0) segment.fileSize = segment.size;
  return result;
}
