/**
 * Verifies a data directory, Sluice's or Kafka's: the catalogue against the directories, the
 * checkpoints, and every partition from its first byte to its last.
 *
 *     catalogue -> directories -> partition by partition -> totals
 *
 * Safe beside a running broker: it takes no lock and writes nothing. It then looks only below the
 * recovery points, because above them a broker is writing.
 *
 * Invariant: nothing in the directory is changed, and every finding is told, once.
 */

import {
  CATALOGUE_FILE,
  CLEAN_STOP_FILE,
  DELETED_SUFFIX,
  LOG_START_FILE,
  META_FILE,
  PARTITION_METADATA_FILE,
  partitionDirectory,
  RECOVERY_POINT_FILE,
  TEMPORARY_SUFFIX,
} from "../format/file_names.ts";
import { parseOffsets, parsePartitionMetadata } from "../format/checkpoint.ts";
import { type CatalogueContent, CatalogueError, loadCatalogue } from "../log/catalogue.ts";
import { StorageError } from "../log/files.ts";
import { type Finding, Findings, type Severity } from "./findings.ts";
import { gapsAllowed } from "./gaps.ts";
import {
  closeRoot,
  isDirectory,
  lockHolder,
  NAME_IT,
  openPartitionPlace,
  openRoot,
  partitionNames,
  type PartitionPlace,
  readText,
  refuseNewer,
  type Root,
  rootKind,
  ToolError,
} from "./places.ts";
import type { Libc } from "../../ffi/libc.ts";
import { type PartitionFacts, type Totals, verifyPartition } from "./verify_partition.ts";

/** What Kafka keeps beside the partitions, and `adopt` leaves where it is. */
const CLUSTER_METADATA = "__cluster_metadata-0";

export interface VerifyOptions {
  /** One partition, such as orders-0; null is all of them. */
  readonly partition: string | null;
  readonly tell: (finding: Finding) => void;
  /** Called often with the bytes read so far and those to read. */
  readonly progress: (doneBytes: number, totalBytes: number) => void;
}

export interface VerifySummary extends Totals {
  /** Those that were looked at to their end. */
  readonly partitions: number;
  readonly findings: Readonly<Record<Severity, number>>;
  /** A broker works in the directory: only what lies below the recovery points was looked at. */
  readonly isRunning: boolean;
}

/** Throws ToolError or StorageError where the directory itself cannot be read. */
export function verify(libc: Libc, path: string, options: VerifyOptions): VerifySummary {
  const steps = verifySteps(libc, path, options);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/**
 * The same in steps, with what was seen so far, so that the caller can print what was told, and
 * leave early.
 */
export function* verifySteps(
  libc: Libc,
  path: string,
  options: VerifyOptions,
): Generator<VerifySummary, VerifySummary> {
  const root = openRoot(libc, path);
  try {
    return yield* new Verification(root, options).run();
  } finally {
    closeRoot(root);
  }
}

class Verification {
  readonly #root: Root;
  readonly #options: VerifyOptions;
  readonly #findings: Findings;
  readonly #isOwn: boolean;
  readonly #isRunning: boolean;
  readonly #catalogue: CatalogueContent | null;
  readonly #recoveryPoints: ReadonlyMap<string, number>;
  readonly #logStarts: ReadonlyMap<string, number>;

  constructor(root: Root, options: VerifyOptions) {
    const kind = rootKind(root);
    if (kind === "none") {
      const text = `${root.path} is no data directory: it holds no catalogue, no partition`;
      throw new ToolError(text, NAME_IT);
    }
    refuseNewer(root, options.partition);
    this.#root = root;
    this.#options = options;
    this.#findings = new Findings(options.tell);
    this.#isOwn = kind === "sluice";
    this.#isRunning = lockHolder(root) !== null;
    this.#catalogue = this.#isOwn ? this.#loadCatalogue() : null;
    this.#recoveryPoints = this.#loadOffsets(RECOVERY_POINT_FILE);
    this.#logStarts = this.#loadOffsets(LOG_START_FILE);
  }

  *run(): Generator<VerifySummary, VerifySummary> {
    if (this.#isRunning) {
      const text = "a broker works here: only what lies below the recovery points is looked at";
      this.#add("note", ".", text);
    }
    const places = this.#places();
    const totals = { segments: 0, batches: 0, records: 0, bytes: 0 };
    const segments = places.flatMap((place) => place.segments);
    const totalBytes = segments.reduce((sum, { size }) => sum + size, 0);
    let doneBytes = 0;
    const progress = (bytes: number): void => {
      doneBytes += bytes;
      this.#options.progress(doneBytes, totalBytes);
    };
    let partitions = 0;
    const summary = (): VerifySummary => {
      const { counts } = this.#findings;
      return { ...totals, partitions, findings: counts, isRunning: this.#isRunning };
    };
    for (const place of places) {
      this.#metadata(place);
      const facts = this.#factsOf(place);
      const steps = verifyPartition(this.#root, place, facts, this.#findings, totals, progress);
      while (steps.next().done !== true) yield summary();
      this.#findings.settle();
      partitions += 1;
      yield summary();
    }
    this.#findings.settle();
    return summary();
  }

  #places(): PartitionPlace[] {
    const only = this.#options.partition;
    if (only !== null) return [openPartitionPlace(this.#root, only)];
    const names = partitionNames(this.#root);
    if (this.#isOwn) this.#compareWithCatalogue(names);
    const places: PartitionPlace[] = [];
    for (const name of names) {
      try {
        places.push(openPartitionPlace(this.#root, name));
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        this.#add("unread", name, `cannot be read: ${error.message}`);
      }
    }
    return places;
  }

  #factsOf({ directory, topic }: PartitionPlace): PartitionFacts {
    const recoveryPoint = this.#recoveryPoints.get(directory) ?? null;
    return {
      gapsAllowed: gapsAllowed(this.#catalogue, topic, recoveryPoint !== null),
      isRunning: this.#isRunning,
      isClean: this.#root.names.includes(CLEAN_STOP_FILE) && !this.#isRunning,
      recoveryPoint,
      logStart: this.#logStarts.get(directory) ?? null,
    };
  }

  #loadCatalogue(): CatalogueContent | null {
    try {
      return loadCatalogue(this.#root.libc, this.#root.fd);
    } catch (error) {
      if (error instanceof CatalogueError) this.#add("damage", CATALOGUE_FILE, error.message);
      else if (error instanceof StorageError) this.#add("unread", CATALOGUE_FILE, error.message);
      else throw error;
      return null;
    }
  }

  #compareWithCatalogue(names: readonly string[]): void {
    if (this.#catalogue === null) return;
    const known = new Set<string>();
    for (const { name, partitions, state } of this.#catalogue.topics) {
      for (let partition = 0; partition < partitions; partition += 1) {
        const directory = partitionDirectory(name, partition);
        known.add(directory);
        if (names.includes(directory) || state === "creating" || this.#isRunning) continue;
        const text = "the catalogue has this partition, its directory is not there";
        this.#add("damage", directory, text, "restore it from a copy");
      }
    }
    for (const name of names) {
      if (known.has(name) || this.#isRunning) continue;
      if (name === CLUSTER_METADATA) {
        this.#add(
          "note",
          name,
          "Kafka's own metadata, left here by sluice adopt: it is not served",
        );
        continue;
      }
      this.#add("warning", name, "the catalogue does not know this directory: it is not served");
    }
    this.#leftOvers(known);
  }

  /** What is neither a partition nor a file that a broker keeps there. */
  #leftOvers(known: ReadonlySet<string>): void {
    const creating = this.#catalogue?.topics.filter(({ state }) => state === "creating") ?? [];
    if (creating.length > 0 && !this.#isRunning) {
      const text = `the creation of ${creating.map(({ name }) => name).join(", ")} is not finished`;
      this.#add("note", CATALOGUE_FILE, text, "the next start undoes it");
    }
    const deleting = new Set(this.#catalogue?.deletions.map(({ name }) => name));
    if (deleting.size > 0 && !this.#isRunning) {
      const text = `the deletion of ${[...deleting].join(", ")} is not finished`;
      this.#add("note", CATALOGUE_FILE, text, "the next start goes on with it");
    }
    for (const name of this.#root.names) {
      if (name === CATALOGUE_FILE || name === META_FILE || known.has(name)) continue;
      if (name.endsWith(TEMPORARY_SUFFIX)) {
        this.#add("note", name, "a file that was not finished", "the next start replaces it");
      } else if (name.endsWith(DELETED_SUFFIX) && isDirectory(this.#root, name)) {
        this.#add("note", name, "a partition that is being deleted");
      }
    }
  }

  #metadata({ directory, topic }: PartitionPlace): void {
    const path = `${directory}/${PARTITION_METADATA_FILE}`;
    const text = this.#read(path);
    if (text === null) return;
    const topicId = parsePartitionMetadata(text);
    if (topicId === null) {
      this.#add("warning", path, "it is no topic id");
      return;
    }
    const entry = this.#catalogue?.topics.find(({ name }) => name === topic);
    if (entry === undefined || entry.topicId === topicId) return;
    const says = `it is of topic id ${topicId}, the catalogue has ${entry.topicId}`;
    this.#add("damage", path, says, "the directory is of another topic of this name");
  }

  #loadOffsets(file: string): ReadonlyMap<string, number> {
    const text = this.#read(file);
    if (text === null || text === "") return new Map();
    const entries = parseOffsets(text);
    if (entries === null) {
      this.#add("warning", file, "it is no list of offsets", "the next start recovers without it");
    }
    return new Map((entries ?? []).map((entry) => {
      return [partitionDirectory(entry.topic, entry.partition), entry.offset];
    }));
  }

  #read(path: string): string | null {
    try {
      return readText(this.#root, path);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.#add("unread", path, `cannot be read: ${error.message}`);
      return null;
    }
  }

  #add(severity: Severity, path: string, text: string, advice = ""): void {
    this.#findings.add({ severity, path, text, advice });
  }
}
