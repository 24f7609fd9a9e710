/**
 * One process of the simulated broker, from its start to its crash: the data directory and the
 * keeper of the main thread, and one shard (store, broker, syncer, caretaker) in the same thread,
 * without sockets. What the two say to each other waits in `mail` until the schedule delivers it.
 *
 *     start: directory -> keeper -> reconcile -> every topic recovered       may throw, or be cut
 *     turn:  reap -> write -> request syncs -> answer -> housekeeping        as server/turn.ts
 *            -> cold bytes asked for, which the background worker reads
 *     stop:  fetches answered -> sync all -> close logs -> checkpoint files -> clean marker
 *
 * It decides nothing: the order of these steps is the server's, what befalls them the schedule's.
 */
import type { Memory } from "../../ffi/libc.ts";
import { alterTopic } from "../../src/broker/alter_topic.ts";
import { Broker, type Door } from "../../src/broker/broker.ts";
import { Caretaker } from "../../src/broker/caretaker.ts";
import { answerCold } from "../../src/broker/cold_answers.ts";
import { completeAllFetches, completeFetches } from "../../src/broker/fetch.ts";
import { confirmLogStart } from "../../src/broker/log_starts.ts";
import { completeAppends, flushAppended } from "../../src/broker/produce.ts";
import { removeTopic } from "../../src/broker/remove_topic.ts";
import { Topic, type TopicPartition } from "../../src/broker/topics.ts";
import { OFFSETS_TOPIC } from "../../src/format/internal_topics.ts";
import { partitionDirectory } from "../../src/format/file_names.ts";
import {
  type ConfigChange,
  type ConfigEntry,
  parseTopicConfig,
  type TopicConfig,
} from "../../src/format/topic_config.ts";
import type { TopicEntry } from "../../src/log/catalogue.ts";
import { DataDirectory } from "../../src/log/data_directory.ts";
import { must, openDirectory, StorageError } from "../../src/log/files.ts";
import { type CheckpointEntry, Keeper } from "../../src/log/keeper.ts";
import { openPartitions } from "../../src/log/open_partitions.ts";
import {
  PartitionKind,
  type RecoveryOptions,
  type RecoveryReport,
} from "../../src/log/opened_log.ts";
import type { Partition } from "../../src/log/partition.ts";
import { PartitionReader } from "../../src/log/read.ts";
import { LogPoint, Segment } from "../../src/log/segment.ts";
import { DirectFileJobs } from "../../src/log/file_jobs.ts";
import { SegmentStore } from "../../src/log/segment_store.ts";
import { type ManySyncs, SerialSyncs } from "../../src/log/sync_group.ts";
import { Walk } from "../../src/log/walk.ts";
import { AIO_ALONE, Syncer, type SyncOptions } from "../../src/server/sync.ts";
import { ColdWorker } from "./cold_worker.ts";
import type { SimLibc } from "./sim_libc.ts";
import { violated } from "./violation.ts";

export const DATA = "/data";
/** Small, so that a scan meets the ends of blocks, and that a start costs little. */
const SCAN_BLOCK_SIZE = 8192;
/** So small that removed segments are cut in several slices. */
const CUT_BYTES = 512;
const OPEN_SEALED_MAX = 3;
const ARENA_SIZE = 65536;
const ROUNDS_MAX = 200;
const FILE_SYSTEM_FILES_MIN = 2;
/** How long both clocks run in step before retention believes the wall clock. */
export const CLOCK_CONFIRM_MS = 2000;

/** The process ends itself because of its disk, as the server does. */
export class ProcessEnd extends Error {
  override name = "ProcessEnd";
}

/** A step without which the process does not go on, where the disk refuses it. */
export function orEnd<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    throw new ProcessEnd(error.message);
  }
}

export interface LifeOptions {
  readonly writtenAheadBytes: number;
  /** Percent of the background worker's reads that fail. */
  readonly readFailurePercent: number;
}

/** A partition as it was opened, with what its recovery reported. */
export interface Opened {
  readonly partition: TopicPartition;
  readonly report: RecoveryReport;
}

export class Life {
  readonly libc: SimLibc;
  readonly door: Door;
  readonly directory: DataDirectory;
  readonly keeper: Keeper;
  readonly store: SegmentStore;
  readonly broker: Broker;
  readonly syncer: Syncer;
  readonly caretaker: Caretaker;
  readonly worker: ColdWorker;
  /** When the last turn was. */
  turnMs = 0;
  isStopping = false;
  /** Directories that are of no topic. */
  readonly unknown: readonly string[];
  /** What the start recovered. */
  readonly opened: Opened[] = [];
  /** From the shard to main. */
  readonly mail: CheckpointEntry[] = [];
  /** Deletions that main goes on with, a step at a time. */
  readonly deletions: Generator<void, void>[] = [];
  readonly #arena: Memory;
  #arenaUsed = 0;

  /** A start. Throws what the server's start throws. */
  constructor(libc: SimLibc, door: Door, options: LifeOptions) {
    const { writtenAheadBytes, readFailurePercent } = options;
    this.libc = libc;
    this.door = door;
    this.directory = DataDirectory.open(libc, DATA, true);
    this.keeper = new Keeper(this.directory, libc);
    this.unknown = this.keeper.reconcile();
    for (const id of this.keeper.deletions) this.deletions.push(this.keeper.deletionSteps(id));
    this.worker = new ColdWorker(libc, readFailurePercent);
    const close = (fd: number) => this.worker.close(fd);
    this.store = new SegmentStore(libc, this.directory.fd, close, {
      scanBlockSize: SCAN_BLOCK_SIZE,
      openSealedMax: OPEN_SEALED_MAX,
      writtenAheadBytes,
      writtenAheadGroupMax: writtenAheadBytes,
      fileJobs: new DirectFileJobs(libc, CUT_BYTES),
    });
    const nowhere = new LogPoint(new Segment(0, 0, null), 0, 0);
    const reader = new PartitionReader(new Walk(this.store), nowhere);
    this.broker = new Broker(reader, this.worker.coldReads);
    this.syncer = new Syncer(libc, this.broker, this.#syncOptions());
    this.caretaker = new Caretaker(this.broker, this.store, {
      checkpointBytes: 3000,
      checkpointMs: 300,
      clockConfirmMs: CLOCK_CONFIRM_MS,
    });
    this.#arena = libc.allocate(ARENA_SIZE);
    this.#openAll(this.keeper.topics, this.directory.clean, this.syncer.manySyncs());
  }

  /** Every other life has two partitions or more synced by one `syncfs`. */
  #syncOptions(): SyncOptions {
    if (this.epoch % 2 === 0) return AIO_ALONE;
    const fileSystemFd = must(openDirectory(this.libc, this.directory.fd, "."), "open it again");
    return { ...AIO_ALONE, fileSystemFd, fileSystemFilesMin: FILE_SYSTEM_FILES_MIN };
  }

  get epoch(): number {
    return this.directory.catalogue.nodeEpoch;
  }

  /** Partitions that are not removed, by number. */
  get partitions(): TopicPartition[] {
    return this.broker.topics.partitions.filter(({ removed }) => !removed);
  }

  partition(topic: string, index: number): TopicPartition | null {
    return this.broker.topics.get(topic)?.partitions[index] ?? null;
  }

  /** Puts a batch where a receive buffer has it, until the next turn. Returns its position. */
  receive(batch: Uint8Array): number {
    const at = this.#arenaUsed;
    this.#arena.bytes.set(batch, at);
    this.#arenaUsed = at + batch.length;
    (this.#arena as unknown as { touch(end: number): void }).touch(this.#arenaUsed);
    return at;
  }

  get arena(): Memory {
    return this.#arena;
  }

  hasRoomFor(size: number): boolean {
    return this.#arenaUsed + size <= ARENA_SIZE;
  }

  /** The beginning of every operation, as of every turn. */
  readClocks(): void {
    this.store.wallMs = this.libc.clock.wallMs;
  }

  /** Throws ProcessEnd when a sync had failed. */
  turn(reaps: boolean, keepsHouse: boolean): void {
    const { broker, syncer, door, libc, store, worker } = this;
    const nowMs = libc.clock.monotonicMs;
    this.turnMs = nowMs;
    worker.coldReads.nowMs = nowMs;
    if (reaps) syncer.reap(nowMs, door);
    if (broker.offsets.isLoading) broker.offsets.load(null);
    flushAppended(broker, nowMs);
    this.#forget();
    syncer.request(nowMs, false, door);
    completeAppends(broker, door);
    answerCold(broker, nowMs, door);
    completeFetches(broker, nowMs, door);
    worker.coldReads.pump(syncer.inFlight);
    if (keepsHouse) this.mail.push(...this.caretaker.step(nowMs, store.wallMs, door));
    this.#endIfFailed();
  }

  /** Main writes down what it was told, and the shard hears of it. Throws StorageError. */
  deliver(): void {
    if (this.mail.length === 0) return;
    const entries = this.mail.splice(0);
    this.keeper.checkpoint(entries);
    for (const { topic, topicId, partition, logStart } of entries) {
      const found = this.partition(topic, partition);
      if (found === null || found.topic.topicId !== topicId) continue;
      confirmLogStart(this.broker, found, logStart, this.door);
    }
  }

  /** Throws StorageError: then there is no such topic, or nobody knows. */
  createTopic(topic: Omit<TopicEntry, "state" | "topicId">): boolean {
    const entry = this.keeper.beginCreate(topic);
    if (!("topicId" in entry)) return false;
    this.keeper.finishCreate(topic.name);
    this.openTopic(entry, true);
    return true;
  }

  /** Throws StorageError: then its settings are as they were, or nobody knows. */
  alterTopic(name: string, change: ConfigChange): void {
    const altered = this.keeper.alterTopic(name, change);
    if (!("topicId" in altered)) throw new Error(altered.message);
    const { config } = altered;
    const nowMs = this.libc.clock.monotonicMs;
    const topic = this.broker.topics.get(name)!;
    alterTopic(this.broker, topic, config, checkedConfig(config), nowMs);
  }

  /**
   * Gives the topic so many partitions in all, on disk; `openTopic` is to follow. Throws
   * StorageError: then it has what it had, or nobody knows.
   */
  growTopic(name: string, partitions: number): TopicEntry {
    const { keeper } = this;
    try {
      const begun = keeper.beginGrow(name, partitions);
      if (!("topicId" in begun)) throw new Error(begun.message);
      return keeper.finishGrow(name);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (!keeper.isInDoubt) orNothing(() => keeper.abandonGrow(name));
      throw error;
    }
  }

  /** Throws StorageError. */
  deleteTopic(name: string): void {
    const { keeper, broker, door } = this;
    const topic = keeper.beginDelete(name)!;
    removeTopic(broker, name, topic.topicId, door);
    keeper.renameDeleted(topic.topicId);
    this.deletions.push(keeper.deletionSteps(topic.topicId));
  }

  /** True when the stop is clean; false when the directory may not be marked so. */
  stop(): boolean {
    const { broker, syncer, keeper, libc, door, directory } = this;
    this.isStopping = true;
    completeAllFetches(broker, door);
    let rounds = 0;
    do {
      flushAppended(broker, Infinity);
      syncer.request(Infinity, true, door);
      completeAppends(broker, door);
      libc.completeAio(8);
      syncer.reap(libc.clock.monotonicMs, door);
      this.#endIfFailed();
      rounds += 1;
      if (rounds > ROUNDS_MAX) violated("L1", "the stop does not come to its end");
    } while (!this.#isSynced());
    for (const deletion of this.deletions) deletion.return();
    const logs = this.partitions.map(({ log }) => log);
    for (const log of logs) log.close();
    const entries = this.partitions.filter(({ log }) => !log.broken).map((partition) => {
      const { recoveryPoint, logStart } = partition.log;
      const { name, topicId } = partition.topic;
      return { topic: name, topicId, partition: partition.index, recoveryPoint, logStart };
    });
    this.worker.coldReads.close();
    this.store.closeAll();
    syncer.close();
    this.worker.finish();
    keeper.checkpoint(entries);
    const isClean = logs.every(({ broken, degraded }) => !broken && degraded === "");
    if (isClean) directory.closeClean();
    else directory.close();
    return isClean;
  }

  /** Whether nothing is left to sync. What is left is queued, whatever its level asks for. */
  #isSynced(): boolean {
    let isSynced = true;
    for (const partition of this.broker.topics.partitions) {
      const { log, removed } = partition;
      if (removed ? log.syncsPending === 0 : log.isSynced || log.broken) continue;
      isSynced = false;
      if (!removed) this.broker.queueUnsynced(partition, 0);
    }
    return isSynced;
  }

  /** The turn has written what lay in the receive buffer: other bytes come there now. */
  #forget(): void {
    this.#arena.bytes.fill(0xee, 0, this.#arenaUsed);
    this.#arenaUsed = 0;
  }

  /** Of a sync that failed, and of a catalogue that nobody knows. */
  #endIfFailed(): void {
    if (this.syncer.failure !== "") throw new ProcessEnd(this.syncer.failure);
    if (this.keeper.isInDoubt) throw new ProcessEnd("the catalogue is in doubt");
  }

  /** Opens its partitions that are not open, all or (StorageError) none. */
  openTopic(entry: TopicEntry, clean: boolean): void {
    this.#openAll([entry], clean, new SerialSyncs(this.libc));
  }

  /** Those of all these topics beside each other, as the server's start does it. */
  #openAll(entries: readonly TopicEntry[], clean: boolean, syncs: ManySyncs): void {
    const { topics } = this.broker;
    const opening = entries.map((entry) => {
      const config = topics.get(entry.name)?.config ?? checkedConfig(entry.config);
      const topic = topics.get(entry.name) ??
        new Topic(entry.name, entry.topicId, config, entry.config);
      const first = topic.partitions.length;
      const wanted = Array.from({ length: entry.partitions - first }, (_, i) => {
        return this.#recoveryOf(entry.name, first + i, config, clean);
      });
      return { topic, wanted };
    });
    const all = openPartitions(this.store, opening.flatMap(({ wanted }) => wanted), syncs);
    for (const { topic, wanted } of opening) {
      for (const { partition: log, report } of all.splice(0, wanted.length)) {
        if (report.bytesScanned > 0) this.#dropScanned(log);
        this.opened.push({ partition: topics.addPartition(topic, log), report });
      }
      if (topics.get(topic.name) === undefined) topics.add(topic);
      if (topic.name === OFFSETS_TOPIC) this.broker.offsets.opened(topic);
    }
  }

  #recoveryOf(topic: string, index: number, config: TopicConfig, clean: boolean): RecoveryOptions {
    return {
      directory: partitionDirectory(topic, index),
      config,
      kind: topic === OFFSETS_TOPIC ? PartitionKind.cleaned : PartitionKind.own,
      leaderEpoch: this.epoch,
      clean,
      recoveryPoint: this.keeper.recoveryPoint(topic, index),
      logStart: this.keeper.logStart(topic, index),
      progress: () => {},
    };
  }

  /** As the server does: sealed segments that a recovery has read need not stay in the cache. */
  #dropScanned(log: Partition): void {
    for (const { file } of log.segments.slice(0, -1)) {
      if (file !== null) this.worker.dropCache(file.fd, 0, 0);
    }
  }
}

/** What the catalogue holds was checked. */
function checkedConfig(settings: readonly ConfigEntry[]): TopicConfig {
  const config = parseTopicConfig(settings);
  if (typeof config === "string") throw new Error(config);
  return config;
}

/** The next start, or the next one who asks, tries again. */
function orNothing(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
  }
}
