/**
 * What all partitions of a shard share to reach their files: the port, the data directory,
 * vectors to gather a turn's writes, and the cache of sealed segments that are open.
 *
 * Invariant: at most `openSealedMax` sealed and synced segments are open; a file with unsynced
 * bytes is never closed, because closing it could lose the error of its writeback.
 */

import { O_NOFOLLOW, O_RDONLY } from "../../ffi/constants.ts";
import type { IoVector, Libc, Memory } from "../../ffi/libc.ts";
import { SharedFile } from "../base/file_slice.ts";
import { segmentFile } from "../format/file_names.ts";
import {
  OPEN_SEALED_MAX,
  VECTOR_ENTRIES_MAX,
  WRITTEN_AHEAD_BYTES,
  WRITTEN_AHEAD_GROUP_MAX,
} from "../limits.ts";
import { Bound } from "./bound.ts";
import { Disk } from "./disk.ts";
import { DirectFileJobs, type FileJobs } from "./file_jobs.ts";
import { loadIndexes } from "./index_files.ts";
import type { Segment } from "./segment.ts";

/** Headers and short walks are read into it. */
const SCRATCH_SIZE = 65536;
/** Recovery reads the log in blocks of this size. */
const SCAN_BLOCK_SIZE = 4194304;
const BLOCK_SIZE_MIN = 4096;

export interface LogCounters {
  /** Calls of pwritev. */
  writes: number;
  rolls: number;
  /** Bytes of log files read to find a batch. */
  bytesRead: number;
  /** Bytes that recovery read and checked, in all and of the partition with the most. */
  recoveryScanned: number;
  recoveryScannedMax: number;
  checkpoints: number;
  /** Segments removed because the log start passed them. */
  segmentsDeleted: number;
  segmentsDeletedBytes: number;
}

export interface StoreOptions {
  readonly openSealedMax?: number;
  readonly scanBlockSize?: number;
  /** Zeros behind the active segments of level fsync, see written_ahead.ts; 0 is none. */
  readonly writtenAheadBytes?: number;
  /** Syncs of more bytes do without. */
  readonly writtenAheadGroupMax?: number;
  /** Who removes segments; by default it is done at once. */
  readonly fileJobs?: FileJobs;
}

export class SegmentStore {
  readonly libc: Libc;
  /** The open data directory; partition paths are relative to it. */
  readonly dataFd: number;
  /** Whether there is room to append. */
  readonly disk: Disk;
  /** What all logs together may take of it. */
  readonly bound: Bound;
  readonly scratch: Memory;
  readonly counters: LogCounters = {
    writes: 0,
    rolls: 0,
    bytesRead: 0,
    recoveryScanned: 0,
    recoveryScannedMax: 0,
    checkpoints: 0,
    segmentsDeleted: 0,
    segmentsDeletedBytes: 0,
  };
  /** Bytes of log that a sync is to cover and none has: of all partitions of level above os. */
  unsyncedBytes = 0;
  /** Segments, or their indexes, that were let go, and checkpoints; the server counts anew. */
  garbage = 0;
  /** Wall clock of this turn, in milliseconds; who runs the shard sets it. */
  wallMs = 0;
  readonly scanBlockSize: number;
  readonly writtenAheadBytes: number;
  readonly writtenAheadGroupMax: number;
  /** Closes a descriptor whose last reference went. */
  readonly closeFile: (fd: number) => void;
  readonly fileJobs: FileJobs;
  readonly #openSealedMax: number;
  readonly #vectors: IoVector[] = [];
  /** Sealed, synced segments that are open. */
  readonly #open: Segment[] = [];
  #useCount = 0;
  #block: Memory | null = null;
  #scanBlock: Memory | null = null;
  #zeros: Memory | null = null;

  constructor(
    libc: Libc,
    dataFd: number,
    closeFile: (fd: number) => void,
    options: StoreOptions = {},
  ) {
    this.libc = libc;
    this.closeFile = closeFile;
    this.fileJobs = options.fileJobs ?? new DirectFileJobs(libc);
    this.dataFd = dataFd;
    this.disk = new Disk(libc, dataFd);
    this.bound = new Bound(this);
    this.scratch = libc.allocate(SCRATCH_SIZE);
    this.#openSealedMax = options.openSealedMax ?? OPEN_SEALED_MAX;
    this.writtenAheadBytes = options.writtenAheadBytes ?? WRITTEN_AHEAD_BYTES;
    this.writtenAheadGroupMax = options.writtenAheadGroupMax ?? WRITTEN_AHEAD_GROUP_MAX;
    this.scanBlockSize = options.scanBlockSize ?? SCAN_BLOCK_SIZE;
    this.wallMs = libc.wallMs();
  }

  borrowVector(): IoVector {
    return this.#vectors.pop() ?? this.libc.ioVector(VECTOR_ENTRIES_MAX);
  }

  giveBackVector(vector: IoVector): void {
    vector.clear();
    this.#vectors.push(vector);
  }

  /** The block through which small files pass, of `size` bytes or more: one for all. */
  block(size: number): Memory {
    if (this.#block === null || this.#block.size < size) {
      this.#block = this.libc.allocate(Math.max(size, BLOCK_SIZE_MIN));
    }
    return this.#block;
  }

  /** The block that recovery reads the log into, of `size` bytes or more: one for all scans. */
  scanBlock(size: number): Memory {
    if (this.#scanBlock === null || this.#scanBlock.size < size) {
      this.#scanBlock = this.libc.allocate(Math.max(this.scanBlockSize, 2 * size));
    }
    return this.#scanBlock;
  }

  /** No scan follows soon. */
  dropScanBlock(): void {
    this.#scanBlock = null;
  }

  /** Zeros to write, made at the first use. */
  zeros(): Memory {
    this.#zeros ??= this.libc.allocate(this.writtenAheadBytes);
    return this.#zeros;
  }

  /** Opens file and indexes of `segment` where they are not. Returns 0 or -errno. */
  open(directory: string, segment: Segment): number {
    const opened = this.openFile(directory, segment);
    if (opened < 0) return opened;
    if (segment.index === null) loadIndexes(this, directory, segment);
    return 0;
  }

  /** Opens the file of `segment` alone. Returns 0 or -errno. */
  openFile(directory: string, segment: Segment): number {
    this.#useCount += 1;
    segment.lastUsed = this.#useCount;
    if (segment.file !== null) return 0;
    const path = `${directory}/${segmentFile(segment.baseOffset)}`;
    const fd = this.libc.openat(this.dataFd, path, O_RDONLY | O_NOFOLLOW, 0);
    if (fd < 0) return fd;
    segment.file = new SharedFile(fd, this.closeFile);
    this.#admit(segment);
    return 0;
  }

  /** The segment is deleted: it leaves the cache. Slices that wait keep its file open. */
  drop(segment: Segment): void {
    this.garbage += 1;
    const at = this.#open.indexOf(segment);
    if (at >= 0) this.#open.splice(at, 1);
    if (segment.file !== null) segment.file.release();
    segment.rebuild = null;
    forget(segment);
  }

  /** A sealed segment has nothing unsynced any more: from now on it may be closed. */
  sealedIsSynced(segment: Segment): void {
    this.#useCount += 1;
    segment.lastUsed = this.#useCount;
    this.#admit(segment);
  }

  /** Closes what the cache holds; the active segments are closed by their partitions. */
  closeAll(): void {
    while (this.#open.length > 0) this.#evict();
  }

  #admit(segment: Segment): void {
    if (this.#open.length >= this.#openSealedMax) this.#evict();
    this.#open.push(segment);
  }

  /** Closes the segment that was read least recently. */
  #evict(): void {
    this.garbage += 1;
    let oldest = 0;
    for (let i = 1; i < this.#open.length; i += 1) {
      if (this.#open[i]!.lastUsed < this.#open[oldest]!.lastUsed) oldest = i;
    }
    const [segment] = this.#open.splice(oldest, 1);
    segment!.file!.release();
    forget(segment!);
  }
}

function forget(segment: Segment): void {
  segment.file = null;
  segment.index = null;
  segment.times = null;
  segment.seenSize = 0;
}
