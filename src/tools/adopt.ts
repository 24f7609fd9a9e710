/**
 * Makes a Kafka log directory Sluice's: a catalogue from what its partitions say of themselves.
 * No log, index or checkpoint is changed, and Kafka's own files stay, so that Kafka can still be
 * started on it until Sluice has written.
 *
 *     orders-0 … orders-2   partition.metadata -> topic orders, its id, 3 partitions
 *     __cluster_metadata-0  Kafka's own catalogue: not adopted
 *     x-0.…-delete          being deleted: not adopted, named
 *     compacted topics      get cleanup.policy=compact, so that retention takes nothing; refused
 *                           where a gap of compaction could be a lost tail
 *
 * The settings of topics are in Kafka's cluster metadata and are not adopted: they follow the
 * defaults of Sluice, retention.ms aside, which is -1: nothing goes by its age. What only Kafka can
 * bring to an end (a segment that was being replaced, a log start that is behind) is refused, and
 * Kafka does it at its next start.
 *
 * Invariant: the catalogue is written last and as a whole; before that the directory is Kafka's.
 */

import type { Libc } from "../../ffi/libc.ts";
import {
  formatPartitionMetadata,
  parseOffsets,
  parsePartitionMetadata,
} from "../format/checkpoint.ts";
import {
  CATALOGUE_FILE,
  CLEAN_STOP_FILE,
  LOG_START_FILE,
  META_FILE,
  parsePartitionDirectory,
  PARTITION_METADATA_FILE,
  partitionDirectory,
  RECOVERY_POINT_FILE,
} from "../format/file_names.ts";
import { PARTITIONS_PER_TOPIC_MAX, PRODUCER_ID_BLOCK } from "../limits.ts";
import {
  type CatalogueContent,
  emptyCatalogue,
  saveCatalogue,
  type TopicEntry,
} from "../log/catalogue.ts";
import { must, openDirectory, replaceFile } from "../log/files.ts";
import { randomUuid } from "../log/data_directory.ts";
import type { ConfigEntry } from "../format/topic_config.ts";
import { type LastOfPartition, lastOfPartition } from "./adopt_scan.ts";
import { refuseWhileHeld, takeLock } from "./directory_lock.ts";
import {
  closeRoot,
  isDirectory,
  openPartitionPlace,
  openRoot,
  partitionNames,
  type PartitionPlace,
  readText,
  refuseNewer,
  type Root,
  ToolError,
} from "./places.ts";

const CLUSTER_METADATA = "__cluster_metadata";
/** Up to where Kafka's cleaner compacted which partition. */
const CLEANER_FILE = "cleaner-offset-checkpoint";
const NO_TOPIC_ID = "00000000-0000-0000-0000-000000000000";
/** Keeps the last record of each key, whatever its age. */
const COMPACT: readonly ConfigEntry[] = [{ key: "cleanup.policy", value: "compact" }];
/** Nothing that Kafka kept goes because Sluice's default is shorter. */
const KEEP: readonly ConfigEntry[] = [{ key: "retention.ms", value: "-1" }];
/** A segment that Kafka was putting in the place of others. */
const SWAP_SUFFIX = ".swap";
/** What Kafka knows of aborted transactions. */
const TRANSACTIONS_SUFFIX = ".txnindex";
/** Kafka gives producer ids out in blocks of so many. */
/** What Kafka calls a directory that is on its way out, or not yet in. */
const LEFT_OVER = /^(.+)\.[0-9a-f]{32}-(delete|future|stray)$/;

export interface AdoptOptions {
  readonly isDry: boolean;
  /** Told line by line what is found and done. */
  readonly tell: (line: string) => void;
}

/** Returns the catalogue, as it is written or would be. Throws ToolError or StorageError. */
export function adopt(libc: Libc, path: string, options: AdoptOptions): CatalogueContent {
  const root = openRoot(libc, path);
  try {
    refuseUnlessKafkas(root);
    refuseNewer(root);
    refuseWhileHeld(root);
    const lock = options.isDry ? null : takeLock(root);
    try {
      return new Adoption(root, options).run();
    } finally {
      if (lock !== null) libc.close(lock);
    }
  } finally {
    closeRoot(root);
  }
}

function refuseUnlessKafkas(root: Root): void {
  if (root.names.includes(CATALOGUE_FILE)) {
    throw new ToolError(`${root.path} has a catalogue: it is a Sluice data directory already`);
  }
  if (!root.names.includes(META_FILE) && partitionNames(root).length === 0) {
    throw new ToolError(
      `${root.path} is no Kafka log directory: it has neither ${META_FILE} nor a partition`,
      "It is what log.dirs names in the settings of the Kafka broker.",
    );
  }
}

class Adoption {
  readonly #root: Root;
  readonly #tell: (line: string) => void;
  readonly #isDry: boolean;
  readonly #newMetadata: { directory: string; topicId: string }[] = [];
  readonly #isClean: boolean;
  readonly #recoveryPoints: ReadonlyMap<string, number>;
  readonly #logStarts: ReadonlyMap<string, number>;
  /** Up to where the cleaner went. */
  readonly #cleaned: ReadonlyMap<string, number>;
  #highestEpoch = -1;
  #highestProducerId = -1;

  constructor(root: Root, options: AdoptOptions) {
    this.#root = root;
    this.#tell = options.tell;
    this.#isDry = options.isDry;
    this.#isClean = root.names.includes(CLEAN_STOP_FILE);
    this.#recoveryPoints = offsetsIn(root, RECOVERY_POINT_FILE);
    this.#logStarts = offsetsIn(root, LOG_START_FILE);
    this.#cleaned = offsetsIn(root, CLEANER_FILE);
  }

  run(): CatalogueContent {
    this.#tellLeftOvers();
    const catalogue = emptyCatalogue(this.#clusterId());
    for (const [name, places] of this.#topics()) catalogue.topics.push(this.#topic(name, places));
    catalogue.nodeEpoch = this.#highestEpoch + 1;
    const blocks = Math.floor(this.#highestProducerId / PRODUCER_ID_BLOCK) + 1;
    catalogue.nextProducerId = blocks * PRODUCER_ID_BLOCK;
    this.#tellResult(catalogue);
    if (this.#isDry) return catalogue;
    for (const { directory, topicId } of this.#newMetadata) {
      this.#writeMetadata(directory, topicId);
    }
    saveCatalogue(this.#root.libc, this.#root.fd, catalogue);
    this.#tell(`adopted: ${this.#root.path} is a Sluice data directory now`);
    return catalogue;
  }

  /** The partitions of each topic, in order. Throws ToolError where one is missing. */
  #topics(): Map<string, PartitionPlace[]> {
    const topics = new Map<string, PartitionPlace[]>();
    for (const name of partitionNames(this.#root)) {
      const place = openPartitionPlace(this.#root, name);
      if (place.topic === CLUSTER_METADATA) {
        this.#tell(`not adopted: ${name}, Kafka's own metadata`);
        continue;
      }
      const places = topics.get(place.topic) ?? [];
      if (places.length !== place.partition) throw this.#notWhole(place, places.length);
      if (places.length === PARTITIONS_PER_TOPIC_MAX) {
        const most = `a topic has at most ${PARTITIONS_PER_TOPIC_MAX}`;
        throw new ToolError(`${place.topic} has too many partitions: ${most}`);
      }
      topics.set(place.topic, [...places, place]);
    }
    return topics;
  }

  #notWhole({ topic, directory }: PartitionPlace, missing: number): ToolError {
    return new ToolError(
      `topic ${topic} is not whole: there is ${directory} and no ${topic}-${missing}`,
      "All partitions of a topic must lie in this directory: move them here from the other " +
        "log.dirs and brokers, or move this topic away.",
    );
  }

  #topic(name: string, places: readonly PartitionPlace[]): TopicEntry {
    const found = places.map((place) => this.#topicIdOf(place));
    const ids = [...new Set(found.filter((id) => id !== null))];
    if (ids.length > 1) {
      throw new ToolError(
        `the partitions of ${name} are of several topics: ids ${ids.join(", ")}`,
        "Some directories are left from a deleted topic of this name: move them away.",
      );
    }
    const topicId = ids[0] ?? randomUuid(this.#root.libc);
    places.forEach(({ directory }, at) => {
      if (found[at] === null) this.#newMetadata.push({ directory, topicId });
    });
    if (ids.length === 0) this.#tell(`topic ${name} has no id: it gets ${topicId}`);
    const config = this.#config(places, places.map((place) => this.#look(place)));
    return { name, topicId, partitions: places.length, config, state: "ready" };
  }

  /** Throws ToolError where a partition's gaps could be taken for its end. */
  #config(places: readonly PartitionPlace[], ends: readonly LastOfPartition[]): ConfigEntry[] {
    const isCompacted = places.some(({ directory }, at) => {
      return ends[at]!.hasGaps || (this.#cleaned.get(directory) ?? 0) > 0;
    });
    if (!isCompacted) return [...KEEP];
    places.forEach((place, at) => {
      const doubt = this.#doubtOf(place, ends[at]!);
      if (doubt !== "") throw compacted(place, doubt);
    });
    this.#tell(`topic ${places[0]!.topic} was compacted: it gets cleanup.policy=compact`);
    return [...COMPACT];
  }

  /** Why it is not known that everything up to the end of the log was on disk; or nothing. */
  #doubtOf({ directory }: PartitionPlace, { end, problem }: LastOfPartition): string {
    if (!this.#isClean) return "Kafka did not stop cleanly";
    if (problem !== "") return problem;
    const point = this.#recoveryPoints.get(directory) ?? 0;
    return point === end ? "" : `its recovery point is ${point}, its log ends at ${end}`;
  }

  #topicIdOf({ directory }: PartitionPlace): string | null {
    const path = `${directory}/${PARTITION_METADATA_FILE}`;
    const text = readText(this.#root, path);
    if (text === null) return null;
    const topicId = parsePartitionMetadata(text);
    if (topicId === null) {
      throw new ToolError(`${path} is damaged: it is no topic id`, "Remove it to give a new id.");
    }
    return topicId === NO_TOPIC_ID ? null : topicId;
  }

  #look(place: PartitionPlace): LastOfPartition {
    const { directory, names } = place;
    this.#refuseUnfinished(place);
    const last = lastOfPartition(this.#root, place);
    if (last.problem !== "") this.#tell(`${directory}: ${last.problem}; see sluice verify`);
    this.#highestEpoch = Math.max(this.#highestEpoch, last.epoch);
    this.#highestProducerId = Math.max(this.#highestProducerId, last.producerId);
    const deleted = names.filter((name) => name.endsWith(".deleted"));
    if (deleted.length > 0) {
      this.#tell(`${directory}: ${deleted.length} .deleted files are left alone`);
    }
    if (names.some((name) => name.endsWith(TRANSACTIONS_SUFFIX))) {
      this.#tell(`${directory}: records of aborted transactions will be seen`);
    }
    return last;
  }

  /** Steps of Kafka that a kill cut off, and that its next start brings to an end. */
  #refuseUnfinished({ directory, names, segments }: PartitionPlace): void {
    const swap = names.find((name) => name.endsWith(SWAP_SUFFIX));
    if (swap !== undefined) {
      throw new ToolError(`${directory}/${swap}: Kafka was replacing a segment`, STOP_CLEANLY);
    }
    const logStart = this.#logStarts.get(directory);
    const first = segments[0]?.baseOffset ?? Infinity;
    if (logStart === undefined || logStart >= first || first === Infinity) return;
    throw new ToolError(
      `${directory} begins at offset ${first}, Kafka's checkpoint says ${logStart}`,
      STOP_CLEANLY,
    );
  }

  #tellLeftOvers(): void {
    for (const name of this.#root.names) {
      if (!isDirectory(this.#root, name) || parsePartitionDirectory(name) !== null) continue;
      const why = LEFT_OVER.test(name) ? "left over from Kafka" : "not a partition";
      this.#tell(`not adopted: ${name}, ${why}`);
    }
    if (this.#isClean) return;
    this.#tell("Kafka did not stop cleanly here: the first start recovers every partition");
  }

  #tellResult(catalogue: CatalogueContent): void {
    for (const { name, topicId, partitions } of catalogue.topics) {
      this.#tell(`topic ${name}: ${partitions} partitions, id ${topicId}`);
    }
    this.#tell(`cluster ${catalogue.clusterId}, node epoch ${catalogue.nodeEpoch}`);
    this.#tell("settings of topics are not adopted: they follow the defaults, and retention.ms=-1");
  }

  /** Kafka's cluster id, or a new one. */
  #clusterId(): string {
    const text = readText(this.#root, META_FILE) ?? "";
    return /^cluster\.id=(.+)$/m.exec(text)?.[1]?.trim() ?? randomUuid(this.#root.libc);
  }

  #writeMetadata(directory: string, topicId: string): void {
    const { libc, fd: rootFd } = this.#root;
    const fd = must(openDirectory(libc, rootFd, directory), `open ${directory}`);
    try {
      const text = formatPartitionMetadata(topicId);
      replaceFile(libc, fd, PARTITION_METADATA_FILE, new TextEncoder().encode(text));
    } finally {
      libc.close(fd);
    }
  }
}

const STOP_CLEANLY = "Start Kafka on it and stop it cleanly, once; then adopt it.";

/**
 * Above the recovery point a gap in the offsets is the end of the log: recovery cuts there. What
 * compaction left behind it would be lost.
 */
function compacted({ topic, directory }: PartitionPlace, doubt: string): ToolError {
  return new ToolError(
    `${directory} was compacted, and offsets are missing in it: ${doubt}`,
    `${STOP_CLEANLY} Or move the directories of ${topic} away to adopt the other topics.`,
  );
}

/** An offset per partition directory; nothing where the file is not there or is damaged. */
function offsetsIn(root: Root, file: string): Map<string, number> {
  const entries = parseOffsets(readText(root, file) ?? "") ?? [];
  return new Map(entries.map(({ topic, partition, offset }) => {
    return [partitionDirectory(topic, partition), offset];
  }));
}
