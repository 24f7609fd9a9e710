/**
 * Repairs a partition: cuts its log at the first damage, and makes anew what is only derived from
 * the log. A copy of every file that is touched is kept.
 *
 *     --rebuild    indexes, snapshots and epochs that do not fit the log; no .log is touched
 *     --truncate   that, and: the log ends before the damage, later segments are put aside, the
 *                  checkpoints say so
 *     neither      says what it would do, and does nothing
 *
 * The order makes a repair that is cut off one that can be begun again: copies first, then later
 * segments from the last to the first, then the cut, then what is derived, then the checkpoints.
 *
 * Invariant: no byte is gone that has no copy, and no broker works in the directory meanwhile.
 */

import type { Libc } from "../../ffi/libc.ts";
import {
  type EpochEntry,
  formatEpochs,
  formatOffsets,
  type OffsetEntry,
  parseEpochs,
  parseOffsets,
} from "../format/checkpoint.ts";
import {
  CLEAN_STOP_FILE,
  LEADER_EPOCH_FILE,
  LOG_START_FILE,
  RECOVERY_POINT_FILE,
} from "../format/file_names.ts";
import { CatalogueError, loadCatalogue } from "../log/catalogue.ts";
import { must, openDirectory, replaceFile } from "../log/files.ts";
import { refuseWhileHeld, takeLock } from "./directory_lock.ts";
import { offsetsText } from "./findings.ts";
import { type GapRules, gapsAllowed } from "./gaps.ts";
import { cutFile, Keep } from "./keep.ts";
import {
  closeRoot,
  FileKind,
  NAME_IT,
  openPartitionPlace,
  openRoot,
  parseSegmentName,
  type PartitionPlace,
  readText,
  refuseNewer,
  type Root,
  rootKind,
  ToolError,
} from "./places.ts";
import { type NewContent, RepairScan } from "./repair_scan.ts";
import { snapshotProblem } from "./side_files.ts";

/** Where Kafka keeps the high watermarks: no more than the log end either. */
const HIGH_WATERMARKS_FILE = "replication-offset-checkpoint";

export interface RepairOptions {
  readonly truncate: boolean;
  readonly rebuild: boolean;
  /** Where copies go; null is beside the files. */
  readonly keepDirectory: string | null;
  /** Told line by line what is found and done, or would be. */
  readonly tell: (line: string) => void;
  readonly progress: (doneBytes: number) => void;
}

/** `nothing` was to do; it was only `planned`; it is `done`. */
export type RepairOutcome = "nothing" | "planned" | "done";

/** Throws ToolError, or StorageError where a file cannot be read or written. */
export function repair(
  libc: Libc,
  path: string,
  directory: string,
  options: RepairOptions,
): RepairOutcome {
  const steps = repairSteps(libc, path, directory, options);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** While it is `looking` nothing was changed yet. */
export type RepairStep = "looking" | "changing";

/** The same in steps: who leaves while it is looking leaves everything as it was. */
export function* repairSteps(
  libc: Libc,
  path: string,
  directory: string,
  options: RepairOptions,
): Generator<RepairStep, RepairOutcome> {
  const root = openRoot(libc, path);
  try {
    if (rootKind(root) === "none") throw new ToolError(`${path} is no data directory`, NAME_IT);
    refuseNewer(root);
    refuseWhileHeld(root);
    const isDry = !options.truncate && !options.rebuild;
    const lock = isDry ? null : takeLock(root);
    try {
      return yield* new Repair(root, openPartitionPlace(root, directory), options).run(isDry);
    } finally {
      if (lock !== null) libc.close(lock);
    }
  } finally {
    closeRoot(root);
  }
}

interface Plan {
  /** The segment to cut and where, or null. */
  cut: { path: string; size: number } | null;
  /** Files behind the cut, the last first. */
  later: string[];
  /** Snapshots that do not fit. */
  removed: string[];
  /** What is made anew. */
  replaced: NewContent[];
  /** Checkpoints of the data directory, of names in it, and what they say then. */
  checkpoints: (NewContent & { readonly offset: number })[];
}

class Repair {
  readonly #root: Root;
  readonly #partition: PartitionPlace;
  readonly #options: RepairOptions;
  readonly #gapRules: GapRules;

  constructor(root: Root, partition: PartitionPlace, options: RepairOptions) {
    this.#root = root;
    this.#partition = partition;
    this.#options = options;
    this.#gapRules = this.#readGapRules();
  }

  *run(isDry: boolean): Generator<RepairStep, RepairOutcome> {
    const scan = new RepairScan(this.#root, this.#partition, this.#gapRules);
    let doneBytes = 0;
    const looking = scan.run((bytes) => {
      doneBytes += bytes;
      this.#options.progress(doneBytes);
    });
    while (looking.next().done !== true) yield "looking";
    const plan = this.#plan(scan);
    const needsTruncate = scan.firstDamage !== null || plan.checkpoints.length > 0;
    const steps = plan.later.length + plan.removed.length + plan.replaced.length;
    if (!needsTruncate && steps === 0) {
      this.#options.tell(`${this.#partition.directory}: nothing to repair`);
      return "nothing";
    }
    const keep = new Keep(this.#root, this.#options.keepDirectory, this.#partition.names);
    try {
      this.#tellPlan(plan, scan, keep, isDry);
      if (isDry) {
        const flag = needsTruncate ? "--truncate" : "--rebuild";
        this.#options.tell(`nothing was changed: run it again with ${flag} to do this`);
        return "planned";
      }
      if (needsTruncate && !this.#options.truncate) {
        throw new ToolError(
          "the log itself is damaged: making anew what is derived from it is not enough",
          "With --truncate it is cut before the damage.",
        );
      }
      yield* this.#apply(plan, keep);
      return "done";
    } finally {
      keep.close();
    }
  }

  #plan(scan: RepairScan): Plan {
    const { firstDamage, dropsSegment, end } = scan;
    const cut = firstDamage === null || dropsSegment
      ? null
      : { path: firstDamage.segment.path, size: firstDamage.from };
    const later: string[] = [];
    const removed: string[] = [];
    for (const name of this.#partition.names) {
      const parsed = parseSegmentName(name);
      if (parsed === null) continue;
      const path = `${this.#partition.directory}/${name}`;
      if (parsed.kind === FileKind.snapshot) {
        if (snapshotProblem(this.#root, path, parsed.offset, end) !== "") removed.push(path);
      } else if (firstDamage !== null) {
        const { baseOffset } = firstDamage.segment;
        const goes = dropsSegment ? parsed.offset >= baseOffset : parsed.offset > baseOffset;
        if (goes) later.unshift(path); // names are sorted: the last comes first
      }
    }
    const replaced = [...scan.indexes, ...this.#epochs(scan)];
    return { cut, later, removed, replaced, checkpoints: this.#checkpoints(end) };
  }

  /** The epochs, where the file does not fit the log up to its new end. */
  #epochs(scan: RepairScan): NewContent[] {
    const path = `${this.#partition.directory}/${LEADER_EPOCH_FILE}`;
    const text = readText(this.#root, path);
    if (text === null || text === "") return [];
    const entries = parseEpochs(text);
    const isRight = entries !== null && epochsFit(entries, scan.epochs, scan.end);
    return isRight ? [] : [{ path, bytes: encoded(formatEpochs(scan.epochs)) }];
  }

  /** Checkpoints that name an offset of this partition outside its log as it is then. */
  #checkpoints(end: number): Plan["checkpoints"] {
    const { topic, partition } = this.#partition;
    const changed: Plan["checkpoints"] = [];
    for (const path of [RECOVERY_POINT_FILE, LOG_START_FILE, HIGH_WATERMARKS_FILE]) {
      const entries = parseOffsets(readText(this.#root, path) ?? "") ?? [];
      const at = entries.findIndex((entry) => {
        return entry.topic === topic && entry.partition === partition;
      });
      const entry = entries[at];
      if (entry === undefined) continue;
      const first = path === LOG_START_FILE ? this.#firstOffset : 0;
      const offset = Math.min(Math.max(entry.offset, first), end);
      if (offset === entry.offset) continue;
      const fitting: OffsetEntry[] = entries.with(at, { ...entry, offset });
      changed.push({ path, bytes: encoded(formatOffsets(fitting)), offset });
    }
    return changed;
  }

  /** A log start before it would say that records are missing. */
  get #firstOffset(): number {
    const isDense = this.#gapRules.allowed === "none";
    return isDense ? this.#partition.segments[0]?.baseOffset ?? 0 : 0;
  }

  #readGapRules(): GapRules {
    const { libc, fd, names } = this.#root;
    const { topic, partition } = this.#partition;
    const offsetIn = (file: string) => {
      return parseOffsets(readText(this.#root, file) ?? "")?.find((entry) => {
        return entry.topic === topic && entry.partition === partition;
      })?.offset;
    };
    const recoveryPoint = offsetIn(RECOVERY_POINT_FILE);
    let catalogue = null;
    try {
      catalogue = loadCatalogue(libc, fd);
    } catch (error) {
      if (!(error instanceof CatalogueError)) throw error; // then no gap is known to be wrong
    }
    return {
      allowed: gapsAllowed(catalogue, topic, recoveryPoint !== undefined),
      durable: names.includes(CLEAN_STOP_FILE) ? Infinity : recoveryPoint ?? 0,
      logStart: offsetIn(LOG_START_FILE) ?? 0,
    };
  }

  #tellPlan(plan: Plan, scan: RepairScan, keep: Keep, isDry: boolean): void {
    const { tell } = this.#options;
    const verb = isDry ? "would " : "";
    const { firstDamage, end, endBehindDamage } = scan;
    if (firstDamage !== null) {
      const { segment, from, problem } = firstDamage;
      tell(`${segment.path} at ${from}: ${problem}`);
      const cutSize = segment.size - from;
      if (plan.cut !== null) {
        tell(`${verb}cut ${segment.path} to ${from} bytes: ${cutSize} bytes go`);
      }
      tell(
        endBehindDamage > end
          ? `the log then ends at ${end}; ${offsetsText(end, endBehindDamage - 1)} go`
          : `the log then ends at ${end}`,
      );
    }
    for (const path of [...plan.later, ...plan.removed]) tell(`${verb}put aside ${path}`);
    for (const { path } of plan.replaced) tell(`${verb}make anew ${path}`);
    for (const { path, offset } of plan.checkpoints) {
      tell(`${verb}set this partition to ${offset} in ${path}`);
    }
    for (const path of touched(plan)) tell(`${verb}keep ${keep.nameOf(path)}`);
  }

  *#apply(plan: Plan, keep: Keep): Generator<RepairStep, void> {
    const { libc } = this.#root;
    if (plan.cut !== null) keep.keepCopy(plan.cut.path);
    for (const { path } of [...plan.replaced, ...plan.checkpoints]) {
      yield "changing";
      keep.keepCopy(path);
    }
    for (const path of [...plan.later, ...plan.removed]) {
      yield "changing";
      keep.keepAndRemove(path);
    }
    if (plan.cut !== null) cutFile(this.#root, plan.cut.path, plan.cut.size);
    const { directory } = this.#partition;
    const fd = must(openDirectory(libc, this.#root.fd, directory), `open ${directory}`);
    try {
      for (const { path, bytes } of plan.replaced) {
        replaceFile(libc, fd, path.slice(directory.length + 1), bytes);
      }
    } finally {
      libc.close(fd);
    }
    for (const { path, bytes } of plan.checkpoints) replaceFile(libc, this.#root.fd, path, bytes);
    this.#options.tell(`${directory}: repaired`);
  }
}

/** Whether the file's entries are those of the log's batches; older ones may be forgotten. */
function epochsFit(
  entries: readonly EpochEntry[],
  found: readonly EpochEntry[],
  logEnd: number,
): boolean {
  const oldest = entries[0];
  if (oldest === undefined) return found.length === 0;
  if (entries.some(({ startOffset }) => startOffset > logEnd)) return false;
  return found.every(({ epoch, startOffset }) => {
    if (startOffset < oldest.startOffset) return epoch <= oldest.epoch;
    const at = entries.findIndex((entry) => entry.epoch === epoch);
    const next = entries[at + 1]?.startOffset ?? Infinity;
    return at >= 0 && entries[at]!.startOffset <= startOffset && startOffset < next;
  });
}

function touched(plan: Plan): string[] {
  const files = [...plan.replaced, ...plan.checkpoints].map(({ path }) => path);
  const cut = plan.cut === null ? [] : [plan.cut.path];
  return [...cut, ...plan.later, ...plan.removed, ...files];
}

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
