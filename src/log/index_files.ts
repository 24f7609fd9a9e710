/**
 * The two index files of a segment, beside its log. They are written at checkpoints, at a roll
 * and at a clean stop, each time only the entries that are new, and never synced: they are no
 * evidence about the log and are made anew from it when they are missing or wrong.
 *
 *     segment open   <- both files decode      entries used after a look at their batches
 *                    <- one does not           both from the headers of the log, files replaced
 *
 * Invariant: `indexWritten` and `timesWritten` entries lie in the files as they are in memory; at
 * REPLACE the next write replaces whatever is there, which may be of another log.
 */

import { O_CREAT, O_NOFOLLOW, O_RDONLY, O_TRUNC, O_WRONLY } from "../../ffi/constants.ts";
import { type FileSlice, SharedFile } from "../base/file_slice.ts";
import { indexFile, timeIndexFile } from "../format/file_names.ts";
import { FILE_MODE, fileSize, readWhole, writeWhole } from "./files.ts";
import { INDEX_ENTRY_SIZE, OffsetIndex } from "./offset_index.ts";
import type { Residency } from "./residency.ts";
import { REPLACE, type Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";
import { TIME_ENTRY_SIZE, TimeIndex } from "./time_index.ts";
import { walkIndexes } from "./index_rebuild.ts";

/** Gives an open segment its indexes: from their files, or else from the log. */
export function loadIndexes(store: SegmentStore, directory: string, segment: Segment): void {
  if (readIndexes(store, directory, segment)) return;
  rebuildIndexes(store, directory, segment);
}

/**
 * Of a segment whose indexes are not loaded: fills `into` with the whole of an index file that is
 * not in the page cache, open, with its only reference in `into`. False when loading waits for no
 * disk.
 */
export function findMissingIndex(
  store: SegmentStore,
  directory: string,
  segment: Segment,
  residency: Residency,
  into: FileSlice,
): boolean {
  const { libc, dataFd } = store;
  for (const name of [indexFile(segment.baseOffset), timeIndexFile(segment.baseOffset)]) {
    const fd = libc.openat(dataFd, `${directory}/${name}`, O_RDONLY | O_NOFOLLOW, 0);
    if (fd < 0) continue; // it is made anew from the log
    const size = fileSize(libc, fd);
    if (size > 0 && !residency.holds(fd, 0, size)) {
      into.file = new SharedFile(fd, store.closeFile);
      into.position = 0;
      into.size = size;
      return true;
    }
    libc.close(fd);
  }
  return false;
}

/** Makes both indexes of an open segment anew from its headers, and replaces their files. */
export function rebuildIndexes(store: SegmentStore, directory: string, segment: Segment): void {
  walkIndexes(store, segment);
  segment.indexWritten = REPLACE;
  segment.timesWritten = REPLACE;
  writeIndexes(store, directory, segment);
}

/** Both indexes from their files. False where one of them cannot be the segment's. */
export function readIndexes(store: SegmentStore, directory: string, segment: Segment): boolean {
  const index = new OffsetIndex();
  const times = new TimeIndex();
  const base = segment.baseOffset;
  // Entries are fewer than batches, and smaller: no index is as large as its segment.
  let size = readFile(store, `${directory}/${indexFile(base)}`, segment.size);
  if (size < 0 || !index.decode(store.block(0).view, size, segment.size)) return false;
  size = readFile(store, `${directory}/${timeIndexFile(base)}`, segment.size);
  if (size < 0 || !times.decode(store.block(0).view, size, RELATIVE_OFFSET_MAX)) return false;
  segment.index = index;
  segment.times = times;
  segment.indexWritten = index.count;
  segment.timesWritten = times.count;
  return true;
}

/**
 * Writes the entries that the files do not hold yet. A failure is no loss. `release` takes the
 * descriptor of each file: those of a sealed segment are synced, because nobody looks at them again
 * after a power cut.
 */
export function writeIndexes(
  store: SegmentStore,
  directory: string,
  segment: Segment,
  release: ((fd: number) => void) | null = null,
): void {
  const { index, times, baseOffset, indexWritten, timesWritten } = segment;
  if (index === null || times === null) return;
  let path = `${directory}/${indexFile(baseOffset)}`;
  const wroteOffsets = writeEntries(store, path, index, indexWritten, INDEX_ENTRY_SIZE, release);
  segment.indexWritten = wroteOffsets;
  path = `${directory}/${timeIndexFile(baseOffset)}`;
  const wroteTimes = writeEntries(store, path, times, timesWritten, TIME_ENTRY_SIZE, release);
  segment.timesWritten = wroteTimes;
}

/** Removes the files: their segment is gone, or is going. */
export function unlinkIndexes(store: SegmentStore, directory: string, baseOffset: number): void {
  const { libc, dataFd } = store;
  libc.unlinkat(dataFd, `${directory}/${indexFile(baseOffset)}`, 0);
  libc.unlinkat(dataFd, `${directory}/${timeIndexFile(baseOffset)}`, 0);
}

/** Offsets in an index are int32, relative to the segment. */
export const RELATIVE_OFFSET_MAX = 2147483647;

interface Entries {
  readonly count: number;
  encode(view: DataView, first: number): void;
}

/** Returns how many entries the file holds now. */
function writeEntries(
  store: SegmentStore,
  path: string,
  entries: Entries,
  written: number,
  entrySize: number,
  release: ((fd: number) => void) | null,
): number {
  const { libc, dataFd } = store;
  if (written === entries.count && release === null) return written;
  const first = Math.max(written, 0);
  const flags = O_WRONLY | O_CREAT | O_NOFOLLOW | (written === REPLACE ? O_TRUNC : 0);
  const fd = libc.openat(dataFd, path, flags, FILE_MODE);
  if (fd < 0) {
    libc.unlinkat(dataFd, path, 0);
    return REPLACE;
  }
  const size = (entries.count - first) * entrySize;
  const block = store.block(size);
  entries.encode(block.view, first);
  const wrote = writeWhole(libc, fd, block, size, first * entrySize);
  if (wrote === 0 && release !== null) release(fd);
  else libc.close(fd);
  if (wrote === 0) return entries.count;
  libc.unlinkat(dataFd, path, 0);
  return REPLACE;
}

/** Reads a whole file into the store's block. Returns its size, or below zero. */
function readFile(store: SegmentStore, path: string, sizeMax: number): number {
  const { libc, dataFd } = store;
  const fd = libc.openat(dataFd, path, O_RDONLY | O_NOFOLLOW, 0);
  if (fd < 0) return fd;
  const size = Math.min(fileSize(libc, fd), sizeMax);
  const read = size > 0 ? readWhole(libc, fd, store.block(size), 0, size, 0) : size;
  libc.close(fd);
  return read === size ? size : -1;
}
