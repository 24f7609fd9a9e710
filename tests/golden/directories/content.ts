/**
 * What the golden data directories hold, written by hand: every record, setting and offset that a
 * program of today and of any later day has to find in them (ADR 25).
 *
 *     0.1.0-clean    written by Bun, killed once, stopped cleanly
 *     0.1.0-killed   written by Deno, killed; half a batch behind one log, zeros behind another
 *
 * Both have the topics below. This file changes only where a new directory is added.
 */

export const DIRECTORIES = ["0.1.0-clean", "0.1.0-killed"] as const;
export type DirectoryName = typeof DIRECTORIES[number];

/** Of the first record of each log; each next one is a second later. */
export const FIRST_MS = 1_700_000_000_000;

export interface GoldenRecord {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [name: string, value: string | null])[];
}

export interface GoldenLog {
  readonly topic: string;
  readonly partition: number;
  /** First offset that is served, and the next one that is given. */
  readonly logStart: number;
  readonly end: number;
  readonly at: (offset: number) => GoldenRecord;
}

export interface GoldenTopic {
  readonly name: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
}

/** Nothing of these may go by its age, whatever the clock of the day says. */
const FOR_GOOD = { "retention.ms": "-1" } as const;

export const TOPICS: readonly GoldenTopic[] = [
  { name: "codecs", partitions: 1, config: FOR_GOOD },
  { name: "latest", partitions: 1, config: { "cleanup.policy": "compact" } },
  { name: "measurements", partitions: 1, config: { ...FOR_GOOD, "segment.bytes": "16384" } },
  { name: "orders", partitions: 3, config: { ...FOR_GOOD, "segment.bytes": "1024" } },
  {
    name: "settings",
    partitions: 1,
    config: {
      "cleanup.policy": "compact,delete",
      "durability": "interval",
      "flush.ms": "50",
      "max.message.bytes": "65536",
      "retention.bytes": "1000000",
      "retention.ms": "-1",
      "segment.bytes": "32768",
      "segment.jitter.ms": "1000",
      "segment.ms": "86400000",
    },
  },
];

/** Settings of the broker that were changed while it ran. */
export const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  "log.retention.bytes": "123456789",
  "num.partitions": "3",
};

/** Three records of each codec, in the order of their batches. */
export const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
export const RECORDS_OF_EACH = 3;

/** Records of `latest`: the last one of key a deletes it. */
const LATEST: readonly GoldenRecord[] = [
  { key: "a", value: "1", headers: [] },
  { key: "b", value: "2", headers: [] },
  { key: "a", value: null, headers: [] },
];

export const LOGS: readonly GoldenLog[] = [
  {
    topic: "codecs",
    partition: 0,
    logStart: 0,
    end: 15,
    at: (offset) => ({
      key: null,
      value: `${CODECS[Math.floor(offset / RECORDS_OF_EACH)]} ${offset} ${"abc".repeat(40)}`,
      headers: [["codec", CODECS[Math.floor(offset / RECORDS_OF_EACH)]!], ["none", null]],
    }),
  },
  { topic: "latest", partition: 0, logStart: 0, end: 3, at: (offset) => LATEST[offset]! },
  {
    topic: "measurements",
    partition: 0,
    logStart: 0,
    end: 30,
    at: (offset) => ({
      key: `sensor-${offset % 3}`,
      value: `${offset}`.padEnd(1000, "."),
      headers: [],
    }),
  },
  {
    topic: "orders",
    partition: 0,
    logStart: 4,
    end: 24,
    at: (offset) => ({
      key: `order-${offset}`,
      value: `orders 0, record ${offset}`,
      headers: [["source", "golden"]],
    }),
  },
  {
    topic: "orders",
    partition: 1,
    logStart: 0,
    end: 2,
    at: (offset) => ({ key: null, value: `written once: ${offset}`, headers: [] }),
  },
  { topic: "orders", partition: 2, logStart: 0, end: 0, at: () => LATEST[0]! },
];

/** From this offset on, orders-0 is of the epoch after the kill. */
export const SECOND_EPOCH_AT = 16;

/** The producer of orders-1: one batch of two records. A retry of it is recognised. */
export const PRODUCER = { id: 0, epoch: 0, firstSequence: 0, baseOffset: 0 } as const;

export const GROUP = "billing";
export const COMMITS: readonly {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
}[] = [
  { topic: "codecs", partition: 0, offset: 15, metadata: "" },
  { topic: "orders", partition: 0, offset: 12, metadata: "half of it" },
];

/** Tokens of the HTTP door, for anybody to read. */
export const ADMIN_TOKEN = "golden-admin-token-that-is-no-secret-0000000";
export const READ_TOKEN = "golden-read-token-that-is-no-secret-00000000";

/** What lies behind the log of these partitions in 0.1.0-killed; a start cuts it off. */
export const BEHIND = [
  { partition: "orders-0", what: "half a batch" },
  { partition: "measurements-0", what: "zeros" },
] as const;
