/**
 * Producer snapshots of a partition, each named by the offset at which it was taken. At recovery
 * the latest one at or below the recovery point is the start, and the headers of the log from
 * there on are the rest.
 *
 *     …0100.snapshot  …0200.snapshot      the last two stay: the newest may not be on disk yet
 *     0 ------- 100 ------- 200 --- log end
 *
 * Invariant: a snapshot is written only when the log is durable up to its offset, and none above
 * the log's end outlives recovery: offsets above it will be given to other batches.
 */

import { ENOENT, O_CREAT, O_NOFOLLOW, O_RDONLY, O_TRUNC, O_WRONLY } from "../../ffi/constants.ts";
import type { ByteBlock } from "../base/bytes.ts";
import { snapshotFile } from "../format/file_names.ts";
import {
  FILE_MODE,
  fileSize,
  must,
  openDirectory,
  readWhole,
  syncDirectory,
  writeWhole,
} from "./files.ts";
import { decodeSnapshot } from "./producer_snapshot.ts";
import { ProducerState } from "./producer_state.ts";
import type { SegmentStore } from "./segment_store.ts";

const SNAPSHOTS_KEPT = 2;
/** What is larger is none: over a million batches of producers. */
const SNAPSHOT_SIZE_MAX = 67108864;

/** A producer state, and the offset up to which it knows the log. */
export interface Snapshot {
  readonly offset: number;
  readonly producers: ProducerState;
}

export class SnapshotFiles {
  readonly #store: SegmentStore;
  readonly #directory: string;
  /** Offsets of the files that exist, ascending. */
  #offsets: number[];

  constructor(store: SegmentStore, directory: string, offsets: readonly number[]) {
    this.#store = store;
    this.#directory = directory;
    this.#offsets = [...offsets].sort((a, b) => a - b);
  }

  get latest(): number {
    return this.#offsets[this.#offsets.length - 1] ?? -1;
  }

  /**
   * Writes a snapshot; the older ones but one go. Returns its descriptor, to be synced and closed
   * by the caller, or -errno.
   */
  write(offset: number, content: ByteBlock): number {
    const { libc, dataFd } = this.#store;
    const path = this.#path(offset);
    const flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
    const fd = libc.openat(dataFd, path, flags, FILE_MODE);
    if (fd < 0) return fd;
    const block = this.#store.block(content.size);
    block.bytes.set(content.bytes);
    const wrote = writeWhole(libc, fd, block, content.size, 0);
    if (wrote < 0) {
      libc.close(fd);
      libc.unlinkat(dataFd, path, 0);
      return wrote;
    }
    this.#offsets = [...this.#offsets.filter((known) => known !== offset), offset];
    while (this.#offsets.length > SNAPSHOTS_KEPT && this.#remove(this.#offsets[0]!)) {
      this.#offsets.shift();
    }
    return fd;
  }

  /** By others: it waits for the disk now and then. False: with the next one written. */
  #remove(offset: number): boolean {
    const { libc, dataFd, fileJobs } = this.#store;
    const directory = openDirectory(libc, dataFd, this.#directory);
    if (directory < 0) return false;
    if (fileJobs.unlinkSnapshot(directory, offset)) return true;
    libc.close(directory);
    return false;
  }

  /** The latest whole snapshot at or below `offset`; an empty state at `start` without one. */
  load(offset: number, start: number): Snapshot {
    for (const at of [...this.#offsets].reverse()) {
      if (at > offset || at <= start) continue;
      const producers = this.#read(at);
      if (producers !== null) return { offset: at, producers };
      this.#offsets = this.#offsets.filter((known) => known !== at); // it is written anew
    }
    return { offset: start, producers: new ProducerState() };
  }

  /** Removes those above `end`, durably. Throws StorageError. */
  removeAbove(end: number): void {
    const { libc, dataFd } = this.#store;
    const above = this.#offsets.filter((offset) => offset > end);
    if (above.length === 0) return;
    for (const offset of above) {
      const removed = libc.unlinkat(dataFd, this.#path(offset), 0);
      if (removed !== -ENOENT) must(removed, `remove ${this.#path(offset)}`);
    }
    syncDirectory(libc, dataFd, this.#directory);
    this.#offsets = this.#offsets.filter((offset) => offset <= end);
  }

  #path(offset: number): string {
    return `${this.#directory}/${snapshotFile(offset)}`;
  }

  #read(offset: number): ProducerState | null {
    const { libc, dataFd } = this.#store;
    const fd = libc.openat(dataFd, this.#path(offset), O_RDONLY | O_NOFOLLOW, 0);
    if (fd < 0) return null;
    const size = Math.min(fileSize(libc, fd), SNAPSHOT_SIZE_MAX);
    const block = this.#store.block(Math.max(size, 0));
    const read = size > 0 ? readWhole(libc, fd, block, 0, size, 0) : size;
    libc.close(fd);
    return read === size ? decodeSnapshot(block, size) : null;
  }
}
