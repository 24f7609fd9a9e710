/**
 * What is measured. A scenario is one call of the load generator and how its servers are
 * prepared.
 *
 * Invariant: Sluice and the limit server get the same scenario, word for word.
 */

export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Durability level of the topic. */
  readonly level: "os" | "fsync";
  /** State of the log and of the page cache when the window opens. */
  readonly cache: string;
  /** What throughput counts. */
  readonly unit: "bytes" | "batches";
  /** A new server and data directory for each run: runs that write gigabytes. */
  readonly isFresh: boolean;
  /** Free memory to touch before each run, MiB; 0 is none. */
  readonly touchMib: number;
  /** MiB of log that both servers get before the first pair; 0 is none. */
  readonly fillMib: number;
  readonly load: readonly string[];
  /** The longest window, for runs that would fill the memory with dirty pages. */
  readonly secondsMax: number;
}

export const FETCH_TOPIC = "fetch-log";

const FETCH = ["fetch", "--topic", FETCH_TOPIC, "--max-bytes", "1048576", "--discard"];

function fetch(readers: number): Scenario {
  return {
    name: `fetch-${readers}`,
    title: `fetch, ${readers} reader${readers === 1 ? "" : "s"}, 1 MiB each`,
    level: "os",
    cache: "warm: 1 GiB in the page cache",
    unit: "bytes",
    isFresh: false,
    touchMib: 0,
    fillMib: 1024,
    load: [...FETCH, "--connections", String(readers)],
    secondsMax: 10,
  };
}

function durable(connections: number): Scenario {
  return {
    name: `durable-${connections}`,
    title: `durable acks, ${connections} x 1 in flight, 1 KiB`,
    level: "fsync",
    cache: "new topic, tail only",
    unit: "batches",
    isFresh: false,
    touchMib: 0,
    fillMib: 0,
    load: ["produce", "--batch", "1024", "--connections", String(connections)],
    secondsMax: 10,
  };
}

export const SCENARIOS: readonly Scenario[] = [
  fetch(1),
  fetch(8),
  {
    name: "append-os",
    title: "appends, 16 x 16 in flight, 1 KiB",
    level: "os",
    cache: "new log, free memory touched",
    unit: "batches",
    isFresh: true,
    touchMib: 3072,
    fillMib: 0,
    load: ["produce", "--batch", "1024", "--connections", "16", "--in-flight", "16"],
    // Above a tenth of the memory the kernel begins to write back: then the disk is measured.
    secondsMax: 1,
  },
  durable(1),
  durable(16),
  durable(64),
  durable(256),
];
