/**
 * Partition: the log of one topic partition, a list of segments of which the last is written. It
 * has one writer, the shard that owns it, and needs no lock. Hot.
 *
 *     log start          visible        durable      written    staged
 *        |  sealed | sealed |     active   |            |          |
 *        0 ------------------ consumers see up to visible
 *
 * A turn stages batches (stamped in the receive buffer, gathered in a vector) and then flushes
 * them by one `pwritev`. A sync covers what was written when it began: `beginSync` takes a
 * snapshot, `endSync` publishes that snapshot and nothing later.
 *
 * Invariant: log start <= visible <= written <= staged, and durable <= written. At level fsync
 * visible is durable. Bytes below visible are never written again.
 */

import {
  EDQUOT,
  EFBIG,
  EINTR,
  EIO,
  ENOSPC,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_RDWR,
} from "../../ffi/constants.ts";
import type { IoVector, Libc, Memory } from "../../ffi/libc.ts";
import { assert } from "../base/assert.ts";
import { SharedFile } from "../base/file_slice.ts";
import { BatchAt, stampBatch } from "../format/batch.ts";
import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import { segmentFile } from "../format/file_names.ts";
import { Level } from "../format/levels.ts";
import type { TopicConfig } from "../format/topic_config.ts";
import { SEALED_PER_SYNC_MAX } from "../limits.ts";
import { Boundaries } from "./boundaries.ts";
import { FILE_MODE, openDirectory } from "./files.ts";
import { LogPoint, Segment } from "./segment.ts";
import { type SegmentStore, writeIndex } from "./segment_store.ts";

/** Offsets in a segment are kept relative to its first one, in an int32. */
const RELATIVE_OFFSET_MAX = 2147483647;

export class Partition {
  readonly directory: string;
  readonly config: TopicConfig;
  readonly store: SegmentStore;
  /** Stamped into every batch. */
  readonly leaderEpoch: number;
  readonly segments: Segment[];
  readonly boundaries: Boundaries = new Boundaries();
  readonly visible: LogPoint;
  readonly durable: LogPoint;
  readonly written: LogPoint;
  logStart: number;
  /** Offset of the next batch. */
  stagedEnd: number;
  /** What refused this turn's batches; `turnDone` clears it unless the disk is broken. */
  failure: ErrorCode = ErrorCodes.none;
  /**
   * A write or sync failed for good: nothing is accepted until a restart has looked at the disk.
   */
  broken = false;
  /** fds of the sync in flight that have not reported. */
  syncsPending = 0;
  readonly #libc: Libc;
  readonly #syncing: LogPoint;
  #active: Segment;
  #vector: IoVector | null = null;
  /** Sealed segments with bytes that no sync covers, oldest first. */
  #unsyncedSealed: Segment[] = [];
  /** How many of them the sync in flight covers. */
  #sealedSyncing = 0;
  /** Open while a new entry of the directory is not synced, else -1. */
  #dirtyDirectory = -1;
  #directorySyncing = -1;

  /** `segments` as recovery left them, the last one open; everything up to `end` is on disk. */
  constructor(
    store: SegmentStore,
    directory: string,
    config: TopicConfig,
    leaderEpoch: number,
    segments: Segment[],
    end: number,
  ) {
    const active = segments[segments.length - 1];
    assert(active !== undefined, "a partition has a segment");
    assert(active.file !== null, "the active segment is open");
    this.store = store;
    this.#libc = store.libc;
    this.directory = directory;
    this.config = config;
    this.leaderEpoch = leaderEpoch;
    this.segments = segments;
    this.#active = active;
    this.logStart = segments[0]!.baseOffset;
    this.stagedEnd = end;
    this.written = new LogPoint(active, end, active.size);
    this.visible = new LogPoint(active, end, active.size);
    this.durable = new LogPoint(active, end, active.size);
    this.#syncing = new LogPoint(active, end, active.size);
    this.boundaries.add(this.visible);
  }

  get active(): Segment {
    return this.#active;
  }

  get hasStaged(): boolean {
    return this.#vector !== null;
  }

  /**
   * Takes a checked batch of `size` bytes at `at`, stamps it and queues it for the next flush. The
   * memory must stay as it is until then. Returns the base offset, or an error code below zero.
   */
  stage(memory: Memory, at: number, size: number): number {
    if (this.failure !== ErrorCodes.none) return -this.failure;
    const base = this.stagedEnd;
    const last = base + memory.view.getInt32(at + BatchAt.lastOffsetDelta);
    if (this.#mustRoll(size, last)) {
      const code = this.#roll();
      if (code !== ErrorCodes.none) return -code;
    }
    let vector = this.#vector;
    if (vector !== null && vector.count === vector.capacity) {
      const code = this.flush();
      if (code !== ErrorCodes.none) return -code;
      vector = null;
    }
    if (vector === null) vector = this.#vector = this.store.borrowVector();
    const segment = this.#active;
    const position = segment.size + vector.size;
    stampBatch(memory.view, at, base, this.leaderEpoch);
    vector.push(memory, at, size);
    segment.index!.batchAppended(last - segment.baseOffset, position, size);
    this.stagedEnd = last + 1;
    return base;
  }

  /** Writes what is staged, by one call where the kernel takes it whole. Returns an error code. */
  flush(): ErrorCode {
    const vector = this.#vector;
    if (vector === null) return ErrorCodes.none;
    const segment = this.#active;
    let position = segment.size;
    while (vector.size > 0) {
      const wrote = this.#libc.pwritev(segment.file!.fd, vector, position);
      this.store.counters.writes += 1;
      if (wrote === -EINTR) continue;
      if (wrote <= 0) return this.#flushFailed(wrote < 0 ? -wrote : EIO);
      position += wrote;
      vector.consume(wrote);
    }
    this.#dropVector();
    segment.size = position;
    this.written.set(segment, this.stagedEnd, position);
    if (this.config.durability !== Level.fsync) this.#show(this.written);
    return ErrorCodes.none;
  }

  /** End of the turn: a full disk may have room again for the next one. */
  turnDone(): void {
    if (!this.broken) this.failure = ErrorCodes.none;
  }

  /** Whether a sync would bring anything. At level os only sealed segments are synced. */
  get needsSync(): boolean {
    if (this.#unsyncedSealed.length > 0) return true;
    return this.config.durability !== Level.os && this.durable.offset < this.written.offset;
  }

  /** Whether all that was written is on disk, whatever the level. */
  get isSynced(): boolean {
    if (this.syncsPending > 0 || this.#unsyncedSealed.length > 0) return false;
    return this.durable.offset === this.written.offset;
  }

  /**
   * Begins a sync of everything written so far (`all`), or of what the level asks for. Writes the
   * descriptors to sync to `fds` and returns how many; `endSync` must follow for each.
   */
  beginSync(fds: number[], all: boolean): number {
    assert(this.syncsPending === 0, "one sync in flight per partition");
    fds.length = 0;
    const sealed = this.#unsyncedSealed;
    const count = Math.min(sealed.length, SEALED_PER_SYNC_MAX);
    for (let i = 0; i < count; i += 1) fds.push(sealed[i]!.file!.fd);
    this.#sealedSyncing = count;
    if (this.#dirtyDirectory >= 0) fds.push(this.#dirtyDirectory);
    this.#directorySyncing = this.#dirtyDirectory;
    this.#dirtyDirectory = -1;
    if (count < sealed.length) {
      const last = sealed[count - 1]!; // the next sync goes on behind it
      this.#syncing.set(last, sealed[count]!.baseOffset, last.size);
    } else if (all || this.config.durability !== Level.os) {
      if (this.durable.offset < this.written.offset) fds.push(this.#active.file!.fd);
      this.#syncing.copyFrom(this.written);
    } else {
      this.#syncing.set(this.#active, this.#active.baseOffset, 0);
    }
    this.syncsPending = fds.length;
    return fds.length;
  }

  /**
   * One descriptor of the sync in flight has reported: 0 or -errno. True when it was the last one
   * and the durable end has moved. A failed sync is final: the kernel may have dropped the bytes.
   */
  endSync(result: number): boolean {
    assert(this.syncsPending > 0, "a sync in flight");
    this.syncsPending -= 1;
    if (result < 0) this.#break();
    if (this.syncsPending > 0) return false;
    if (this.#directorySyncing >= 0) this.#libc.close(this.#directorySyncing);
    this.#directorySyncing = -1;
    if (this.broken) return false;
    const synced = this.#unsyncedSealed.splice(0, this.#sealedSyncing);
    for (const segment of synced) this.store.sealedIsSynced(segment);
    if (this.#syncing.offset > this.durable.offset) this.durable.copyFrom(this.#syncing);
    if (this.config.durability === Level.fsync) this.#show(this.durable);
    return true;
  }

  /** The last step of a clean stop: the index of the active segment, then the files. */
  close(): void {
    writeIndex(this.store, this.directory, this.#active);
    this.#active.file!.release();
  }

  #show(point: LogPoint): void {
    if (point.offset === this.visible.offset) return;
    assert(point.offset > this.visible.offset, "the visible end never moves backwards");
    this.visible.copyFrom(point);
    this.boundaries.add(point);
  }

  #mustRoll(size: number, lastOffset: number): boolean {
    const segment = this.#active;
    const staged = segment.size + (this.#vector === null ? 0 : this.#vector.size);
    if (staged === 0) return false;
    if (staged + size > this.config.segmentBytes) return true;
    return lastOffset - segment.baseOffset > RELATIVE_OFFSET_MAX;
  }

  /** Seals the active segment and begins the next one at the offset of the next batch. */
  #roll(): ErrorCode {
    const flushed = this.flush();
    if (flushed !== ErrorCodes.none) return flushed;
    const sealed = this.#active;
    const name = `${this.directory}/${segmentFile(this.stagedEnd)}`;
    const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
    const fd = this.#libc.openat(this.store.dataFd, name, flags, FILE_MODE);
    if (fd < 0) return this.#fail(-fd);
    writeIndex(this.store, this.directory, sealed);
    if (this.#dirtyDirectory < 0) {
      this.#dirtyDirectory = openDirectory(this.#libc, this.store.dataFd, this.directory);
    }
    if (this.#dirtyDirectory < 0) {
      this.#libc.close(fd);
      this.#libc.unlinkat(this.store.dataFd, name, 0);
      return this.#fail(-this.#dirtyDirectory);
    }
    this.#unsyncedSealed.push(sealed);
    const file = new SharedFile(fd, this.store.closeFile);
    this.#active = new Segment(this.stagedEnd, 0, file);
    this.segments.push(this.#active);
    this.written.set(this.#active, this.stagedEnd, 0);
    this.store.counters.rolls += 1;
    return ErrorCodes.none;
  }

  /** A write failed: the file ends where it ended before, and this turn's batches are refused. */
  #flushFailed(errno: number): ErrorCode {
    const segment = this.#active;
    this.#dropVector();
    segment.index!.truncate(segment.size);
    this.stagedEnd = this.written.offset;
    if (this.#libc.ftruncate(segment.file!.fd, segment.size) < 0) this.#break();
    return this.#fail(errno);
  }

  #fail(errno: number): ErrorCode {
    const full = errno === ENOSPC || errno === EDQUOT || errno === EFBIG;
    if (!full) this.#break();
    if (!this.broken) this.failure = ErrorCodes.disk_full;
    return this.failure;
  }

  #break(): void {
    this.broken = true;
    this.failure = ErrorCodes.storage_failed;
  }

  #dropVector(): void {
    const vector = this.#vector!;
    vector.clear();
    this.store.giveBackVector(vector);
    this.#vector = null;
  }
}
