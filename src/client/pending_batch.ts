/**
 * A batch of a producer from its first record until everybody who waits for it has heard.
 *
 *     building -> sealed -> in flight -> delivered | refused, and then in flight again | failed
 *
 * Invariant: each promise of a record is settled once, all of a batch in the order of the records.
 */

import { BATCH_HEADER_SIZE } from "../format/batch.ts";
import { levelName } from "../format/levels.ts";
import type { BatchBuilder } from "./batch_builder.ts";
import type { Compressor } from "./compression.ts";
import type { SluiceError } from "./errors.ts";
import type { BatchReport } from "./producer_options.ts";
import type { Delivery } from "./record.ts";

export type Resolve = (delivery: Delivery) => void;
export type Reject = (error: unknown) => void;

/** The batch has no number of any producer yet. */
export const UNNUMBERED = -1;

export class PendingBatch {
  readonly builder: BatchBuilder;
  /** When its records are given up, by `performance.now()`. */
  readonly deadlineMs: number;
  /** Of the producer's identity whose number it carries. */
  identityVersion: number = UNNUMBERED;
  /** How many were numbered before it under that identity. */
  order = -1;
  /** Why the last attempt failed. */
  error: SluiceError | null = null;
  isSettled = false;
  /** Records that nobody has a promise for. */
  posted = 0;
  /** Bytes of records before they were compressed: what the producer's memory is counted in. */
  heldBytes = 0;
  readonly #indexes: number[] = [];
  readonly #resolves: Resolve[] = [];
  readonly #rejects: Reject[] = [];
  #waiters: (() => void)[] = [];

  constructor(builder: BatchBuilder, deadlineMs: number) {
    this.builder = builder;
    this.deadlineMs = deadlineMs;
  }

  /** The record that was appended last has somebody who waits for it, or not. */
  appended(resolve: Resolve | null, reject: Reject | null): void {
    if (resolve === null || reject === null) {
      this.posted += 1;
      return;
    }
    this.#indexes.push(this.builder.count - 1);
    this.#resolves.push(resolve);
    this.#rejects.push(reject);
  }

  /** No record comes any more. Compresses them where that makes them smaller. */
  close(compressor: Compressor | null): void {
    const { builder } = this;
    builder.close(0); // records have timestamps of their own
    if (compressor === null) return;
    const records = builder.headroom + BATCH_HEADER_SIZE;
    const compressed = compressor.compress(builder.block.bytes.subarray(records, builder.end));
    if (compressed.length < builder.end - records) {
      builder.replaceRecords(compressor.codec, compressed);
    }
  }

  /** Settles when the batch is settled, however. */
  whenSettled(): Promise<void> {
    if (this.isSettled) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  deliver(topic: string, partition: number, baseOffset: number, level: number): void {
    const name = levelName(level);
    for (let i = 0; i < this.#resolves.length; i += 1) {
      const offset = baseOffset < 0 ? -1 : baseOffset + this.#indexes[i]!;
      this.#resolves[i]!({ topic, partition, offset, level: name });
    }
    this.#settle();
  }

  /** What became of it, for who watches all batches. */
  report(
    topic: string,
    partition: number,
    baseOffset: number,
    level: number,
    error: SluiceError | null,
  ): BatchReport {
    const { count: records, size: batchBytes } = this.builder;
    const place = { topic, partition, baseOffset };
    return { ...place, records, batchBytes, level: levelName(level), error };
  }

  fail(error: SluiceError): void {
    for (const reject of this.#rejects) reject(error);
    this.#settle();
  }

  #settle(): void {
    this.isSettled = true;
    for (const wake of this.#waiters) wake();
    this.#waiters = [];
  }
}
