/**
 * What a soak does: which topics with which settings, who produces to them how fast, and how often
 * somebody disturbs. Rates are open-loop, so that the soak takes a known share of a machine and
 * a broker that slows down is seen as latency, not as less work.
 *
 *     topic          level      what is special
 *     soak-small     fsync      small batches, records deleted from below
 *     soak-large     interval   up to 128 KiB a record, retention by size
 *     soak-os        os         the fastest rate, the smallest segments
 *     soak-once      fsync      idempotent producers: every record exactly once
 *     soak-packed    fsync      compressed batches, each codec in turn
 *     soak-rare      fsync      a record every two seconds, waited for by long polls
 */

export interface TopicPlan {
  readonly name: string;
  readonly partitions: number;
  readonly level: "fsync" | "interval" | "os";
  readonly segmentBytes: number;
  readonly retentionBytes: number;
  /** Of each partition's producer. */
  readonly batchesPerSecond: number;
  readonly recordsMax: number;
  readonly valueSizes: readonly number[];
  readonly idempotent: boolean;
  readonly compressed: boolean;
  /** How long the tail consumer's fetch waits. */
  readonly maxWaitMs: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;

const PLAIN = { idempotent: false, compressed: false, maxWaitMs: 500 } as const;

export const TOPICS: readonly TopicPlan[] = [
  {
    ...PLAIN,
    ...{ name: "soak-small", partitions: 3, level: "fsync" },
    ...{ segmentBytes: 1 * MiB, retentionBytes: 8 * MiB },
    ...{ batchesPerSecond: 40, recordsMax: 10, valueSizes: [24, 100, 100, 300, 1000] },
  },
  {
    ...PLAIN,
    ...{ name: "soak-large", partitions: 1, level: "interval" },
    ...{ segmentBytes: 8 * MiB, retentionBytes: 32 * MiB },
    ...{ batchesPerSecond: 6, recordsMax: 2, valueSizes: [16 * KiB, 64 * KiB, 128 * KiB] },
  },
  {
    ...PLAIN,
    ...{ name: "soak-os", partitions: 2, level: "os" },
    ...{ segmentBytes: 256 * KiB, retentionBytes: 2 * MiB },
    ...{ batchesPerSecond: 80, recordsMax: 4, valueSizes: [24, 100, 500] },
  },
  {
    ...PLAIN,
    ...{ name: "soak-once", partitions: 2, level: "fsync", idempotent: true },
    ...{ segmentBytes: 1 * MiB, retentionBytes: 8 * MiB },
    ...{ batchesPerSecond: 30, recordsMax: 5, valueSizes: [24, 100, 1000] },
  },
  {
    ...PLAIN,
    ...{ name: "soak-packed", partitions: 1, level: "fsync", compressed: true },
    ...{ segmentBytes: 1 * MiB, retentionBytes: 8 * MiB },
    ...{ batchesPerSecond: 20, recordsMax: 20, valueSizes: [200, 1000, 2000] },
  },
  {
    ...PLAIN,
    ...{ name: "soak-rare", partitions: 1, level: "fsync", maxWaitMs: 5000 },
    ...{ segmentBytes: 64 * KiB, retentionBytes: 1 * MiB },
    ...{ batchesPerSecond: 0.5, recordsMax: 1, valueSizes: [100] },
  },
];

/** Milliseconds between two of each kind. */
export const EVERY_MS = {
  /** A topic is made, written to, read and deleted. */
  churn: 3000,
  /** Connections that say hello and go, or go in the middle of a frame. */
  visits: 500,
  /** Records of soak-small are deleted from below. */
  deleteRecords: 10_000,
  /** What was read before is read again from further back and compared. */
  catchUp: 2000,
  stats: 1000,
  sample: 10_000,
  progress: 60_000,
} as const;

export const CHURN_PREFIX = "soak-churn-";
