/**
 * Opening a partition: what lies in its directory becomes a list of segments and an end that is
 * on disk. After a clean stop the files are believed and only the tail of the last one is walked;
 * after any other stop every segment is scanned.
 *
 *     each segment: fdatasync -> drop its cache -> scan batch after batch
 *     first batch that is not the next one: truncate there, sync, remove the segments after it
 *
 * The sync and the drop come first: a whole batch found after a kill may never have been on disk,
 * and after a failed sync the page cache lies.
 *
 * Invariant: after recovery every byte of the log is a whole batch of dense offsets, on disk, and
 * a second recovery finds the same.
 */

import {
  ENOENT,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_RDWR,
  POSIX_FADV_DONTNEED,
  POSIX_FADV_SEQUENTIAL,
} from "../../ffi/constants.ts";
import type { DirectoryEntry, Libc, Memory } from "../../ffi/libc.ts";
import { SharedFile } from "../base/file_slice.ts";
import {
  BATCH_HEADER_SIZE,
  BatchAt,
  batchLastOffset,
  batchSize,
  checkStored,
  isBatchSize,
  Stored,
} from "../format/batch.ts";
import { indexFile, parseSegmentFile, segmentFile } from "../format/file_names.ts";
import type { TopicConfig } from "../format/topic_config.ts";
import { BATCH_SIZE_MAX_LIMIT } from "../limits.ts";
import {
  ensureDirectory,
  FILE_MODE,
  fileSize,
  must,
  openDirectory,
  readWhole,
  syncDirectory,
} from "./files.ts";
import { Partition } from "./partition.ts";
import { Segment } from "./segment.ts";
import { type SegmentStore, writeIndex } from "./segment_store.ts";
import { walkIndex } from "./walk.ts";

const CHUNK_SIZE = 4194304;
/** Instead of an end: the files are not as a clean stop leaves them, whatever was said. */
const NOT_CLEAN = -1;

export interface RecoveryReport {
  segments: number;
  bytesScanned: number;
  /** Bytes cut off behind the last whole batch, with the segments after it. */
  bytesDropped: number;
  /** Why the scan stopped, for people; empty when it reached the end. */
  stoppedAt: string;
}

export interface RecoveryOptions {
  readonly directory: string;
  readonly config: TopicConfig;
  readonly leaderEpoch: number;
  /** The broker stopped cleanly: files are whole and synced. */
  readonly clean: boolean;
  /** Called now and then with the bytes scanned so far. */
  readonly progress: (bytes: number) => void;
}

/** Opens the partition, creating its directory where there is none. Throws StorageError. */
export function openPartition(
  store: SegmentStore,
  options: RecoveryOptions,
  report: RecoveryReport,
): Partition {
  const { directory, config, leaderEpoch } = options;
  ensureDirectory(store.libc, store.dataFd, directory);
  const bases = segmentBases(store, directory);
  const segments: Segment[] = [];
  let end = 0;
  if (bases.length === 0) {
    segments.push(createFirst(store, directory));
  } else {
    end = options.clean ? openClean(store, directory, bases, segments) : NOT_CLEAN;
    if (end === NOT_CLEAN) end = new Scan(store, options, report).run(bases, segments);
  }
  report.segments = segments.length;
  return new Partition(store, directory, config, leaderEpoch, segments, end);
}

function createFirst(store: SegmentStore, directory: string): Segment {
  const path = `${directory}/${segmentFile(0)}`;
  const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
  const fd = must(store.libc.openat(store.dataFd, path, flags, FILE_MODE), `create ${path}`);
  syncDirectory(store.libc, store.dataFd, directory);
  return new Segment(0, 0, new SharedFile(fd, store.closeFile));
}

/** Base offsets of the segment files, ascending. Other names are left alone. */
function segmentBases(store: SegmentStore, directory: string): number[] {
  const fd = must(openDirectory(store.libc, store.dataFd, directory), `open ${directory}`);
  const entries: DirectoryEntry[] = [];
  const read = store.libc.readDirectory(fd, entries);
  store.libc.close(fd);
  must(read, `read directory ${directory}`);
  const bases: number[] = [];
  for (const entry of entries) {
    const base = parseSegmentFile(entry.name);
    if (base !== null) bases.push(base);
  }
  return bases.sort((a, b) => a - b);
}

function openSegment(store: SegmentStore, directory: string, base: number): Segment {
  const path = `${directory}/${segmentFile(base)}`;
  const fd = must(store.libc.openat(store.dataFd, path, O_RDWR | O_NOFOLLOW, 0), `open ${path}`);
  const size = must(fileSize(store.libc, fd), `size of ${path}`);
  return new Segment(base, size, new SharedFile(fd, store.closeFile));
}

/** After a clean stop. Returns the offset of the next record, or NOT_CLEAN and no segment. */
function openClean(
  store: SegmentStore,
  directory: string,
  bases: readonly number[],
  segments: Segment[],
): number {
  for (const base of bases.slice(0, -1)) {
    const path = `${directory}/${segmentFile(base)}`;
    const status = store.libc.fileStatus();
    must(store.libc.statx(store.dataFd, path, 0, status), `status of ${path}`);
    segments.push(new Segment(base, status.size, null));
  }
  const last = openSegment(store, directory, bases[bases.length - 1]!);
  segments.push(last);
  last.index = walkIndex(store, last);
  const end = walkEnd(store, last);
  if (end === NOT_CLEAN) {
    last.file!.release();
    segments.length = 0;
  }
  return end;
}

/** The offset after the last batch of a segment whose index is loaded; its size must fit. */
function walkEnd(store: SegmentStore, segment: Segment): number {
  let end = segment.baseOffset;
  let position = segment.index!.batchStartAtOrBelow(segment.size);
  const header = store.scratch;
  const fd = segment.file!.fd;
  while (position < segment.size) {
    const read = readWhole(store.libc, fd, header, 0, BATCH_HEADER_SIZE, position);
    if (must(read, "read a batch header") < BATCH_HEADER_SIZE) return NOT_CLEAN;
    const size = batchSize(header.view, 0);
    if (!isBatchSize(size, segment.size - position)) return NOT_CLEAN;
    end = batchLastOffset(header.view, 0) + 1;
    position += size;
  }
  return end;
}

/** The scan of one partition after an unclean stop. */
class Scan {
  readonly #libc: Libc;
  readonly #store: SegmentStore;
  readonly #options: RecoveryOptions;
  readonly #report: RecoveryReport;
  #memory: Memory;
  /** Offset that the next batch must have. */
  #expected = 0;
  #epoch = 0;

  constructor(store: SegmentStore, options: RecoveryOptions, report: RecoveryReport) {
    this.#libc = store.libc;
    this.#store = store;
    this.#options = options;
    this.#report = report;
    this.#memory = store.libc.allocate(CHUNK_SIZE);
  }

  /** Fills `segments` and returns the end: ifs are here, the work is in the leaves. */
  run(bases: readonly number[], segments: Segment[]): number {
    this.#expected = bases[0]!;
    let cutAt = bases.length;
    for (let i = 0; i < bases.length; i += 1) {
      if (bases[i] !== this.#expected) {
        cutAt = i;
        this.#report.stoppedAt = `${segmentFile(bases[i]!)}: expected ${this.#expected}`;
        break;
      }
      const segment = openSegment(this.#store, this.#options.directory, bases[i]!);
      if (i > 0) this.#sealed(segments[i - 1]!);
      segments.push(segment);
      if (!this.#scanSegment(segment)) {
        cutAt = i + 1;
        break;
      }
    }
    this.#removeAfter(bases.slice(cutAt));
    return this.#expected;
  }

  /** A segment that another one follows: its index file may be older than what was scanned. */
  #sealed(segment: Segment): void {
    writeIndex(this.#store, this.#options.directory, segment);
    this.#store.sealedIsSynced(segment);
  }

  /** False when the segment had to be cut: nothing after it is believed. */
  #scanSegment(segment: Segment): boolean {
    const fd = segment.file!.fd;
    must(this.#libc.fdatasync(fd), `sync ${segmentFile(segment.baseOffset)}`);
    this.#libc.fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    this.#libc.fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    const end = this.#scanBatches(segment);
    if (end === segment.size) return true;
    this.#report.bytesDropped += segment.size - end;
    must(this.#libc.ftruncate(fd, end), `truncate ${segmentFile(segment.baseOffset)}`);
    must(this.#libc.fsync(fd), `sync ${segmentFile(segment.baseOffset)}`);
    segment.size = end;
    return false;
  }

  /** Position after the last batch that is right. */
  #scanBatches(segment: Segment): number {
    let position = 0;
    let chunkStart = 0;
    let chunkEnd = 0;
    const size = segment.size;
    while (position < size) {
      if (chunkEnd - position < BATCH_HEADER_SIZE && chunkEnd < size) {
        chunkStart = position;
        chunkEnd = this.#load(segment, position);
      }
      const at = position - chunkStart;
      if (chunkEnd - position < BATCH_HEADER_SIZE) {
        return this.#stop(segment, position, Stored.short);
      }
      const batch = batchSize(this.#memory.view, at);
      if (!isBatchSize(batch, BATCH_SIZE_MAX_LIMIT)) {
        return this.#stop(segment, position, Stored.length);
      }
      if (batch > size - position) return this.#stop(segment, position, Stored.short);
      if (batch > chunkEnd - position) {
        if (batch > this.#memory.size) this.#memory = this.#libc.allocate(2 * batch);
        chunkStart = position;
        chunkEnd = this.#load(segment, position);
      }
      const found = this.#check(segment, position, position - chunkStart, batch);
      if (found !== Stored.whole) return this.#stop(segment, position, found);
      position += batch;
    }
    return position;
  }

  /** Checks one batch and, when it is right, moves on behind it. */
  #check(segment: Segment, position: number, at: number, size: number): Stored {
    const view = this.#memory.view;
    const found = checkStored(this.#memory, at, size, this.#expected, this.#epoch);
    if (found !== Stored.whole) return found;
    const last = batchLastOffset(view, at);
    this.#epoch = view.getInt32(at + BatchAt.leaderEpoch);
    this.#expected = last + 1;
    segment.index!.batchAppended(last - segment.baseOffset, position, size);
    return found;
  }

  /** Fills the block from `position` on. Returns the position after its last byte. */
  #load(segment: Segment, position: number): number {
    const wanted = Math.min(this.#memory.size, segment.size - position);
    const fd = segment.file!.fd;
    const read = must(
      readWhole(this.#libc, fd, this.#memory, 0, wanted, position),
      `read ${segmentFile(segment.baseOffset)}`,
    );
    this.#report.bytesScanned += read;
    this.#options.progress(this.#report.bytesScanned);
    return position + read;
  }

  #stop(segment: Segment, position: number, why: Stored): number {
    const name = Object.keys(Stored)[why]!;
    this.#report.stoppedAt = `${segmentFile(segment.baseOffset)} at ${position}: ${name}`;
    return position;
  }

  /** Segments behind the cut hold nothing that follows on it. */
  #removeAfter(bases: readonly number[]): void {
    if (bases.length === 0) return;
    const { directory } = this.#options;
    for (const base of bases) {
      const path = `${directory}/${segmentFile(base)}`;
      const status = this.#libc.fileStatus();
      if (this.#libc.statx(this.#store.dataFd, path, 0, status) === 0) {
        this.#report.bytesDropped += status.size;
      }
      const removed = this.#libc.unlinkat(this.#store.dataFd, path, 0);
      if (removed !== -ENOENT) must(removed, `remove ${path}`);
      this.#libc.unlinkat(this.#store.dataFd, `${directory}/${indexFile(base)}`, 0);
    }
    syncDirectory(this.#libc, this.#store.dataFd, directory);
  }
}
