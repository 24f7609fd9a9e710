/**
 * What recovery does to the files of a partition: list, open, cut and remove. Each throws
 * StorageError, and what it changed is on disk when it returns, but for `cutUnsynced`.
 */

import { AT_EMPTY_PATH, ENOENT, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } from "../../ffi/constants.ts";
import type { DirectoryEntry } from "../../ffi/libc.ts";
import { SharedFile } from "../base/file_slice.ts";
import { BATCH_HEADER_SIZE, batchMaxTimestamp } from "../format/batch.ts";
import {
  parseSegmentFile,
  parseSnapshotFile,
  segmentFile,
  TEMPORARY_SUFFIX,
} from "../format/file_names.ts";
import { FILE_MODE, must, openDirectory, readWhole, syncDirectory } from "./files.ts";
import { unlinkIndexes } from "./index_files.ts";
import { Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";

export interface PartitionListing {
  /** Base offsets of the segment files, ascending. */
  readonly bases: number[];
  /** Offsets of the producer snapshots. */
  readonly snapshots: number[];
}

/** What is in the directory; files that were never renamed are removed, other names left alone. */
export function listPartition(store: SegmentStore, directory: string): PartitionListing {
  const { libc, dataFd } = store;
  const fd = must(openDirectory(libc, dataFd, directory), `open ${directory}`);
  const entries: DirectoryEntry[] = [];
  const read = libc.readDirectory(fd, entries);
  libc.close(fd);
  must(read, `read directory ${directory}`);
  const bases: number[] = [];
  const snapshots: number[] = [];
  for (const { name } of entries) {
    const base = parseSegmentFile(name);
    const snapshot = parseSnapshotFile(name);
    if (base !== null) bases.push(base);
    if (snapshot !== null) snapshots.push(snapshot);
    if (name.endsWith(TEMPORARY_SUFFIX)) libc.unlinkat(dataFd, `${directory}/${name}`, 0);
  }
  return { bases: bases.sort((a, b) => a - b), snapshots };
}

/** An empty first segment. */
export function createFirst(store: SegmentStore, directory: string, base: number): Segment {
  const path = `${directory}/${segmentFile(base)}`;
  const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
  const fd = must(store.libc.openat(store.dataFd, path, flags, FILE_MODE), `create ${path}`);
  try {
    syncDirectory(store.libc, store.dataFd, directory);
  } catch (error) {
    store.libc.close(fd);
    throw error;
  }
  return new Segment(base, 0, new SharedFile(fd, store.closeFile));
}

export function openSegment(store: SegmentStore, directory: string, base: number): Segment {
  const { libc, dataFd } = store;
  const path = `${directory}/${segmentFile(base)}`;
  const fd = must(libc.openat(dataFd, path, O_RDWR | O_NOFOLLOW, 0), `open ${path}`);
  const status = libc.fileStatus();
  const found = libc.statx(fd, "", AT_EMPTY_PATH, status);
  if (found < 0) libc.close(fd);
  must(found, `status of ${path}`);
  const segment = new Segment(base, status.size, new SharedFile(fd, store.closeFile));
  segment.lastAppendMs = status.modifiedMs;
  return segment;
}

/** A sealed segment that is not opened. */
export function statSegment(store: SegmentStore, directory: string, base: number): Segment {
  const path = `${directory}/${segmentFile(base)}`;
  const status = store.libc.fileStatus();
  must(store.libc.statx(store.dataFd, path, 0, status), `status of ${path}`);
  const segment = new Segment(base, status.size, null);
  segment.unseenSize = status.size;
  segment.lastAppendMs = status.modifiedMs;
  return segment;
}

/** The file ends at `end` from now on; on disk, when it was synced. */
export function cutUnsynced(store: SegmentStore, segment: Segment, end: number): void {
  const name = segmentFile(segment.baseOffset);
  must(store.libc.ftruncate(segment.file!.fd, end), `truncate ${name}`);
}

/** The file ends at `end` from now on. */
export function cutSegment(store: SegmentStore, segment: Segment, end: number): void {
  cutUnsynced(store, segment, end);
  must(store.libc.fsync(segment.file!.fd), `sync ${segmentFile(segment.baseOffset)}`);
}

/** Removes segments with their indexes. Returns the bytes of log that went. */
export function removeSegments(
  store: SegmentStore,
  directory: string,
  bases: readonly number[],
): number {
  const { libc, dataFd } = store;
  const status = libc.fileStatus();
  let bytes = 0;
  for (const base of bases) {
    const path = `${directory}/${segmentFile(base)}`;
    if (libc.statx(dataFd, path, 0, status) === 0) bytes += status.size;
    const removed = libc.unlinkat(dataFd, path, 0);
    if (removed !== -ENOENT) must(removed, `remove ${path}`);
    unlinkIndexes(store, directory, base);
  }
  syncDirectory(libc, dataFd, directory);
  return bytes;
}

/** Every segment goes, and an empty one at `base` is the log. */
export function replaceAll(
  store: SegmentStore,
  directory: string,
  segments: Segment[],
  base: number,
): void {
  for (const segment of segments) store.drop(segment);
  removeSegments(store, directory, segments.map(({ baseOffset }) => baseOffset));
  segments.splice(0, segments.length, createFirst(store, directory, base));
}

/**
 * When the segment that will be appended to was begun: at its first timestamp, where that can be,
 * or else when its file was last written.
 */
export function setAge(store: SegmentStore, segment: Segment): void {
  if (segment.size < BATCH_HEADER_SIZE) return;
  segment.firstAppendMs = segment.lastAppendMs;
  const { libc, scratch } = store;
  const read = readWhole(libc, segment.file!.fd, scratch, 0, BATCH_HEADER_SIZE, 0);
  if (read < BATCH_HEADER_SIZE) return;
  const first = batchMaxTimestamp(scratch.view, 0);
  if (first > 0 && first < segment.lastAppendMs) segment.firstAppendMs = first;
}
