/**
 * Partition: the log of one topic partition, a list of segments of which the last is written. It
 * has one writer, the shard that owns it, and needs no lock. Hot.
 *
 *     log start          visible        durable      written    staged
 *        |  sealed | sealed |     active   |            |          |
 *        0 ------------------ consumers see up to visible
 *
 * A turn stages batches, stamped in the receive buffer, and flushes them by one `pwritev`. A sync
 * covers what was written when it began: `beginSync` takes the snapshot that `endSync` publishes.
 *
 * Invariant: log start <= visible <= written <= staged, and durable <= written. At level fsync
 * visible is durable, but for what was shown before the topic had that level. Bytes below visible
 * are never written again. Producers and epochs know what is staged, never more than the log.
 */

import { EINTR, EIO } from "../../ffi/constants.ts";
import type { IoVector, Memory } from "../../ffi/libc.ts";
import { assert } from "../base/assert.ts";
import { shorten } from "../base/shorten.ts";
import { BatchAt, batchBaseOffset, batchMaxTimestamp, stampBatch } from "../format/batch.ts";
import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import { Level } from "../format/levels.ts";
import type { TopicConfig } from "../format/topic_config.ts";
import { Boundaries } from "./boundaries.ts";
import { Checkpoint } from "./checkpoint.ts";
import { openEpoch } from "./epoch_file.ts";
import { writeIndexes } from "./index_files.ts";
import type { LeaderEpochs } from "./leader_epochs.ts";
import { isPassing } from "./failures.ts";
import type { DamagedRange, OpenedLog, PartitionKind } from "./opened_log.ts";
import type { ProducerState } from "./producer_state.ts";
import { createSegment, isRollDue, mustRoll } from "./roll.ts";
import { LogPoint, type Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";
import { Unsynced } from "./unsynced.ts";
import { prepareSync, trim } from "./written_ahead.ts";

export class Partition {
  readonly directory: string;
  readonly config: TopicConfig;
  readonly kind: PartitionKind;
  readonly store: SegmentStore;
  /** Stamped into every batch. */
  readonly leaderEpoch: number;
  readonly segments: Segment[];
  readonly boundaries: Boundaries = new Boundaries();
  readonly visible: LogPoint;
  readonly durable: LogPoint;
  readonly written: LogPoint;
  readonly producers: ProducerState;
  readonly epochs: LeaderEpochs;
  readonly checkpoint: Checkpoint;
  readonly unsynced: Unsynced = new Unsynced();
  /** Why nothing is appended: damage was found below the recovery point. Empty when all is well. */
  readonly degraded: string;
  /** Offsets that cannot be read, ascending; only where it is degraded. */
  readonly damage: readonly DamagedRange[];
  logStart: number;
  /** A higher log start that was asked for and is not yet durable. */
  logStartWanted: number;
  /** Offset of the next batch. */
  stagedEnd: number;
  /** What refused this turn's batches; `turnDone` clears it unless it is for good. */
  failure: ErrorCode = ErrorCodes.none;
  /** A write or sync failed for good: a restart must look at the disk first. */
  broken = false;
  /** fds of the sync in flight that have not reported. */
  syncsPending = 0;
  /** Everything below is to be synced, whatever the level. */
  syncTarget = 0;
  /** The topic is deleted. */
  abandoned = false;
  readonly #syncing: LogPoint;
  #active: Segment;
  #vector: IoVector | null = null;

  constructor(
    store: SegmentStore,
    directory: string,
    config: TopicConfig,
    kind: PartitionKind,
    leaderEpoch: number,
    log: OpenedLog,
  ) {
    const active = log.segments[log.segments.length - 1];
    assert(active !== undefined, "a partition has a segment");
    assert(active.file !== null, "the active segment is open");
    this.store = store;
    this.directory = directory;
    this.config = config;
    this.kind = kind;
    this.leaderEpoch = Math.max(leaderEpoch, log.epochs.latest);
    this.segments = log.segments;
    this.#active = active;
    this.logStart = log.logStart;
    this.logStartWanted = log.logStart;
    this.stagedEnd = log.end;
    this.written = new LogPoint(active, log.end, active.size);
    this.visible = new LogPoint(active, log.end, active.size);
    this.durable = new LogPoint(active, log.end, active.size);
    this.#syncing = new LogPoint(active, log.end, active.size);
    this.boundaries.add(this.visible);
    this.producers = log.producers;
    this.epochs = log.epochs;
    this.checkpoint = new Checkpoint(log);
    this.degraded = log.degraded;
    this.damage = log.damage;
    if (log.degraded !== "") this.failure = ErrorCodes.partition_degraded;
  }

  get active(): Segment {
    return this.#active;
  }

  get hasStaged(): boolean {
    return this.#vector !== null;
  }

  get recoveryPoint(): number {
    return this.checkpoint.recoveryPoint;
  }

  /**
   * Takes a checked batch of `size` bytes at `at`, stamps it and queues it for the next flush. The
   * memory must stay as it is until then. Returns the base offset, or an error code below zero; a
   * retry gives -duplicate_sequence, and `producers.duplicateOffset` is where the original lies.
   */
  stage(memory: Memory, at: number, size: number): number {
    if (this.failure !== ErrorCodes.none) return -this.failure;
    const view = memory.view;
    const base = this.stagedEnd;
    const last = base + view.getInt32(at + BatchAt.lastOffsetDelta);
    let code = this.producers.checkBatch(view, at);
    if (code === ErrorCodes.none) code = this.#makeRoom(size, base, last, this.leaderEpoch);
    if (code !== ErrorCodes.none) return -code;
    stampBatch(view, at, base, this.leaderEpoch);
    this.#take(memory, at, size, base, last);
    return base;
  }

  /**
   * Takes a batch of a copied log as it is: its offset at or above the end, its epoch not below the
   * last. Returns its base offset, or an error code below zero.
   */
  stageVerbatim(memory: Memory, at: number, size: number): number {
    if (this.failure !== ErrorCodes.none) return -this.failure;
    const view = memory.view;
    const base = batchBaseOffset(view, at);
    const epoch = view.getInt32(at + BatchAt.leaderEpoch);
    if (base < this.stagedEnd || epoch < this.epochs.latest) return -ErrorCodes.batch_invalid;
    const last = base + view.getInt32(at + BatchAt.lastOffsetDelta);
    const code = this.#makeRoom(size, base, last, epoch);
    if (code !== ErrorCodes.none) return -code;
    this.#take(memory, at, size, base, last);
    return base;
  }

  /** Writes what is staged, by one call where the kernel takes it whole. Returns an error code. */
  flush(): ErrorCode {
    const vector = this.#vector;
    if (vector === null) return ErrorCodes.none;
    const segment = this.#active;
    let position = segment.size;
    while (vector.size > 0) {
      const wrote = this.store.libc.pwritev(segment.file!.fd, vector, position);
      this.store.counters.writes += 1;
      if (wrote === -EINTR) continue;
      if (wrote <= 0) return this.#flushFailed(wrote < 0 ? -wrote : EIO, position);
      position += wrote;
      vector.consume(wrote);
    }
    this.#dropVector();
    const size = position - segment.size;
    this.store.disk.wrote(size, this);
    this.checkpoint.bytesSince += size;
    if (this.config.durability !== Level.os) this.unsynced.addBytes(this.store, size);
    segment.size = position;
    if (position > segment.fileSize) segment.fileSize = position;
    segment.lastAppendMs = this.store.wallMs;
    this.written.set(segment, this.stagedEnd, position);
    this.producers.settle();
    if (this.config.durability !== Level.fsync) this.#show(this.written);
    return ErrorCodes.none;
  }

  /** End of the turn: a full disk may have room again for the next one. */
  turnDone(): void {
    if (isPassing(this.failure)) this.failure = ErrorCodes.none;
  }

  /** Whether a sync would bring anything. At level os only sealed segments are synced. */
  get needsSync(): boolean {
    return !this.abandoned && (!this.unsynced.isEmpty || this.#wantsSync);
  }

  get #wantsSync(): boolean {
    const wanted = this.config.durability === Level.os ? this.syncTarget : this.written.offset;
    return this.durable.offset < wanted;
  }

  /** Whether all that was written is on disk, whatever the level, and no file is too long. */
  get isSynced(): boolean {
    if (this.syncsPending > 0 || !this.unsynced.isEmpty) return false;
    if (this.#active.fileSize > this.#active.size) return false;
    return this.durable.offset === this.written.offset;
  }

  /**
   * Begins a sync of everything written so far and trims the file (`all`: the broker stops), or of
   * what the level asks for. Writes the descriptors to sync to `fds` and returns how many;
   * `endSync` must follow for each.
   */
  beginSync(fds: number[], all: boolean): number {
    assert(this.syncsPending === 0, "one sync in flight per partition");
    shorten(fds, 0);
    const lastSealed = this.unsynced.begin(fds);
    if (lastSealed !== null) { // the next sync goes on behind it
      const next = this.segments[this.segments.indexOf(lastSealed) + 1]!;
      this.#syncing.set(lastSealed, next.baseOffset, lastSealed.size);
    } else if (all || this.config.durability !== Level.os || this.#wantsSync) {
      const isDue = prepareSync(this, all);
      if (isDue < 0) this.#break();
      if (isDue !== 0) fds.push(this.#active.file!.fd);
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
    this.unsynced.end(this.store, !this.broken && !this.abandoned);
    if (this.abandoned) this.unsynced.abandon(this.store, this.segments);
    if (this.broken || this.abandoned) return false;
    if (this.#syncing.offset > this.durable.offset) this.durable.copyFrom(this.#syncing);
    // A topic that was not at level fsync before has shown more already.
    const isShown = this.durable.offset <= this.visible.offset;
    if (this.config.durability === Level.fsync && !isShown) this.#show(this.durable);
    return true;
  }

  /** The level is another one: what was staged at the old one is synced all the same. */
  levelChanged(): void {
    if (this.config.durability !== Level.fsync) this.#show(this.written);
    this.syncTarget = Math.max(this.syncTarget, this.stagedEnd);
  }

  /** Seals the active segment and begins the next one at the offset of the next batch. */
  roll(base: number = this.stagedEnd): ErrorCode {
    const flushed = this.flush();
    if (flushed !== ErrorCodes.none) return flushed;
    const sealed = this.#active;
    const trimmed = trim(this.store.libc, sealed);
    if (trimmed < 0) return this.#fail(-trimmed);
    const created = createSegment(this.store, this.directory, base, this.unsynced);
    if (typeof created === "number") return this.#fail(-created);
    sealed.times!.mark();
    writeIndexes(this.store, this.directory, sealed, (fd) => this.unsynced.addLoose(fd));
    this.unsynced.addSealed(sealed);
    this.#active = created;
    this.segments.push(created);
    this.written.set(created, this.stagedEnd, 0);
    if (!this.checkpoint.isHeld) this.checkpoint.hold(this.stagedEnd, this.producers);
    this.store.counters.rolls += 1;
    return ErrorCodes.none;
  }

  /**
   * Begins a checkpoint at the written end: it can be finished when that is durable. False when
   * there is nothing new, or nothing to be trusted.
   */
  beginCheckpoint(): boolean {
    assert(this.#vector === null, "a checkpoint knows what is written");
    if (this.broken || this.degraded !== "" || this.abandoned) return false;
    if (this.written.offset === this.recoveryPoint) return false;
    this.checkpoint.hold(this.written.offset, this.producers);
    this.syncTarget = Math.max(this.syncTarget, this.written.offset);
    return true;
  }

  get checkpointReady(): boolean {
    if (this.broken || this.abandoned) return false;
    return this.checkpoint.isHeldAtOrBelow(this.durable.offset);
  }

  /**
   * Writes index entries and producer snapshot, and moves the recovery point. Returns 0, or -errno:
   * nothing is lost then, and the next checkpoint tries again.
   */
  finishCheckpoint(): number {
    const fd = this.checkpoint.finish(this);
    if (fd > 0) this.unsynced.addLoose(fd);
    return Math.min(fd, 0);
  }

  /** The last step of a clean stop: indexes and snapshot at the end, then the files. */
  close(): void {
    if (this.degraded === "" && !this.broken && this.isSynced) {
      this.#active.times!.mark();
      this.checkpoint.hold(this.written.offset, this.producers);
      this.finishCheckpoint();
      this.checkpoint.saveEpochs(this);
    }
    this.unsynced.abandon(this.store, []); // nothing is left there, unless it is broken
    this.#active.file!.release();
  }

  /** The topic is deleted: nothing is accepted, files are closed behind the sync in flight. */
  abandon(): void {
    if (this.abandoned) return;
    this.abandoned = true;
    this.failure = ErrorCodes.topic_not_found;
    if (this.#vector !== null) this.#dropVector();
    if (this.syncsPending === 0) this.unsynced.abandon(this.store, this.segments);
  }

  #show(point: LogPoint): void {
    if (point.offset === this.visible.offset) return;
    assert(point.offset > this.visible.offset, "the visible end never moves backwards");
    this.visible.copyFrom(point);
    this.boundaries.add(point);
  }

  /** Makes sure that the epoch is on record, the segment has room, and the vector too. */
  #makeRoom(size: number, base: number, last: number, epoch: number): ErrorCode {
    const { config, directory, store, epochs } = this;
    if (store.disk.refusal !== ErrorCodes.none) return store.disk.refusal;
    if (epoch !== epochs.latest) {
      const opened = openEpoch(store, directory, epochs, epoch, base);
      if (opened < 0) return this.#fail(-opened);
    }
    const segment = this.#active;
    const staged = segment.size + (this.#vector === null ? 0 : this.#vector.size);
    const isFirst = staged === segment.size && staged > 0; // of this flush: asked once
    const isOld = isFirst && isRollDue(config, directory, segment, store.wallMs);
    if (isOld || mustRoll(config, segment, staged, size, last)) {
      const code = this.roll(base);
      if (code !== ErrorCodes.none) return code;
    } else if (this.#vector !== null && this.#vector.count === this.#vector.capacity) {
      const code = this.flush();
      if (code !== ErrorCodes.none) return code;
    }
    if (this.#vector === null) {
      this.#vector = this.store.borrowVector();
      this.#active.beginStaging(this.store.wallMs);
    }
    return ErrorCodes.none;
  }

  #take(memory: Memory, at: number, size: number, base: number, last: number): void {
    const view = memory.view;
    const vector = this.#vector!;
    const segment = this.#active;
    segment.batchAppended(last, segment.size + vector.size, size, batchMaxTimestamp(view, at));
    vector.push(memory, at, size);
    this.producers.appendBatch(view, at, base, last, this.store.wallMs);
    this.stagedEnd = last + 1;
    this.store.bound.added(size);
  }

  /** A write failed: the file ends where it ended before, and this turn's batches are refused. */
  #flushFailed(errno: number, position: number): ErrorCode {
    const segment = this.#active;
    this.#dropVector();
    segment.undoStaging();
    this.stagedEnd = this.written.offset;
    this.producers.rollBack(this.stagedEnd);
    this.epochs.truncateAbove(this.stagedEnd);
    if (!segment.cutBack(this.store.libc, errno, position)) this.#break();
    return this.#fail(errno);
  }

  #fail(errno: number): ErrorCode {
    const code = this.store.disk.failed(errno, this);
    if (isPassing(code) && !this.broken) this.failure = code;
    else this.#break();
    return this.failure;
  }

  #break(): void {
    this.broken = true;
    this.failure = ErrorCodes.storage_failed;
    this.unsynced.forgetBytes(this.store);
  }

  #dropVector(): void {
    this.store.giveBackVector(this.#vector!);
    this.#vector = null;
  }
}
