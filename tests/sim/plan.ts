/**
 * A schedule: what is done to the broker and when it crashes, drawn from one seed before anything
 * runs ("swarm": each seed draws which operations are on and how often, not only their values).
 *
 * An operation carries a seed of its own, from which everything about it is drawn when it runs. So
 * operations can be taken out of a schedule and the rest stays what it was.
 */
import { ENOSYS, EPERM } from "../../ffi/constants.ts";
import { Level } from "../../src/format/levels.ts";
import type { ConfigChange, ConfigEntry } from "../../src/format/topic_config.ts";
import type { Prng } from "../support/prng.ts";
import { canEncode } from "./attempt_bytes.ts";
import { SimPrng } from "./prng.ts";
import type { CallFaults, RefusedCalls } from "./sim_calls.ts";
import type { DiskFaults } from "./sim_disk.ts";
import type { CrashKind } from "./sim_libc.ts";
import type { MetadataOrder } from "./sim_tree.ts";

/** How often each operation is drawn where nothing is said against it. */
const WEIGHTS = {
  produce: 44,
  retry: 6,
  turn: 9,
  reap: 6,
  settle: 5,
  fetch: 5,
  lookup: 3,
  verify: 1,
  checkpoint: 6,
  care: 6,
  deleteRecords: 2,
  clock: 4,
  jump: 1,
  background: 8,
  pressMemory: 2,
  dropCaches: 4,
  harmIndexes: 3,
  failSync: 1,
  fillDisk: 1,
  freeDisk: 1,
  createTopic: 2,
  alterTopic: 3,
  addPartitions: 2,
  deleteTopic: 1,
  cleanStop: 2,
} as const;

export type OperationKind = keyof typeof WEIGHTS | "crash";

/** The process ends after so many calls; 0: between operations. */
export interface Cut {
  readonly kind: CrashKind;
  readonly calls: number;
}

export interface Operation {
  readonly kind: OperationKind;
  readonly seed: number;
  /** Of a crash: when, and which of the starts after it are cut off. */
  readonly crash: Cut | null;
  readonly cuts: readonly Cut[];
}

export interface TopicPlan {
  readonly name: string;
  readonly partitions: number;
  readonly level: Level;
  readonly config: readonly ConfigEntry[];
}

export interface Plan {
  readonly seed: number;
  readonly metadata: MetadataOrder;
  /** Pages of 512 bytes; Infinity: there is always room. */
  readonly capacity: number;
  readonly callFaults: Partial<CallFaults>;
  readonly diskFaults: Partial<DiskFaults>;
  /** Percent of syncs that say they are done and do nothing: a device that lies. */
  readonly lies: number;
  readonly aioPercent: number;
  /** Without it syncs are calls of the turn. */
  readonly hasAio: boolean;
  /** Steps of zeros behind the active segments; 0: none. */
  readonly writtenAheadBytes: number;
  /** What of the calls by which cold bytes are found the system refuses. */
  readonly refused: RefusedCalls;
  /** Percent of the reads of cold bytes that fail. */
  readonly readFailurePercent: number;
  readonly topics: readonly TopicPlan[];
  /** Of batches. Few, so that one fits exactly where another one is missing. */
  readonly sizes: readonly number[];
  readonly recordsMax: number;
  /** How many clients send, and how many percent of them are idempotent. */
  readonly producers: number;
  readonly idempotent: number;
  /** Percent of produce operations that end with a turn of the shard. */
  readonly turns: number;
  readonly operations: readonly Operation[];
}

const SIZES = [96, 128, 200, 256, 400, 512, 600, 1024, 1500];
/** With these alone, batches and pages end at the same places: what is torn off is whole. */
const PAGE_SIZES = [512, 512, 1024];
/** With these, segments are long enough to have index entries. */
const LARGE_SIZES = [600, 1024, 1500, 2000];
const OPERATIONS_MIN = 50;

/** The whole schedule of a seed. */
export function drawPlan(seed: number): Plan {
  const prng = new SimPrng(seed).fork("plan");
  const lies = prng.chance(12) ? prng.pick([50, 90]) : 0;
  const isHonest = lies > 0 || prng.chance(70);
  // What lies leave behind matters where it fits exactly.
  const shape = lies > 0 ? "pages" : prng.pick(["mixed", "mixed", "pages", "large"] as const);
  const sizes = drawSizes(prng, shape);
  const recordsMax = sizes.every((size) => canEncode(size, 3)) ? prng.pick([1, 1, 1, 3]) : 1;
  const cold = new SimPrng(seed).fork("cold");
  const topics = ["a", "b", "c"].map((name) => drawTopic(prng, name, shape));
  return {
    seed,
    metadata: prng.pick(["unordered", "unordered", "ordered", "journal"] as const),
    capacity: isHonest || prng.chance(50) ? Infinity : prng.pick([80, 150, 300]),
    callFaults: drawCallFaults(prng, isHonest),
    diskFaults: isHonest ? {} : drawDiskFaults(prng),
    lies,
    aioPercent: prng.pick([20, 50, 80]),
    hasAio: !prng.chance(10),
    writtenAheadBytes: new SimPrng(seed).fork("ahead").pick([0, 512, 1024, 2048]),
    refused: {
      cachestat: cold.pick([0, 0, ENOSYS, EPERM]),
      nowait: cold.chance(10),
    },
    readFailurePercent: cold.pick([0, 0, 20, 50]),
    topics,
    sizes,
    recordsMax,
    producers: prng.between(1, 4),
    // Bytes that are sent again may stand beside what a lying device kept of the first time, and
    // half of each make a whole.
    idempotent: lies > 0 ? 0 : prng.pick([0, 50, 100, 100]),
    turns: prng.pick([40, 70, 90]),
    operations: drawOperations(prng, lies > 0),
  };
}

type Shape = "mixed" | "pages" | "large";

const SEGMENT_SIZES: Readonly<Record<Shape, readonly number[]>> = {
  mixed: [1024, 1024, 2048, 4096, 65536],
  pages: [1024, 2048, 4096, 65536],
  large: [8192, 16384, 65536],
};

function drawSizes(prng: SimPrng, shape: Shape): number[] {
  if (shape === "pages") return [prng.pick(PAGE_SIZES)];
  const sizes: number[] = [];
  const count = prng.pick([1, 1, 2, 3]);
  const from = shape === "large" ? LARGE_SIZES : SIZES;
  while (sizes.length < count) sizes.push(prng.pick(from));
  return sizes;
}

function drawTopic(prng: SimPrng, name: string, shape: Shape): TopicPlan {
  const segmentSizes = SEGMENT_SIZES[shape];
  const level = prng.pick([Level.fsync, Level.fsync, Level.fsync, Level.interval, Level.os]);
  const config: ConfigEntry[] = [
    { key: "durability", value: level === Level.fsync ? "fsync" : LEVEL_VALUES[level]! },
    { key: "segment.bytes", value: String(prng.pick(segmentSizes)) },
    { key: "flush.ms", value: String(prng.pick([1, 20, 500])) },
  ];
  if (prng.chance(30)) config.push({ key: "segment.ms", value: String(prng.pick([50, 1000])) });
  if (prng.chance(20)) config.push({ key: "segment.jitter.ms", value: "20" });
  if (prng.chance(30)) config.push({ key: "retention.bytes", value: String(prng.pick([0, 3000])) });
  if (prng.chance(30)) config.push({ key: "retention.ms", value: String(prng.pick([0, 500])) });
  return { name, partitions: prng.pick([1, 1, 1, 2]), level, config };
}

const LEVEL_VALUES: readonly string[] = ["", "os", "interval", "fsync"];

/** Values that settings are changed to. */
const CHANGES: Readonly<Record<string, readonly string[]>> = {
  "durability": ["fsync", "fsync", "interval", "os"],
  "segment.bytes": ["1024", "2048", "4096", "65536"],
  "flush.ms": ["1", "20", "500"],
  "segment.ms": ["50", "1000"],
  "segment.jitter.ms": ["0", "20"],
  "retention.bytes": ["-1", "3000"],
  "retention.ms": ["-1", "500"],
};

/** One to four settings at once: all of it is found after a crash, or nothing. */
export function drawChange(prng: Prng): ConfigChange {
  const keys = Object.keys(CHANGES);
  const set: ConfigEntry[] = [];
  const unset: { key: string }[] = [];
  for (let count = prng.between(1, 4); count > 0; count -= 1) {
    const [key] = keys.splice(prng.below(keys.length), 1) as [string];
    if (prng.chance(20)) unset.push({ key });
    else set.push({ key, value: prng.pick(CHANGES[key]!) });
  }
  return { set, unset };
}

export function drawCallFaults(prng: SimPrng, isHonest: boolean): Partial<CallFaults> {
  if (prng.chance(isHonest ? 70 : 40)) return {};
  const faults = {
    shortRead: prng.pick([0, 100]),
    shortWrite: prng.pick([0, 100, 300]),
    interrupted: prng.pick([0, 50]),
  };
  if (isHonest) return faults;
  return { ...faults, writeFull: prng.pick([0, 5, 20]), writeError: prng.pick([0, 0, 5]) };
}

export function drawDiskFaults(prng: SimPrng): Partial<DiskFaults> {
  return {
    syncFailure: prng.pick([0, 0, 10, 40]),
    writebackFailure: prng.pick([0, 0, 100]),
    dropPercent: prng.pick([10, 50, 100]),
  };
}

function drawOperations(prng: SimPrng, isLying: boolean): Operation[] {
  const bag = drawBag(prng, isLying);
  const operations: Operation[] = [operation(prng, "createTopic")];
  if (prng.chance(30)) operations.push(operation(prng, "createTopic"));
  const count = OPERATIONS_MIN + prng.below(20);
  while (operations.length < count) operations.push(operation(prng, prng.pick(bag)));
  // A device that lies is found out by power cuts alone, and by the second one.
  const crashes = prng.pick(isLying ? [4, 5, 6] : [2, 2, 2, 3, 4]);
  const powerPercent = isLying ? 100 : prng.pick([0, 50, 50, 80, 100]);
  const cutPercent = prng.pick([0, 0, 30, 60]);
  for (let i = 0; i < crashes; i += 1) {
    operations.splice(drawPlace(prng, operations), 0, drawCrash(prng, powerPercent, cutPercent));
  }
  return operations;
}

/** Not before there is something to lose; or where main changes what it keeps. */
function drawPlace(prng: SimPrng, operations: readonly Operation[]): number {
  const places = operations.flatMap(({ kind }, at) => OF_MAIN.includes(kind) ? [at] : []);
  if (prng.chance(25)) return prng.pick(places);
  return Math.floor(operations.length / 10) + prng.below(operations.length);
}

const OF_MAIN: readonly OperationKind[] = [
  "createTopic",
  "alterTopic",
  "addPartitions",
  "deleteTopic",
];

/** The kinds that are on, as often as they are drawn. */
function drawBag(prng: SimPrng, isLying: boolean): OperationKind[] {
  const bag: OperationKind[] = [];
  for (const kind of Object.keys(WEIGHTS) as (keyof typeof WEIGHTS)[]) {
    let factor = kind === "produce" ? 1 : prng.pick([0, 1, 1, 2]);
    // What a lying device has lost is met as damage, rightly: then there is nothing to be shown.
    if (isLying && (kind === "checkpoint" || kind === "cleanStop")) factor = 0;
    for (let i = 0; i < WEIGHTS[kind] * factor; i += 1) bag.push(kind);
  }
  return bag;
}

function drawCrash(prng: SimPrng, powerPercent: number, cutPercent: number): Operation {
  const calls = prng.chance(30) ? 0 : 1 + prng.below(prng.pick([5, 20, 60]));
  const crash: Cut = { kind: drawKind(prng, powerPercent), calls };
  const cuts: Cut[] = [];
  while (cuts.length < 4 && prng.chance(cutPercent)) {
    cuts.push({
      kind: drawKind(prng, powerPercent),
      calls: 1 + prng.below(prng.pick([12, 40, 120])),
    });
  }
  return { kind: "crash", seed: prng.next(), crash, cuts };
}

function drawKind(prng: SimPrng, powerPercent: number): CrashKind {
  return prng.chance(powerPercent) ? "power" : "kill";
}

function operation(prng: SimPrng, kind: OperationKind): Operation {
  return { kind, seed: prng.next(), crash: null, cuts: NO_CUTS };
}

const NO_CUTS: readonly Cut[] = [];
