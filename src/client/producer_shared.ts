/**
 * What the partitions of one producer share: memory, blocks, the identity, the end of the turn.
 *
 *     records of all partitions   heldBytes <= bufferBytes, and one record
 *     blocks                      free ones are used again, a few MiB of them are kept
 *
 * Invariant: what a batch took of the memory it gives back once, when its block is free.
 */

import { clearImmediate, clearInterval, setImmediate, setInterval } from "node:timers";
import { KiB, MiB } from "../base/units.ts";
import { ErrorCodes } from "../format/errors.ts";
import { FRAME_HEADER_SIZE, ProduceAt } from "../native/frame.ts";
import { BatchBuilder } from "./batch_builder.ts";
import type { Cluster } from "./cluster.ts";
import type { Compressor } from "./compression.ts";
import { BrokerError, isCode } from "./errors.ts";
import type { PartitionQueue } from "./partition_queue.ts";
import type { BatchReport, ProducerSettings } from "./producer_options.ts";
import type { ProducerIdentity } from "./sequence_numbers.ts";

/** Where the batch begins in a request. */
const HEADROOM: number = FRAME_HEADER_SIZE + ProduceAt.batch;
/** A partition that gets little costs little: the block grows as it is filled. */
const FIRST_SIZE: number = 4 * KiB;
const KEEP_BYTES: number = 16 * MiB;
/** Deadlines are looked at so often, at the least. */
const SWEEP_MS_MAX = 1000;
const SWEEPS_PER_TIMEOUT = 8;

/** What the producer wants to hear of. */
export interface ProducerListener {
  /** There is room again. */
  released(): void;
  reported(report: BatchReport, posted: number): void;
}

export class ProducerShared {
  readonly cluster: Cluster;
  readonly settings: ProducerSettings;
  readonly compressor: Compressor | null;
  readonly listener: ProducerListener;
  /** Bytes of records that are not settled. */
  heldBytes = 0;
  readonly #free: BatchBuilder[] = [];
  #freeBytes = 0;
  #identity: Promise<ProducerIdentity> | null = null;
  /** Queues whose batch is sealed at the end of this turn of the event loop. */
  #due: PartitionQueue[] = [];
  #endOfTurn: ReturnType<typeof setImmediate> | null = null;
  readonly #sweeper: ReturnType<typeof setInterval>;

  constructor(
    cluster: Cluster,
    settings: ProducerSettings,
    compressor: Compressor | null,
    listener: ProducerListener,
    sweep: (nowMs: number) => void,
  ) {
    this.cluster = cluster;
    this.settings = settings;
    this.compressor = compressor;
    this.listener = listener;
    const sweepMs = Math.min(SWEEP_MS_MAX, settings.deliveryTimeoutMs / SWEEPS_PER_TIMEOUT);
    this.#sweeper = setInterval(() => sweep(performance.now()), Math.max(1, sweepMs));
    this.#sweeper.unref();
  }

  get isFull(): boolean {
    return this.heldBytes >= this.settings.bufferBytes;
  }

  /** A builder whose batches have at most `sizeMax` bytes. */
  borrow(sizeMax: number): BatchBuilder {
    const last = this.#free.at(-1);
    if (last === undefined || sizeMax !== last.sizeMax) {
      return new BatchBuilder(sizeMax, HEADROOM, FIRST_SIZE);
    }
    this.#free.pop();
    this.#freeBytes -= last.block.size;
    return last;
  }

  giveBack(builder: BatchBuilder): void {
    if (builder.sizeMax !== this.settings.batchBytes) return; // of an unusual topic or record
    if (this.#freeBytes + builder.block.size > KEEP_BYTES) return;
    builder.reset();
    this.#free.push(builder);
    this.#freeBytes += builder.block.size;
  }

  release(bytes: number): void {
    this.heldBytes -= bytes;
    this.listener.released();
  }

  /** Who the producer is; null when it is not idempotent. */
  async identity(): Promise<ProducerIdentity | null> {
    if (!this.settings.idempotence) return null;
    this.#identity ??= this.cluster.request("init_producer", { transactionalId: "" }, true);
    try {
      return await this.#identity;
    } catch (error) {
      this.#identity = null;
      if (!isCode(error, ErrorCodes.unknown_operation)) throw error;
      const detail = "this broker has no idempotent producers; use idempotence: false";
      throw new BrokerError(ErrorCodes.unknown_operation, detail);
    }
  }

  /** The next `identity` is another one. */
  renewIdentity(): void {
    this.#identity = null;
  }

  sealAtEndOfTurn(queue: PartitionQueue): void {
    this.#due.push(queue);
    this.#endOfTurn ??= setImmediate(() => {
      const due = this.#due;
      this.#due = [];
      this.#endOfTurn = null;
      for (const each of due) each.seal();
    });
  }

  close(): void {
    clearInterval(this.#sweeper);
    if (this.#endOfTurn !== null) clearImmediate(this.#endOfTurn);
  }
}
