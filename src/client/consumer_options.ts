/**
 * What a consumer can be told, with defaults and limits.
 */

import { KiB, MiB } from "../base/units.ts";
import { CREDIT_MAX, PUSH_INTERVAL_MS_MAX } from "../limits.ts";
import { InvalidOptionError } from "./errors.ts";
import { within } from "./producer_options.ts";
import type { TopicPartition } from "./topic_partition.ts";

/** Where to begin: an end, a time, or an offset. */
export type StartPoint = "earliest" | "latest" | number | { readonly timeMs: number };

/** A partition, and where to begin in it. */
export interface PartitionStart extends TopicPartition {
  /** Default: that of the consumer. */
  readonly from?: StartPoint | undefined;
}

export interface ConsumerOptions {
  /** All partitions of these topics, also those that come later. */
  readonly topics?: readonly string[] | undefined;
  /** These partitions. */
  readonly partitions?: readonly PartitionStart[] | undefined;
  /** Whose committed offsets are gone on from, and committed to. */
  readonly group?: string | undefined;
  /**
   * Where to begin where the group has committed nothing. Default `"earliest"`, so that nothing is
   * missed.
   */
  readonly from?: StartPoint | undefined;
  /**
   * `"auto"` (default with a group): what the loop has finished is committed every
   * `commitIntervalMs`, and at the end. `"manual"`: by `commit`.
   */
  readonly commit?: "auto" | "manual" | undefined;
  /** Default 5,000. */
  readonly commitIntervalMs?: number | undefined;
  /**
   * What to do when the offset is gone, because retention was faster, or not there, or of a topic
   * that was deleted and made anew. Default: as `from` says, where that is an end; otherwise
   * `"error"`.
   */
  readonly outOfRange?: "earliest" | "latest" | "error" | undefined;
  /** Hears of every such jump. */
  readonly onReset?: ((reset: OffsetReset) => void) | undefined;
  /** Memory of records that were pushed and not read, of all partitions. Default 16 MiB. */
  readonly bufferBytes?: number | undefined;
  /**
   * How long the broker rests behind a push that reached the end of a partition. What comes
   * meanwhile is pushed together: less work for both, and records that come up to so much later.
   * Default 0, at most 1,000.
   */
  readonly pushIntervalMs?: number | undefined;
  /** Ends the iteration without an error, and closes the consumer. */
  readonly signal?: AbortSignal | undefined;
}

/** The consumer's offset was not there, so that it went on elsewhere. */
export interface OffsetReset extends TopicPartition {
  /** The offset that was not there. */
  readonly position: number;
  readonly to: "earliest" | "latest";
}

/** What all feeds of a consumer have in common. */
export interface FeedShape {
  readonly creditBytes: number;
  readonly intervalMs: number;
  readonly outOfRange: "earliest" | "latest" | "error";
  readonly onReset: ((reset: OffsetReset) => void) | null;
}

export interface ConsumerSettings {
  readonly topics: readonly string[];
  readonly partitions: readonly PartitionStart[];
  readonly group: string | null;
  readonly from: StartPoint;
  readonly commit: "auto" | "manual";
  readonly commitIntervalMs: number;
  readonly outOfRange: "earliest" | "latest" | "error";
  readonly onReset: ((reset: OffsetReset) => void) | null;
  readonly bufferBytes: number;
  readonly pushIntervalMs: number;
}

/** Of a partition, however many there are. */
const CREDIT_BYTES_MIN: number = 64 * KiB;
const CREDIT_BYTES_MAX: number = 4 * MiB;

/** Throws InvalidOptionError. */
export function consumerSettings(options: ConsumerOptions): ConsumerSettings {
  const { topics = [], partitions = [], group = null, from = "earliest" } = options;
  if (topics.length === 0 && partitions.length === 0) {
    throw new InvalidOptionError("topics", "empty", "one topic at least, or partitions");
  }
  if (options.commit !== undefined && group === null) {
    throw new InvalidOptionError("group", null, "a name, where offsets are committed");
  }
  const followed = from === "earliest" || from === "latest" ? from : "error";
  return {
    topics,
    partitions,
    group,
    from,
    commit: options.commit ?? "auto",
    commitIntervalMs: within("commitIntervalMs", options.commitIntervalMs ?? 5000, 1, 2 ** 31 - 1),
    outOfRange: options.outOfRange ?? followed,
    onReset: options.onReset ?? null,
    bufferBytes: within("bufferBytes", options.bufferBytes ?? 16 * MiB, 1, CREDIT_MAX),
    pushIntervalMs: within("pushIntervalMs", options.pushIntervalMs ?? 0, 0, PUSH_INTERVAL_MS_MAX),
  };
}

/** What each of `count` feeds gets. */
export function feedShape(settings: ConsumerSettings, count: number): FeedShape {
  const { outOfRange, onReset, bufferBytes, pushIntervalMs: intervalMs } = settings;
  const share = Math.floor(bufferBytes / Math.max(1, count));
  const creditBytes = Math.max(CREDIT_BYTES_MIN, Math.min(share, CREDIT_BYTES_MAX));
  return { creditBytes: Math.min(creditBytes, bufferBytes), intervalMs, outOfRange, onReset };
}
