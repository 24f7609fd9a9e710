/**
 * The keeper: what main keeps about topics on disk, and the order in which it changes. Synchronous,
 * over the data directory; one thread uses it.
 *
 *     create   catalogue "creating" -> directories -> catalogue "ready" -> the shard may open it
 *     grow     catalogue "growing" -> directories -> catalogue: more partitions -> the shard
 *     alter    catalogue -> the shard
 *     delete   catalogue: a deletion -> the shard lets go -> renamed -> removed -> catalogue: gone
 *
 * A start undoes the creation and the growth that it finds (nobody has used it), and goes on with
 * the deletion (nobody may use it any more). The checkpoint files are replaced as wholes;
 * lines of a deleted topic are out of them before a new one can have its name.
 *
 * Invariant: all directories of a ready topic exist, on disk, with its id; a directory that is of
 * no topic is never changed.
 */

import { ENOENT } from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import { trace } from "../base/trace.ts";
import type { OffsetEntry } from "../format/checkpoint.ts";
import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import {
  deletedDirectory,
  LOG_START_FILE,
  RECOVERY_POINT_FILE,
  RUN_DIRECTORY,
} from "../format/file_names.ts";
import {
  changeTopicConfig,
  type ConfigChange,
  type ConfigEntry,
  parseTopicConfig,
} from "../format/topic_config.ts";
import { PRODUCER_ID_BLOCK } from "../limits.ts";
import type { TopicDefinition, TopicEntry } from "./catalogue.ts";
import type { DataDirectory } from "./data_directory.ts";
import { must, StorageError } from "./files.ts";
import { OffsetFile } from "./offset_file.ts";
import { type ManySyncs, SerialSyncs } from "./sync_group.ts";
import {
  completeMetadata,
  directoriesIn,
  directoriesOf,
  makeDirectories,
  removeDeleted,
  removeMade,
  renameDeleted,
} from "./topic_directories.ts";

/** What a shard says of a partition. By the topic's id: its name may be another topic's by now. */
export interface CheckpointEntry {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** Everything below is on disk. */
  readonly recoveryPoint: number;
  /** First offset that is wanted from now on. */
  readonly logStart: number;
}

/** Why a topic is not created. */
export interface Refusal {
  readonly error: ErrorCode;
  readonly message: string;
}

/** Kafka's own metadata, which `adopt` leaves where it is; and what mkfs makes. */
const FOREIGN_DIRECTORIES: readonly string[] = ["__cluster_metadata-0", "lost+found"];

export class Keeper {
  /** Who syncs the many files of a new topic. */
  syncs: ManySyncs;
  readonly #directory: DataDirectory;
  readonly #libc: Libc;
  readonly #recoveryPoints: OffsetFile;
  readonly #logStarts: OffsetFile;

  /** Throws StorageError. */
  constructor(directory: DataDirectory, libc: Libc) {
    this.#directory = directory;
    this.#libc = libc;
    this.syncs = new SerialSyncs(libc);
    const topics = this.#topicsByName();
    const wanted = ({ topic, partition }: OffsetEntry) => {
      return partition < (topics.get(topic)?.partitions ?? 0);
    };
    const offsets = (name: string) => {
      return new OffsetFile(libc, directory.fd, name, wanted, directory.reserve);
    };
    this.#recoveryPoints = offsets(RECOVERY_POINT_FILE);
    this.#logStarts = offsets(LOG_START_FILE);
  }

  /** As in DataDirectory. */
  get isInDoubt(): boolean {
    return this.#directory.isInDoubt;
  }

  /** There is room again: the reserve is made where it was given up. */
  makeReserve(): void {
    if (!this.#directory.reserve.make()) trace("warning", "there is no room for the reserve yet");
  }

  /** Topics that are served. */
  get topics(): readonly TopicEntry[] {
    return this.#directory.catalogue.topics.filter(({ state }) => state === "ready");
  }

  /** Ids of deleted topics whose files are not gone yet. */
  get deletions(): readonly string[] {
    return this.#directory.catalogue.deletions.map(({ topicId }) => topicId);
  }

  /**
   * At the start, before any shard: undoes creations, goes on with deletions up to their names, and
   * says which directories are of no topic. What the disk refuses here is told and tried again
   * later: none of it keeps the topics from being served. Throws StorageError.
   */
  reconcile(): string[] {
    const { catalogue } = this.#directory;
    for (const topic of catalogue.topics) {
      if (topic.state === "creating") attempt(() => this.abandonCreate(topic.name));
      else if (this.#directory.lackIds.has(topic.topicId)) {
        attempt(() => completeMetadata(this.#libc, this.#directory.fd, topic));
      }
      attempt(() => this.abandonGrow(topic.name));
    }
    for (const topic of catalogue.deletions) attempt(() => this.#rename(topic));
    attempt(() => this.#cleanCheckpoints());
    return this.#unknownDirectories();
  }

  /** Persists the topic as being created. Throws StorageError: then there is none. */
  beginCreate(wanted: Omit<TopicDefinition, "topicId">): TopicEntry | Refusal {
    const { catalogue } = this.#directory;
    const { name, partitions, config } = wanted;
    const known = catalogue.topics.find((topic) => topic.name === name);
    if (known?.state === "ready") return { error: ErrorCodes.topic_exists, message: name };
    if (known !== undefined) this.abandonCreate(name);
    for (const topic of catalogue.deletions) if (topic.name === name) this.#rename(topic);
    this.#cleanCheckpoints();
    const topicId = this.#directory.newTopicId();
    const entry: TopicEntry = { name, topicId, partitions, config, state: "creating" };
    const foreign = directoriesOf(entry).find((directory) => this.#exists(directory));
    if (foreign !== undefined) return isInTheWay(foreign);
    this.#directory.change({ topics: [...catalogue.topics, entry] });
    return entry;
  }

  /** Makes the directories and persists the topic as ready. Throws StorageError: abandon it. */
  finishCreate(name: string): void {
    const { catalogue } = this.#directory;
    const entry = catalogue.topics.find((topic) => topic.name === name)!;
    makeDirectories(this.#libc, this.#directory.fd, entry, catalogue.nodeEpoch, this.syncs);
    this.#replace({ ...entry, state: "ready" });
  }

  /** Undoes a creation. Throws StorageError: the next start, or creation, tries again. */
  abandonCreate(name: string): void {
    const { catalogue } = this.#directory;
    const entry = catalogue.topics.find((topic) => topic.name === name);
    if (entry?.state !== "creating") return;
    for (const directory of removeMade(this.#libc, this.#directory.fd, entry)) {
      trace("warning", `${directory}: something lies in it, so it stays`);
    }
    this.#directory.change({ topics: catalogue.topics.filter((topic) => topic !== entry) });
  }

  /** Persists settings of a topic. Throws StorageError: then they are as they were. */
  alterTopic(name: string, change: ConfigChange): TopicEntry | Refusal {
    const known = this.#ready(name);
    if (known === undefined) return { error: ErrorCodes.topic_not_found, message: name };
    const config = changeTopicConfig(known.config, change);
    if (typeof config === "string") return { error: ErrorCodes.invalid_config, message: config };
    // Its files stay as the cleaner left them: the next start must not miss what is not there.
    const entry = isCompacted(known.config) ? { ...known, wasCompacted: true as const } : known;
    return this.#replace({ ...entry, config });
  }

  /**
   * Persists that the topic is getting partitions, up to so many in all. A topic that has as many
   * is returned as it is. Throws StorageError: then it has what it had.
   */
  beginGrow(name: string, partitions: number): TopicEntry | Refusal {
    this.abandonGrow(name);
    const entry = this.#ready(name);
    if (entry === undefined) return { error: ErrorCodes.topic_not_found, message: name };
    if (partitions === entry.partitions) return entry;
    if (partitions < entry.partitions) {
      const message = `${name} has ${entry.partitions} partitions`;
      return { error: ErrorCodes.invalid_partitions, message };
    }
    const added = directoriesOf({ ...entry, partitions }, entry.partitions);
    const foreign = added.find((directory) => this.#exists(directory));
    if (foreign !== undefined) return isInTheWay(foreign);
    return this.#replace({ ...entry, growingTo: partitions });
  }

  /** Makes the directories and persists the partitions. Throws StorageError: abandon it. */
  finishGrow(name: string): TopicEntry {
    const { growingTo, ...entry } = this.#ready(name)!;
    if (growingTo === undefined) return entry;
    const { nodeEpoch } = this.#directory.catalogue;
    const grown = { ...entry, partitions: growingTo };
    makeDirectories(this.#libc, this.#directory.fd, grown, nodeEpoch, this.syncs, entry.partitions);
    return this.#replace(grown);
  }

  /** Undoes a growth. Throws StorageError: the next start, or growth, tries again. */
  abandonGrow(name: string): void {
    const { growingTo, ...entry } = this.#ready(name) ?? { growingTo: undefined };
    if (growingTo === undefined) return;
    const topic = entry as TopicEntry;
    const grown = { ...topic, partitions: growingTo };
    for (const directory of removeMade(this.#libc, this.#directory.fd, grown, topic.partitions)) {
      trace("warning", `${directory}: something lies in it, so it stays`);
    }
    this.#replace(topic);
  }

  /**
   * The first of PRODUCER_ID_BLOCK producer ids that nobody was given and nobody will be, whatever
   * becomes of them; -1: there are none left. Throws StorageError: then they are not taken.
   */
  takeProducerIds(): number {
    const first = this.#directory.catalogue.nextProducerId;
    const nextProducerId = first + PRODUCER_ID_BLOCK;
    if (nextProducerId > Number.MAX_SAFE_INTEGER) return -1;
    this.#directory.change({ nextProducerId });
    return first;
  }

  /** Broker settings that were changed while it ran. */
  get settings(): readonly ConfigEntry[] {
    return this.#directory.catalogue.settings;
  }

  /** Persists them all. Throws StorageError: then they are as they were. */
  changeSettings(settings: ConfigEntry[]): void {
    this.#directory.change({ settings });
  }

  /** Persists the topic as being deleted; null when there is none. Throws StorageError. */
  beginDelete(name: string): TopicDefinition | null {
    const { catalogue } = this.#directory;
    const entry = this.#ready(name);
    if (entry === undefined) return null;
    const { topicId, config } = entry;
    const partitions = entry.growingTo ?? entry.partitions;
    const deleted: TopicDefinition = { name, topicId, partitions, config };
    const topics = catalogue.topics.filter((topic) => topic !== entry);
    this.#directory.change({ topics, deletions: [...catalogue.deletions, deleted] });
    this.#recoveryPoints.forget(name);
    this.#logStarts.forget(name);
    return deleted;
  }

  /** After the shard let go: takes the directories out of the way. Throws StorageError. */
  renameDeleted(topicId: string): void {
    const topic = this.#deletion(topicId);
    if (topic !== undefined) this.#rename(topic);
    this.#cleanCheckpoints();
  }

  /**
   * Renames where that is not done, removes one file a step, and persists the topic as gone. May be
   * left in the middle and begun again. Throws StorageError.
   */
  *deletionSteps(topicId: string): Generator<void, void> {
    const topic = this.#deletion(topicId);
    if (topic === undefined) return;
    this.renameDeleted(topicId);
    for (const left of removeDeleted(this.#libc, this.#directory.fd, topic)) {
      if (left !== null) trace("warning", `${left}: a directory lies in it, so it stays`);
      yield;
    }
    const { catalogue } = this.#directory;
    const deletions = catalogue.deletions.filter((entry) => entry.topicId !== topicId);
    this.#directory.change({ deletions });
  }

  /** All steps of a deletion. */
  finishDelete(topicId: string): void {
    for (const _ of this.deletionSteps(topicId));
  }

  /**
   * Takes what shards report into the checkpoint files, which are durable when it returns. Log
   * starts only rise. Throws StorageError: what is on disk then, the getters say.
   */
  checkpoint(entries: readonly CheckpointEntry[]): void {
    const topics = this.#topicsByName();
    const known = entries.filter(({ topic, topicId, partition }) => {
      const entry = topics.get(topic);
      return entry?.topicId === topicId && partition < entry.partitions;
    });
    // Log starts first: somebody waits for them.
    this.#logStarts.replace(known.map(({ topic, partition, logStart }) => {
      return { topic, partition, offset: Math.max(logStart, this.logStart(topic, partition)) };
    }));
    this.#recoveryPoints.replace(known.map(({ topic, partition, recoveryPoint }) => {
      return {
        topic,
        partition,
        offset: Math.max(recoveryPoint, this.recoveryPoint(topic, partition)),
      };
    }));
  }

  /** -1: unknown. */
  recoveryPoint(topic: string, partition: number): number {
    return this.#recoveryPoints.get(topic, partition);
  }

  /** -1: unknown. */
  logStart(topic: string, partition: number): number {
    return this.#logStarts.get(topic, partition);
  }

  #ready(name: string): TopicEntry | undefined {
    return this.topics.find((topic) => topic.name === name);
  }

  #topicsByName(): Map<string, TopicEntry> {
    return new Map(this.topics.map((topic) => [topic.name, topic]));
  }

  #deletion(topicId: string): TopicDefinition | undefined {
    return this.#directory.catalogue.deletions.find((entry) => entry.topicId === topicId);
  }

  /** A topic that has the name now has the directories too: the deleted one's are renamed. */
  #rename(topic: TopicDefinition): void {
    if (this.#directory.catalogue.topics.some(({ name }) => name === topic.name)) return;
    renameDeleted(this.#libc, this.#directory.fd, topic);
  }

  #cleanCheckpoints(): void {
    this.#recoveryPoints.replace([]);
    this.#logStarts.replace([]);
  }

  #exists(name: string): boolean {
    const found = this.#libc.statx(this.#directory.fd, name, 0, this.#libc.fileStatus());
    if (found !== -ENOENT) must(found, `status of ${name}`);
    return found === 0;
  }

  #unknownDirectories(): string[] {
    const { catalogue, fd, path } = this.#directory;
    const known = new Set([RUN_DIRECTORY, ...FOREIGN_DIRECTORIES]);
    for (const topic of catalogue.topics) {
      const partitions = topic.growingTo ?? topic.partitions;
      for (const directory of directoriesOf({ ...topic, partitions })) known.add(directory);
    }
    for (const { name, topicId, partitions } of catalogue.deletions) {
      for (let partition = 0; partition < partitions; partition += 1) {
        known.add(deletedDirectory(name, partition, topicId));
      }
    }
    return directoriesIn(this.#libc, fd, path).filter((name) => !known.has(name));
  }

  /** Persists `changed` in place of the entry of its name. Throws StorageError. */
  #replace(changed: TopicEntry): TopicEntry {
    const topics = this.#directory.catalogue.topics;
    this.#directory.change({
      topics: topics.map((topic) => topic.name === changed.name ? changed : topic),
    });
    return changed;
  }
}

function isCompacted(config: readonly ConfigEntry[]): boolean {
  const parsed = parseTopicConfig(config);
  return typeof parsed !== "string" && parsed.cleanupCompact;
}

function isInTheWay(directory: string): Refusal {
  const message = `${directory} lies in the data directory and is of no topic: move it away`;
  return { error: ErrorCodes.storage_failed, message };
}

function attempt(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    trace("warning", `not finished, the next start tries again: ${error.message}`);
  }
}
