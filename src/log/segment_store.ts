/**
 * What all partitions of a shard share to reach their files: the port, the data directory,
 * vectors to gather a turn's writes, and the cache of sealed segments that are open.
 *
 * Invariant: at most `openSealedMax` sealed and synced segments are open; a file with unsynced
 * bytes is never closed, because closing it could lose the error of its writeback.
 */

import { O_CREAT, O_NOFOLLOW, O_RDONLY, O_TRUNC, O_WRONLY } from "../../ffi/constants.ts";
import type { IoVector, Libc, Memory } from "../../ffi/libc.ts";
import { SharedFile } from "../base/file_slice.ts";
import { indexFile, segmentFile } from "../format/file_names.ts";
import { VECTOR_ENTRIES_MAX } from "../limits.ts";
import { FILE_MODE, fileSize, readWhole, writeWhole } from "./files.ts";
import { OffsetIndex } from "./offset_index.ts";
import type { Segment } from "./segment.ts";
import { walkIndex } from "./walk.ts";

const OPEN_SEALED_MAX = 256;
/** Headers and short walks are read into it. */
const SCRATCH_SIZE = 65536;

export interface LogCounters {
  /** Calls of pwritev. */
  writes: number;
  rolls: number;
  /** Bytes of log files read to find a batch. */
  bytesRead: number;
}

export class SegmentStore {
  readonly libc: Libc;
  /** The open data directory; partition paths are relative to it. */
  readonly dataFd: number;
  readonly scratch: Memory;
  readonly counters: LogCounters = { writes: 0, rolls: 0, bytesRead: 0 };
  /** Closes a descriptor whose last reference went. */
  readonly closeFile: (fd: number) => void;
  readonly #openSealedMax: number;
  readonly #vectors: IoVector[] = [];
  /** Sealed, synced segments that are open. */
  readonly #open: Segment[] = [];
  #useCount = 0;

  constructor(
    libc: Libc,
    dataFd: number,
    closeFile: (fd: number) => void,
    openSealedMax: number = OPEN_SEALED_MAX,
  ) {
    this.libc = libc;
    this.closeFile = closeFile;
    this.dataFd = dataFd;
    this.scratch = libc.allocate(SCRATCH_SIZE);
    this.#openSealedMax = openSealedMax;
  }

  borrowVector(): IoVector {
    return this.#vectors.pop() ?? this.libc.ioVector(VECTOR_ENTRIES_MAX);
  }

  giveBackVector(vector: IoVector): void {
    this.#vectors.push(vector);
  }

  /** Opens file and index of `segment` where they are not. Returns 0 or -errno. */
  open(directory: string, segment: Segment): number {
    this.#useCount += 1;
    segment.lastUsed = this.#useCount;
    if (segment.file !== null && segment.index !== null) return 0;
    if (segment.file === null) {
      const path = `${directory}/${segmentFile(segment.baseOffset)}`;
      const fd = this.libc.openat(this.dataFd, path, O_RDONLY | O_NOFOLLOW, 0);
      if (fd < 0) return fd;
      segment.file = new SharedFile(fd, this.closeFile);
      this.#admit(segment);
    }
    segment.index ??= this.#loadIndex(directory, segment);
    return 0;
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
    let oldest = 0;
    for (let i = 1; i < this.#open.length; i += 1) {
      if (this.#open[i]!.lastUsed < this.#open[oldest]!.lastUsed) oldest = i;
    }
    const [segment] = this.#open.splice(oldest, 1);
    segment!.file!.release();
    segment!.file = null;
    segment!.index = null;
  }

  /** The index of a sealed segment: its file, or where that is not right, a walk over the log. */
  #loadIndex(directory: string, segment: Segment): OffsetIndex {
    const index = new OffsetIndex();
    const path = `${directory}/${indexFile(segment.baseOffset)}`;
    const fd = this.libc.openat(this.dataFd, path, O_RDONLY | O_NOFOLLOW, 0);
    if (fd >= 0) {
      const size = fileSize(this.libc, fd);
      const memory = this.libc.allocate(Math.max(size, 1));
      const read = readWhole(this.libc, fd, memory, 0, Math.max(size, 0), 0);
      this.libc.close(fd);
      if (read === size && index.decode(memory.view, size, segment.size)) return index;
    }
    return walkIndex(this, segment);
  }
}

/**
 * Writes the index of a segment beside it. A failure is no loss: the index is rebuilt when it is
 * missing. An older file of that name must not stay: it may be of another log.
 */
export function writeIndex(store: SegmentStore, directory: string, segment: Segment): void {
  const index = segment.index;
  if (index === null) return;
  const path = `${directory}/${indexFile(segment.baseOffset)}`;
  const flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
  const fd = store.libc.openat(store.dataFd, path, flags, FILE_MODE);
  if (fd < 0) {
    store.libc.unlinkat(store.dataFd, path, 0);
    return;
  }
  const memory = store.libc.allocate(Math.max(index.encodedSize, 1));
  index.encode(memory.view);
  const wrote = writeWhole(store.libc, fd, memory, index.encodedSize, 0);
  if (wrote < 0) store.libc.unlinkat(store.dataFd, path, 0);
  store.libc.close(fd);
}
