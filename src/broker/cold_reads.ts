/**
 * Cold reads: a slice that is not in the page cache is not sent, because `sendfile` would hold up
 * every client until the disk answers. The background worker reads it first; whoever asked waits
 * like a long poll. Hot.
 *
 *     fetch -> slice -> resident? ----------------------------------------> sendfile
 *                          no: wait -> queue -> worker reads pieces -> ready -> asked again
 *     sent on: next fetch of the same reader -> read ahead by its window, drop what lies behind
 *
 * Readers get pieces in turn. All of them together have at most `inFlightBytes` with the worker,
 * and while there are syncs one small piece, because both share the disk's queue.
 *
 * Invariant: a piece that was posted is reported once, in order. Everything here is a hint about
 * the cache: nothing depends on it but time.
 */

import { assert } from "../base/assert.ts";
import type { FileSlice, SharedFile } from "../base/file_slice.ts";
import type { Residency } from "../log/residency.ts";
import type { Segment } from "../log/segment.ts";
import {
  COLD_DROP_STEP,
  COLD_KERNEL_AHEAD_MAX,
  COLD_PIECE,
  COLD_PIECE_SYNCING,
  COLD_SYNCING_MS,
} from "../limits.ts";
import { droppableEnd, isSynced, readerAt } from "./cold_readers.ts";
import { ColdStream, type ColdWaiter, countTry } from "./cold_stream.ts";
import { SeenChunks } from "./seen_chunks.ts";
import type { TopicPartition } from "./topics.ts";

/** What the background worker does with a file. */
export interface ColdJobs {
  /**
   * Reads a range; what follows it may be read ahead, but not where it `isBounded`. False: no room
   * for the job.
   */
  read(fd: number, position: number, size: number, isBounded: boolean): boolean;
  /** Lets a range leave the page cache. */
  dropCache(fd: number, position: number, size: number): void;
  /** The kernel reads nothing of the file ahead by itself. */
  stopReadAhead(fd: number): void;
}

export interface ColdCounters {
  /** Bytes that were in the page cache, and those that had to be read. */
  hitBytes: number;
  missBytes: number;
  /** Fetches and sends that waited for the disk. */
  waits: number;
  pieces: number;
  readBytes: number;
  failedReads: number;
  /** What was read ahead left the cache before it was sent. */
  evictions: number;
  droppedBytes: number;
}

export class ColdReads {
  readonly residency: Residency;
  readonly inFlightBytes: number;
  /** False: nobody waits, and only hits and misses are counted. */
  readonly isGuarding: boolean;
  readonly counters: ColdCounters = {
    hitBytes: 0,
    missBytes: 0,
    waits: 0,
    pieces: 0,
    readBytes: 0,
    failedReads: 0,
    evictions: 0,
    droppedBytes: 0,
  };
  /**
   * Waiters whose bytes are there, or failed; whoever serves them empties it. One that was dropped
   * leaves null: the list may be gone through just then.
   */
  readonly ready: (ColdWaiter | null)[] = [];
  /** Connections whose read is over, in threes: slot, generation, 0 or -errno. */
  readonly readyToSend: number[] = [];
  /** Monotonic time of this turn. */
  nowMs = 0;
  readonly #jobs: ColdJobs;
  readonly #seen: SeenChunks;
  /** Streams that want more than was posted, in turn. */
  readonly #queue: ColdStream[] = [];
  /** One entry per posted piece, in order. */
  readonly #posted: ColdStream[] = [];
  #postedBytes = 0;
  /** When syncs were pending the last time. */
  #syncedMs = -Infinity;

  constructor(residency: Residency, jobs: ColdJobs, inFlightBytes: number, isGuarding = true) {
    this.residency = residency;
    this.#seen = new SeenChunks(residency);
    this.#jobs = jobs;
    this.inFlightBytes = inFlightBytes;
    this.isGuarding = isGuarding;
  }

  /** Bytes that the worker was asked for and has not reported. */
  get postedBytes(): number {
    return this.#postedBytes;
  }

  /** Whether `slice`, of `segment`, can be sent at once. Then its reader has moved on. */
  mayPass(partition: TopicPartition, segment: Segment, slice: FileSlice): boolean {
    const { position, size } = slice;
    const file = slice.file!;
    if (partition.fresh.covers(partition.log, slice, this.nowMs)) {
      this.#count(partition, size, 0);
      return true;
    }
    if (!this.#seen.holds(slice, segment.size, this.nowMs)) return false;
    const stream = this.#readerAt(partition, segment, file, position);
    const end = position + size;
    this.#dropBehind(partition, stream, position);
    const missed = stream.readOf(position, end);
    this.#count(partition, size, missed);
    if (end > Math.max(stream.ahead, stream.hinted)) stream.isCold = false;
    if (end > stream.ahead && stream.isIdle) stream.skipTo(end);
    stream.run += 1;
    stream.next = end;
    if (stream.isCold && stream.run > 1) {
      this.#want(stream, Math.min(end + stream.window, segment.size));
    }
    return true;
  }

  /** A slice that may not pass is sent all the same, and the loop waits for the disk. */
  passCold(partition: TopicPartition, segment: Segment, slice: FileSlice): void {
    const { position, size } = slice;
    this.#seen.forget(this.nowMs);
    this.#count(partition, size, size);
    const stream = this.#readerAt(partition, segment, slice.file!, position);
    stream.run += 1;
    stream.next = position + size;
  }

  /**
   * `waiter` waits for the range of `missing`, of `segment` or of one of its index files: it
   * `isLog` where a reader goes through the segment, or else bytes that are read for themselves.
   */
  wait(
    partition: TopicPartition,
    segment: Segment,
    waiter: ColdWaiter,
    missing: FileSlice,
    isLog: boolean,
  ): void {
    assert(waiter.stream === null, "a waiter waits for one range");
    this.#seen.forget(this.nowMs);
    const { position, size } = missing;
    const file = missing.file!;
    const stream = isLog
      ? this.#readerAt(partition, segment, file, position)
      : new ColdStream(file, segment.baseOffset, position);
    if (position + size <= stream.loaded) {
      this.counters.evictions += 1;
      stream.shrink();
    } else if (stream.isCold && stream.run > 0) {
      stream.grow();
    }
    const limit = isLog ? segment.size : position + size;
    // A batch larger than the window is read whole at the second try.
    const part = isLog ? Math.max(stream.window, waiter.tries > 0 ? size : 0) : size;
    stream.lookAgain(position, Math.min(position + part, limit));
    stream.until = Math.min(position + part, limit);
    stream.isCold = isLog;
    stream.waiter = waiter;
    waiter.stream = stream;
    countTry(waiter, position);
    waiter.partBytes = Math.max(part, stream.window);
    this.counters.waits += 1;
    if (isLog) this.#stopReadAhead(stream);
    const ahead = isLog && stream.run > 0 ? stream.window : 0;
    this.#want(stream, Math.min(stream.until + ahead, limit));
  }

  /** A connection that stopped in a slice waits until the range can be sent. */
  waitToSend(
    slot: number,
    generation: number,
    file: SharedFile,
    position: number,
    size: number,
  ): void {
    const stream = new ColdStream(file, 0, position);
    stream.slot = slot;
    stream.generation = generation;
    stream.until = position + size;
    this.counters.waits += 1;
    this.#seen.forget(this.nowMs);
    this.#want(stream, stream.until);
  }

  /** Nobody waits for this answer any more. */
  forget(waiter: ColdWaiter): void {
    const { stream } = waiter;
    if (stream === null) {
      const at = this.ready.indexOf(waiter);
      if (at >= 0) this.ready[at] = null;
      return;
    }
    waiter.stream = null;
    stream.waiter = null;
    this.#stop(stream);
  }

  /** The connection of this slot is gone, which waited to send. */
  forgetSend(slot: number): void {
    for (const stream of this.#queue) {
      if (stream.slot !== slot) continue;
      stream.slot = -1;
      return this.#stop(stream);
    }
  }

  /** The topic is deleted: nothing more is read of it than what the worker has. */
  abandon(partition: TopicPartition): void {
    for (const stream of partition.readers) this.#stop(stream);
  }

  /** Gives the worker what the budget allows; `syncs` are pending. */
  pump(syncs: number): void {
    const queue = this.#queue;
    if (syncs > 0) this.#syncedMs = this.nowMs;
    const isSyncing = this.nowMs - this.#syncedMs < COLD_SYNCING_MS;
    while (queue.length > 0) {
      const at = this.#first();
      const stream = queue[at]!;
      const piece = isSyncing ? COLD_PIECE_SYNCING : COLD_PIECE;
      const budget = isSyncing ? COLD_PIECE_SYNCING : this.inFlightBytes;
      const size = Math.min(piece, stream.wanted - stream.ahead);
      if (this.#postedBytes > 0 && this.#postedBytes + size > budget) return;
      if (this.#hasMetCache(stream, size)) {
        queue.splice(at, 1);
        stream.queued = false;
        stream.letGo();
        continue;
      }
      if (!this.#jobs.read(stream.file.fd, stream.ahead, size, isSyncing)) return;
      this.#posted.push(stream);
      this.#postedBytes += size;
      this.counters.pieces += 1;
      stream.posted += 1;
      stream.ahead += size;
      if (!isSyncing) stream.hinted = stream.ahead + COLD_KERNEL_AHEAD_MAX;
      queue.splice(at, 1);
      stream.queued = stream.ahead < stream.wanted;
      if (stream.queued) queue.push(stream);
    }
  }

  /** The oldest piece is over: bytes read, or -errno. */
  done(position: number, size: number, result: number): void {
    const stream = this.#posted.shift();
    assert(stream !== undefined, "a piece that was posted");
    stream.posted -= 1;
    this.#postedBytes -= size;
    if (result < 0) {
      this.counters.failedReads += 1;
      if (position < stream.until) this.#finish(stream, result);
      this.#stop(stream);
      return;
    }
    this.counters.readBytes += result;
    if (position <= stream.loaded) stream.loaded = Math.max(stream.loaded, position + result);
    if (stream.loaded >= stream.until) this.#finish(stream, 0);
    // A read that failed or ended early before it left a gap: whoever waits asks again.
    else if (stream.posted === 0 && !stream.queued) this.#finish(stream, 0);
    stream.letGo();
  }

  /** The shard ends: files are let go, whatever the worker still does with them. */
  close(): void {
    for (const stream of [...this.#queue, ...this.#posted]) {
      stream.queued = false;
      stream.posted = 0;
      stream.waiter = null;
      stream.slot = -1;
      stream.letGo();
    }
    this.#queue.length = 0;
    this.#posted.length = 0;
  }

  /** Of `size` bytes that are sent, `missed` had to be read. */
  #count({ topic }: TopicPartition, size: number, missed: number): void {
    this.counters.hitBytes += size - missed;
    this.counters.missBytes += missed;
    topic.cacheHitBytes += size - missed;
    topic.cacheMissBytes += missed;
  }

  /** The reader whose next bytes these are. */
  #readerAt(
    partition: TopicPartition,
    segment: Segment,
    file: SharedFile,
    position: number,
  ): ColdStream {
    const stream = readerAt(partition, segment, file, position);
    if (stream.file !== file) { // it was at the end of the segment before
      this.#dropBehind(partition, stream, stream.limit);
      stream.goOnIn(file, segment.baseOffset, position);
    }
    stream.usedMs = this.nowMs;
    stream.limit = segment.size;
    return stream;
  }

  #want(stream: ColdStream, wanted: number): void {
    stream.wanted = Math.max(stream.wanted, wanted);
    if (stream.ahead >= stream.wanted || stream.queued) return;
    stream.hold();
    stream.queued = true;
    this.#queue.push(stream);
  }

  /** Reads no more for it. */
  #stop(stream: ColdStream): void {
    stream.wanted = stream.ahead;
    stream.until = 0;
    const at = stream.queued ? this.#queue.indexOf(stream) : -1;
    if (at >= 0) this.#queue.splice(at, 1);
    stream.queued = false;
    stream.letGo();
  }

  #finish(stream: ColdStream, result: number): void {
    const { waiter } = stream;
    stream.until = 0;
    if (waiter !== null) {
      stream.waiter = null;
      waiter.stream = null;
      waiter.readResult = result;
      this.ready.push(waiter);
    }
    if (stream.slot >= 0) {
      this.readyToSend.push(stream.slot, stream.generation, result);
      stream.slot = -1;
    }
  }

  /** Who is waited for goes before who only reads ahead. */
  #first(): number {
    const queue = this.#queue;
    for (let i = 0; i < queue.length; i += 1) {
      if (queue[i]!.ahead < queue[i]!.until) return i;
    }
    return 0;
  }

  /** Reading ahead has come to bytes that are in the cache without it: it ends there. */
  #hasMetCache(stream: ColdStream, size: number): boolean {
    const { ahead, hinted, file, limit } = stream;
    if (ahead < stream.until) return false;
    // What the kernel may have read ahead says nothing: what lies behind that does.
    if (hinted > ahead) {
      if (hinted + size > limit) return false;
      if (!this.residency.holds(file.fd, hinted, size)) return false;
    }
    if (!this.residency.holds(file.fd, ahead, size)) return false;
    stream.wanted = ahead;
    stream.hinted = ahead;
    stream.isCold = false;
    return true;
  }

  /**
   * The kernel would read ahead for the shard too, begun by its own `sendfile`, and without regard
   * to syncs. The worker has it read ahead where nothing is in the way of that.
   */
  #stopReadAhead(stream: ColdStream): void {
    if (stream.isOurs) return;
    stream.isOurs = true;
    this.#jobs.stopReadAhead(stream.file.fd);
  }

  /** What a catch-up reader has had, and nobody else will want soon, leaves the cache. */
  #dropBehind(partition: TopicPartition, stream: ColdStream, position: number): void {
    const from = Math.ceil(stream.ownFrom / COLD_DROP_STEP) * COLD_DROP_STEP;
    const to = droppableEnd(partition, stream, position, this.nowMs);
    if (to - from < DROP_SIZE || stream.file.references === 0) return;
    const { fd } = stream.file;
    // At level os nobody knows what is on disk but the kernel.
    const isDurable = isSynced(partition.log, stream.baseOffset, to);
    if (!isDurable && !this.residency.isClean(fd, from, to - from)) return;
    this.#seen.forget(this.nowMs);
    this.#jobs.dropCache(fd, from, to - from);
    this.counters.droppedBytes += to - from;
    stream.ownFrom = to;
  }
}

/** Less than this is not worth a job. */
const DROP_SIZE: number = 2 * COLD_DROP_STEP;
