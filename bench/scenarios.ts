/**
 * What is measured, beside what, and what should come out: one table.
 *
 *     scenario   how servers are prepared       "fetch": 1 GiB of log in the page cache
 *       case     one call of the load           "fetch-8": 8 readers
 *         beside a way to run the C program     "limit": with the goals of the ratio to it
 *
 * Invariant: Sluice and the limit server get the same load, word for word, and all cases of a
 * scenario are measured inside the same rounds.
 */
import type { FigureName } from "./figures.ts";
import type { Goal } from "./goals.ts";

/** The ways to run the limit server. */
export type Yardstick = "limit" | "limit-wait" | "limit-wait-100" | "limit-thread";

export const YARDSTICKS: Readonly<
  Record<Yardstick, { readonly title: string; readonly serverFlags: readonly string[] }>
> = {
  "limit": { title: "C, no wait", serverFlags: [] },
  "limit-wait": { title: "C, short wait", serverFlags: ["--wait", "adaptive"] },
  "limit-wait-100": { title: "C, wait of 100 µs", serverFlags: ["--wait", "100"] },
  "limit-thread": { title: "C, one sync thread", serverFlags: ["--sync-threads", "1"] },
};

/** A goal of Sluice's own figure, or of its ratio to a yardstick's. */
export type FigureGoal = Pick<Goal, "good" | "bound"> & { readonly figure: FigureName };

export interface Case {
  readonly name: string;
  readonly title: string;
  readonly load: readonly string[];
  /** What Sluice's own figures have to be. */
  readonly goals: readonly FigureGoal[];
  /** What runs beside Sluice, and what the ratios to it have to be. */
  readonly beside: Readonly<Partial<Record<Yardstick, readonly FigureGoal[]>>>;
}

export interface Scenario {
  readonly name: string;
  /** Durability level of the topic. */
  readonly level: "os" | "fsync";
  /** State of the log and of the page cache when the window opens. */
  readonly cache: string;
  /** What throughput counts. */
  readonly throughput: "bytes/s" | "batches/s";
  /** A new server and data directory for each run: runs that write gigabytes. */
  readonly isFresh: boolean;
  /** Free memory to touch before each run, MiB; 0 is none. */
  readonly touchMib: number;
  /** MiB of log that all servers get before the first round; 0 is none. */
  readonly fillMib: number;
  readonly warmUpSeconds: number;
  /** The longest window, for runs that would fill the memory with dirty pages. */
  readonly secondsMax: number;
  readonly cases: readonly Case[];
  /** A figure that stays the same from the first case to the others, at most so many times. */
  readonly flat?: { readonly figure: FigureName; readonly bound: number };
}

export const FETCH_TOPIC = "fetch-log";

function fetchCase(readers: number): Case {
  const load = ["fetch", "--topic", FETCH_TOPIC, "--max-bytes", "1048576", "--discard"];
  return {
    name: `fetch-${readers}`,
    title: `fetch, ${readers} reader${readers === 1 ? "" : "s"}, 1 MiB each`,
    load: [...load, "--connections", String(readers)],
    goals: [{ figure: "disk reads", good: "at most", bound: 0 }],
    beside: {
      "limit": [
        { figure: "bytes/s", good: "at least", bound: 0.95 },
        { figure: "CPU per GB", good: "at most", bound: 1.1 },
      ],
    },
  };
}

const FETCH: Scenario = {
  name: "fetch",
  level: "os",
  cache: "warm: 1 GiB, read back into the page cache",
  throughput: "bytes/s",
  isFresh: false,
  touchMib: 0,
  fillMib: 1024,
  warmUpSeconds: 0.5,
  secondsMax: 10,
  cases: [fetchCase(1), fetchCase(8), fetchCase(32)],
  flat: { figure: "CPU per GB", bound: 1.1 },
};

/** Connections, requests in flight on each, partitions they are dealt out to. */
interface Shape {
  readonly connections: number;
  readonly inFlight: number;
  readonly partitions?: number;
  readonly batchBytes?: number;
}

function appendCase(
  level: Scenario["level"],
  shape: Shape,
  rest: Pick<Case, "beside"> & Partial<Case>,
): Case {
  const { connections, inFlight, partitions = 1, batchBytes = 1024 } = shape;
  const kib = batchBytes / 1024;
  const tail = (partitions === 1 ? "" : `-${partitions}p`) + (kib === 1 ? "" : `-${kib}k`);
  const over = partitions === 1 ? "" : ` over ${partitions} partitions`;
  return {
    name: `append-${level}-${connections}x${inFlight}${tail}`,
    title: `appends, ${connections} x ${inFlight} in flight${over}, ${kib} KiB`,
    load: [
      ...["produce", "--connections", String(connections), "--in-flight", String(inFlight)],
      ...["--partitions", String(partitions), "--batch", String(batchBytes)],
      ...["--config", `durability=${level}`],
    ],
    goals: [],
    ...rest,
  };
}

/** Runs that write a gigabyte a second: a new log each time. */
function heavy(level: Scenario["level"], batchBytes: number, bound: number): Scenario {
  const goals = [{ figure: "batches/s", good: "at least", bound }] as const;
  const beside = level === "os" ? { limit: goals } : { "limit": goals, "limit-wait": goals };
  const one = appendCase(level, { connections: 16, inFlight: 16, batchBytes }, { beside });
  return {
    name: one.name,
    level,
    cache: "new log, free memory touched",
    throughput: "batches/s",
    isFresh: true,
    touchMib: 3072,
    fillMib: 0,
    warmUpSeconds: 0.5,
    // Above a tenth of the memory the kernel begins to write back: then the disk is measured.
    secondsMax: level === "os" ? (batchBytes > 1024 ? 0.7 : 1) : 10,
    cases: [one],
  };
}

function durable(shape: Shape, rest: Partial<Case> = {}): Scenario {
  const goals = [
    { figure: "batches/s", good: "at least", bound: 0.9 },
    { figure: "p99", good: "at most", bound: 1.3 },
  ] as const;
  const beside = { "limit": goals, "limit-wait": goals };
  const one = appendCase("fsync", shape, { beside, ...rest });
  return {
    name: one.name,
    level: "fsync",
    cache: "new topic, tail only",
    throughput: "batches/s",
    isFresh: false,
    touchMib: 0,
    fillMib: 0,
    warmUpSeconds: 0.5,
    secondsMax: 10,
    cases: [one],
  };
}

const SPEED = [{ figure: "batches/s", good: "at least", bound: 0.9 }] as const;

export const SCENARIOS: readonly Scenario[] = [
  FETCH,
  heavy("os", 1024, 0.6),
  heavy("os", 16384, 0.6),
  heavy("fsync", 1024, 0.9),
  heavy("fsync", 16384, 0.75),
  durable({ connections: 1, inFlight: 1 }),
  durable({ connections: 16, inFlight: 1 }),
  durable({ connections: 64, inFlight: 1 }),
  durable({ connections: 256, inFlight: 1 }),
  durable({ connections: 64, inFlight: 1, partitions: 16 }, {
    beside: {
      "limit": SPEED,
      "limit-wait": SPEED,
      "limit-thread": [{ figure: "batches/s", good: "at least", bound: 2.5 }],
    },
  }),
  durable({ connections: 1, inFlight: 5 }, {
    goals: [{ figure: "records per sync", good: "above", bound: 1 }],
    beside: { "limit": [], "limit-wait": [] },
  }),
];
