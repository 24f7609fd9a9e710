/**
 * What a producer can be told, with defaults and limits.
 */

import { MiB } from "../base/units.ts";
import type { LevelName } from "../format/levels.ts";
import { BATCH_SIZE_MAX_LIMIT } from "../limits.ts";
import type { Compression } from "./compression.ts";
import { InvalidOptionError, type SluiceError } from "./errors.ts";
import type { Partitioner } from "./partitioner.ts";

export interface ProducerOptions {
  /**
   * `"all"` (default): answered when the topic's durability level is reached. `"leader"`: answered
   * after the write.
   */
  readonly acks?: "all" | "leader" | undefined;
  /** Default `"none"`. */
  readonly compression?: Compression | undefined;
  /**
   * Default true: the broker recognises what is sent twice, so that retries neither duplicate nor
   * reorder.
   */
  readonly idempotence?: boolean | undefined;
  /** A batch of this size is sent at once. Default 1 MiB; the topic's limit is the upper bound. */
  readonly batchBytes?: number | undefined;
  /**
   * How long a batch waits for more records while another of its partition is on its way. With
   * none on its way it never waits. Default 5.
   */
  readonly lingerMs?: number | undefined;
  /** Memory of all records that are not acknowledged; then `send` waits. Default 32 MiB. */
  readonly bufferBytes?: number | undefined;
  /** Batches of a partition on their way at the same time, 1 to 5. Default 5. */
  readonly inFlightMax?: number | undefined;
  /** A record that is not acknowledged for so long fails. Default 120,000. */
  readonly deliveryTimeoutMs?: number | undefined;
  /** Chooses the partition of records that name none. Default: as Kafka's clients do. */
  readonly partitioner?: Partitioner | undefined;
  /** Called for every batch, delivered or failed. */
  readonly onBatch?: ((report: BatchReport) => void) | undefined;
}

/** What became of a batch. */
export interface BatchReport {
  readonly topic: string;
  readonly partition: number;
  /** Of the first record; -1 when it failed, or when the broker no longer knows. */
  readonly baseOffset: number;
  readonly records: number;
  /** As it was sent. */
  readonly batchBytes: number;
  readonly level: LevelName;
  readonly error: SluiceError | null;
}

/** The options, with all that was not said. */
export interface ProducerSettings {
  readonly acks: "all" | "leader";
  readonly compression: Compression;
  readonly idempotence: boolean;
  readonly batchBytes: number;
  readonly lingerMs: number;
  readonly bufferBytes: number;
  readonly inFlightMax: number;
  readonly deliveryTimeoutMs: number;
  readonly partitioner: Partitioner | null;
  readonly onBatch: ((report: BatchReport) => void) | null;
}

/** More in flight than the broker remembers batches of a producer would not be safe. */
const IN_FLIGHT_MAX = 5;
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** Throws InvalidOptionError. */
export function producerSettings(options: ProducerOptions): ProducerSettings {
  return {
    acks: options.acks ?? "all",
    compression: options.compression ?? "none",
    idempotence: options.idempotence ?? true,
    batchBytes: within("batchBytes", options.batchBytes ?? MiB, 0, BATCH_SIZE_MAX_LIMIT),
    lingerMs: within("lingerMs", options.lingerMs ?? 5, 0, TIMEOUT_MS_MAX),
    bufferBytes: within("bufferBytes", options.bufferBytes ?? 32 * MiB, 1, 2 ** 40),
    inFlightMax: within("inFlightMax", options.inFlightMax ?? IN_FLIGHT_MAX, 1, IN_FLIGHT_MAX),
    deliveryTimeoutMs: within(
      "deliveryTimeoutMs",
      options.deliveryTimeoutMs ?? 120000,
      1,
      TIMEOUT_MS_MAX,
    ),
    partitioner: options.partitioner ?? null,
    onBatch: options.onBatch ?? null,
  };
}

/** A number of an option, found to be in its range. Throws InvalidOptionError. */
export function within(option: string, value: number, min: number, max: number): number {
  if (value >= min && value <= max) return value;
  throw new InvalidOptionError(option, value, `${min} to ${max}`);
}
