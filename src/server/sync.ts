/**
 * Group commit: which partitions are synced in a turn, how, and whose syncs are over. Hot.
 *
 *     written, not synced -> begin (snapshot) -> submit of all -> eventfd -> endSync -> answers
 *                            `-> very many: one syncfs --------------^
 *
 * Linux AIO runs `fdatasync` without a thread of ours; where it is refused workers do, behind the
 * same calls (sync_pool.ts). A partition has one sync in flight, and bytes written meanwhile
 * belong to its next one. A `syncfs` covers every snapshot that was taken before it began;
 * while it runs no other sync is begun, so that the next one finds a group again.
 *
 * Invariant: every `beginSync` is followed by as many `endSync` as it gave descriptors.
 */

import { EFD_NONBLOCK, EINTR, EROFS, errnoName, IOCB_CMD_FDSYNC } from "../../ffi/constants.ts";
import type { Aio, Libc } from "../../ffi/libc.ts";
import { assert } from "../base/assert.ts";
import { trace } from "../base/trace.ts";
import { shorten } from "../base/shorten.ts";
import type { Broker, Door } from "../broker/broker.ts";
import { completeSync } from "../broker/produce.ts";
import type { TopicPartition } from "../broker/topics.ts";
import { Level } from "../format/levels.ts";
import { SYNCFS_FILES_MIN, SYNCS_IN_FLIGHT_MAX } from "../limits.ts";
import { Wake } from "../net/poller.ts";
import type { ManySyncs } from "../log/sync_group.ts";
import { GroupWait } from "./group_wait.ts";
import { AioSyncs } from "./many_syncs.ts";
import { SyncCounters } from "./sync_counters.ts";
import { SyncPool } from "./sync_pool.ts";

/** A partition's sync may need as many descriptors as this leaves. */
const BEGUN_MAX = SYNCS_IN_FLIGHT_MAX / 2;
/** Instead of a partition's number. */
const FILE_SYSTEM_TAG = 0xffffffff;

export interface SyncOptions {
  readonly method: "aio" | "pool";
  /** Memory of the rings to the workers that there are. */
  readonly rings: readonly SharedArrayBuffer[];
  /** For `syncfs`: the data directory, opened before anything is written; -1: not to be used. */
  readonly fileSystemFd: number;
  /** Dirty partitions from which on it is. */
  readonly fileSystemFilesMin: number;
  /** Of the average sync, how long a group waits for its clients. */
  readonly waitShare: number;
}

export const AIO_ALONE: SyncOptions = {
  method: "aio",
  rings: [],
  fileSystemFd: -1,
  fileSystemFilesMin: SYNCFS_FILES_MIN,
  waitShare: 0,
};

export class Syncer {
  /** To poll: when one is raised, `reap` has something to take. */
  readonly wakes: Wake[] = [];
  readonly counters: SyncCounters = new SyncCounters();
  readonly wait: GroupWait;
  /** What a failed sync said; the process must end. */
  failure = "";
  /** Unsynced bytes are above their budget: level interval does not wait for its time. */
  hurries = false;
  /** A group waits for its clients: the loop must not sleep. */
  isWaiting = false;
  readonly #libc: Libc;
  readonly #broker: Broker;
  readonly #options: SyncOptions;
  readonly #pool: SyncPool | null;
  /** Who syncs single files; null: the loop itself. */
  readonly #files: Aio | null;
  readonly #fds: number[] = [];
  readonly #preparedFds: Int32Array = new Int32Array(SYNCS_IN_FLIGHT_MAX);
  readonly #preparedTags: Int32Array = new Int32Array(SYNCS_IN_FLIGHT_MAX);
  #prepared = 0;
  #inFlight = 0;
  /** Partitions whose sync is the `syncfs` in flight. */
  readonly #covered: TopicPartition[] = [];
  #fileSystemInFlight = false;

  constructor(libc: Libc, broker: Broker, options: SyncOptions = AIO_ALONE) {
    this.#libc = libc;
    this.#broker = broker;
    this.#options = options;
    this.wait = new GroupWait(options.waitShare);
    this.#pool = options.rings.length > 0 ? new SyncPool(libc, options.rings) : null;
    if (this.#pool !== null) this.wakes.push(...this.#pool.wakes);
    this.#files = options.method === "pool" ? this.#pool : this.#openAio();
  }

  /** Descriptors whose sync is not over; a syncfs is one. */
  get inFlight(): number {
    return this.#inFlight + this.#prepared + (this.#fileSystemInFlight ? 1 : 0);
  }

  /** For the start, before anything is requested: they take the context's results. */
  manySyncs(): ManySyncs {
    const { fileSystemFd, fileSystemFilesMin } = this.#options;
    const context = this.#files;
    const isPool = context === null || context === this.#pool; // workers begin after the start
    const aio = isPool ? null : { context, wake: this.wakes[this.wakes.length - 1]! };
    return new AioSyncs(this.#libc, { aio, fileSystemFd, fileSystemFilesMin });
  }

  /** Begins the syncs that are due; with `all` also what the levels would not ask for. */
  request(nowMs: number, all: boolean, door: Door): void {
    this.isWaiting = false;
    const list = this.#broker.unsynced;
    if (list.length > 0) {
      // Not the clock of the turn: writing may have taken long, and is not the disk's sync.
      const beganMs = this.#libc.monotonicMs();
      const whole = this.#isFileSystemDue(nowMs, all);
      let kept = 0;
      for (let i = 0; i < list.length; i += 1) {
        const partition = list[i]!;
        if (this.#mustWait(partition, nowMs, all, whole)) {
          list[kept] = partition;
          kept += 1;
          continue;
        }
        partition.syncQueued = false;
        const log = partition.log;
        if (log.broken || !(all ? !log.isSynced : log.needsSync)) continue;
        partition.syncBeganMs = beganMs;
        if (whole) this.#cover(partition, all);
        else this.#begin(partition, all);
      }
      shorten(list, kept);
    }
    if (this.#covered.length > 0 && !this.#fileSystemInFlight) this.#submitFileSystem(door);
    if (this.#prepared > 0) this.#submit(door);
  }

  /** Takes the syncs that are over. */
  reap(nowMs: number, door: Door): void {
    const files = this.#files;
    if (files !== null && files !== this.#pool) {
      this.wakes[this.wakes.length - 1]!.clear();
      this.#take(files, nowMs, door);
    }
    if (this.#pool !== null) this.#take(this.#pool, nowMs, door);
  }

  /** When the next sync of level interval is due, or Infinity. */
  nextDueMs(): number {
    let next = Infinity;
    // Then the end of one wakes us.
    if (this.#fileSystemInFlight || this.#inFlight + this.#prepared > BEGUN_MAX) return next;
    const list = this.#broker.unsynced;
    for (let i = 0; i < list.length; i += 1) {
      const { log, syncDueMs } = list[i]!;
      if (log.config.durability !== Level.interval || log.syncsPending > 0) continue;
      if (syncDueMs < next) next = syncDueMs;
    }
    return next;
  }

  close(): void {
    const files = this.#files;
    if (files !== null && files !== this.#pool) {
      files.close();
      this.wakes[this.wakes.length - 1]!.close();
    }
    if (this.#pool !== null) this.#pool.close(); // its workers close their eventfds
    if (this.#options.fileSystemFd >= 0) this.#libc.close(this.#options.fileSystemFd);
  }

  /** `close` where no worker has begun, and none will: nobody else closes their eventfds. */
  discard(): void {
    this.close();
    for (const wake of this.#pool?.wakes ?? []) wake.close();
  }

  /** The last of `wakes` is its eventfd. */
  #openAio(): Aio | null {
    const wake = new Wake(this.#libc, EFD_NONBLOCK);
    const aio = this.#libc.openAio(SYNCS_IN_FLIGHT_MAX, wake.fd);
    if (typeof aio !== "number") {
      this.wakes.push(wake);
      return aio;
    }
    wake.close();
    const instead = this.#pool === null ? "are called in the loop" : "go to a worker";
    trace("warning", `no AIO (${errnoName(-aio)}): syncs ${instead}`);
    return this.#pool;
  }

  #mustWait(partition: TopicPartition, nowMs: number, all: boolean, whole: boolean): boolean {
    if (partition.log.syncsPending > 0 || this.#fileSystemInFlight) return true;
    if (!whole && this.#inFlight + this.#prepared > BEGUN_MAX) return true;
    if (all) return false;
    if (this.#isEarly(partition, nowMs)) return true;
    if (whole) return false;
    const waits = this.wait.waits(partition, nowMs);
    if (waits) this.isWaiting = true;
    return waits;
  }

  #isEarly(partition: TopicPartition, nowMs: number): boolean {
    if (partition.log.config.durability !== Level.interval || this.hurries) return false;
    return partition.syncDueMs > nowMs;
  }

  /** Whether so many partitions are due that one `syncfs` is cheaper. */
  #isFileSystemDue(nowMs: number, all: boolean): boolean {
    const { fileSystemFd, fileSystemFilesMin } = this.#options;
    const list = this.#broker.unsynced;
    if (fileSystemFd < 0 || this.#fileSystemInFlight) return false;
    if (list.length < fileSystemFilesMin) return false;
    let due = 0;
    for (let i = 0; i < list.length; i += 1) {
      const partition = list[i]!;
      if (partition.log.syncsPending > 0) continue;
      if (all || !this.#isEarly(partition, nowMs)) due += 1;
    }
    return due >= fileSystemFilesMin;
  }

  #begin(partition: TopicPartition, all: boolean): void {
    const count = partition.log.beginSync(this.#fds, all);
    for (let i = 0; i < count; i += 1) {
      this.#preparedFds[this.#prepared] = this.#fds[i]!;
      this.#preparedTags[this.#prepared] = partition.number;
      this.#prepared += 1;
    }
  }

  /** Takes the partition's snapshot; the `syncfs` that follows covers its files, whichever. */
  #cover(partition: TopicPartition, all: boolean): void {
    if (partition.log.beginSync(this.#fds, all) > 0) this.#covered.push(partition);
  }

  #submitFileSystem(door: Door): void {
    const { fileSystemFd } = this.#options;
    this.counters.byFileSystem += 1;
    this.#fileSystemInFlight = true;
    const pool = this.#pool;
    if (pool !== null && pool.submitFileSystem(fileSystemFd, FILE_SYSTEM_TAG)) return;
    const result = this.#libc.syncfs(fileSystemFd);
    this.#endedFileSystem(result, this.#libc.monotonicMs(), door);
  }

  #submit(door: Door): void {
    const { counters } = this;
    const count = this.#prepared;
    const files = this.#files;
    let taken = 0;
    if (files !== null) {
      for (let i = 0; i < count; i += 1) {
        files.prepare(i, IOCB_CMD_FDSYNC, this.#preparedFds[i]!, this.#preparedTags[i]!);
      }
      const beganMs = this.#libc.monotonicMs();
      taken = Math.max(0, files.submit(count));
      counters.submitUs.record((this.#libc.monotonicMs() - beganMs) * 1000);
      counters.submits += 1;
      if (files === this.#pool) counters.byPool += taken;
      else counters.byAio += taken;
    }
    this.#inFlight += taken;
    this.#prepared = count - taken;
    if (taken === count) return;
    if (this.#inFlight > 0) this.#keepPrepared(taken); // goes when one of those is over
    else this.#syncPrepared(door); // nothing would wake the loop to try again
  }

  #keepPrepared(taken: number): void {
    this.#preparedFds.copyWithin(0, taken);
    this.#preparedTags.copyWithin(0, taken);
  }

  #syncPrepared(door: Door): void {
    const count = this.#prepared;
    this.#prepared = 0;
    this.counters.inLoop += count;
    for (let i = 0; i < count; i += 1) {
      const partition = this.#broker.topics.partitions[this.#preparedTags[i]!]!;
      const result = this.#libc.fdatasync(this.#preparedFds[i]!);
      this.#ended(partition, result, this.#libc.monotonicMs(), door);
    }
  }

  #take(from: Aio, nowMs: number, door: Door): void {
    for (;;) {
      const count = from.reap();
      if (count === -EINTR) continue;
      assert(count >= 0, "results of our own syncs can be taken");
      for (let i = 0; i < count; i += 1) {
        const tag = from.tag(i);
        if (tag === FILE_SYSTEM_TAG) {
          this.#endedFileSystem(from.result(i), nowMs, door);
        } else {
          this.#inFlight -= 1;
          this.#ended(this.#broker.topics.partitions[tag]!, from.result(i), nowMs, door);
        }
      }
      if (count < from.capacity) return;
    }
  }

  #endedFileSystem(result: number, nowMs: number, door: Door): void {
    this.#fileSystemInFlight = false;
    for (let i = 0; i < this.#covered.length; i += 1) {
      const partition = this.#covered[i]!;
      const count = partition.log.syncsPending;
      for (let n = 0; n < count; n += 1) this.#ended(partition, result, nowMs, door);
    }
    shorten(this.#covered, 0);
  }

  #ended(partition: TopicPartition, result: number, nowMs: number, door: Door): void {
    const log = partition.log;
    const durable = log.durable.offset;
    const moved = log.endSync(result);
    if (result === -EROFS) log.store.disk.syncFailed(); // the log is broken, others are read on
    else if (result < 0) this.failure = `sync of ${log.directory}: ${errnoName(-result)}`;
    if (log.syncsPending > 0) return;
    const waiting = partition.durableWaiters.count;
    completeSync(this.#broker, partition, door);
    const answered = waiting - partition.durableWaiters.count;
    if (answered > 0 || waiting === 0) partition.groupWanted = waiting;
    if (moved) this.#count(partition, log.durable.offset - durable, answered, nowMs);
    if (log.needsSync && !log.broken) this.#broker.queueUnsynced(partition, 0);
  }

  #count(partition: TopicPartition, records: number, requests: number, nowMs: number): void {
    const { counters } = this;
    const tookMs = Math.max(0, nowMs - partition.syncBeganMs);
    this.wait.ended(tookMs);
    counters.groups += 1;
    counters.records += records;
    counters.latencyUs.record(tookMs * 1000);
    counters.groupRecords.record(records);
    counters.groupRequests.record(requests);
  }
}
