/**
 * Produces to one partition with several batches in flight.
 *
 *     append -> building -> (full) -> in flight, oldest first -> acknowledged
 *
 * Batches of a handle are executed and answered in order, so what is acknowledged grows without
 * gaps; `acknowledged` counts only the batches before the first that failed.
 *
 * Invariant: a builder is being filled, in flight or free, never two of them; at most
 * `inFlightMax` batches are in flight, and more than `inFlightBytesMax` only when it is one
 * batch.
 */

import { assert } from "../base/assert.ts";
import { type ByteBlock, readU64 } from "../base/bytes.ts";
import { MiB } from "../base/units.ts";
import { Acks, Level, type LevelName, levelName } from "../format/levels.ts";
import { FRAME_HEADER_SIZE, ProduceAt, ProduceReplyAt } from "../native/frame.ts";
import { operation, type ReplyOf } from "../native/operations.ts";
import { BatchBuilder, batchSizeOf, valueSizeMax } from "./batch_builder.ts";
import type { Connection, ReplyBody } from "./connection.ts";
import { ProtocolError, RecordTooLargeError } from "./errors.ts";

const PRODUCE = operation("produce");
/** Where the batch begins in a request. */
const HEADROOM: number = FRAME_HEADER_SIZE + ProduceAt.batch;

const BATCH_BYTES: number = 1 * MiB;
const IN_FLIGHT_MAX = 8;
const IN_FLIGHT_BYTES_MAX: number = 16 * MiB;

export interface PartitionProducerOptions {
  /** Size at which a batch is sent; never above the topic's max.message.bytes. Default 1 MiB. */
  readonly batchBytes?: number | undefined;
  readonly inFlightMax?: number | undefined;
  readonly inFlightBytesMax?: number | undefined;
  /** Acks.all (default) waits for the topic's level, Acks.leader for the write. */
  readonly acks?: typeof Acks.all | typeof Acks.leader | undefined;
  /** Called for each batch, in order. */
  readonly onAcknowledged?: ((acknowledgement: Acknowledgement) => void) | undefined;
}

export interface Acknowledgement {
  /** Offset of the first record. */
  readonly baseOffset: number;
  readonly records: number;
  /** Bytes of the batch. */
  readonly batchBytes: number;
  readonly level: LevelName;
}

/** What was acknowledged, without a gap from the first record on. */
export interface Progress {
  readonly records: number;
  readonly batches: number;
  /** -1 before the first acknowledgement. */
  readonly lastOffset: number;
  /** The weakest level reached so far. */
  readonly level: LevelName;
}

export class PartitionProducer {
  readonly connection: Connection;
  /** What open_partition said. */
  readonly partition: ReplyOf<"open_partition">;
  /** The largest value that a batch of this topic can hold. */
  readonly valueSizeMax: number;
  readonly #options: PartitionProducerOptions;
  readonly #batchBytes: number;
  readonly #free: BatchBuilder[] = [];
  #building: BatchBuilder | null = null;
  #inFlight = 0;
  #inFlightBytes = 0;
  #failure: Error | null = null;
  #records = 0;
  #batches = 0;
  #lastOffset = -1;
  #level: Level = Level.none;
  /** Wakes who waits for room or for the end. */
  #wake: (() => void) | null = null;

  private constructor(
    connection: Connection,
    partition: ReplyOf<"open_partition">,
    options: PartitionProducerOptions,
  ) {
    this.connection = connection;
    this.partition = partition;
    this.valueSizeMax = valueSizeMax(partition.maxMessageBytes);
    this.#options = options;
    this.#batchBytes = Math.min(options.batchBytes ?? BATCH_BYTES, partition.maxMessageBytes);
  }

  static async open(
    connection: Connection,
    topic: string,
    partition: number,
    options: PartitionProducerOptions = {},
  ): Promise<PartitionProducer> {
    const opened = await connection.request(operation("open_partition"), { topic, partition });
    return new PartitionProducer(connection, opened, options);
  }

  get acknowledged(): Progress {
    return {
      records: this.#records,
      batches: this.#batches,
      lastOffset: this.#lastOffset,
      level: levelName(this.#level),
    };
  }

  /** The first error of a batch; nothing after it is counted as acknowledged. */
  get failure(): Error | null {
    return this.#failure;
  }

  /**
   * Appends the value in [start, end) of `source` to the batch being built. False when that batch
   * is full: `await sendBatch()`, then call again. Throws RecordTooLargeError when no batch can
   * hold it.
   */
  tryAppend(source: ByteBlock, start: number, end: number): boolean {
    const builder = this.#builderFor(end - start);
    return builder !== null && builder.append(source, start, end);
  }

  /** Appends a value, waiting for room when the window is full. */
  async append(value: Uint8Array): Promise<void> {
    if (this.#builderFor(value.length)?.appendBytes(value)) return;
    await this.sendBatch();
    const appended = this.#builderFor(value.length)?.appendBytes(value);
    assert(appended === true, "an empty batch holds a value that is not too large");
  }

  /** Sends the batch being built, if there is one, and waits until there is room for another. */
  async sendBatch(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const builder = this.#building;
    if (builder !== null && builder.count > 0) {
      this.#building = null;
      this.#submit(builder);
      await this.connection.drained();
    }
    while (this.#isFull() && this.#failure === null) await this.#change();
    if (this.#failure !== null) throw this.#failure;
  }

  /** Sends what is left and waits for every acknowledgement. Throws the first failure. */
  async flush(): Promise<Progress> {
    if (this.#failure === null) await this.sendBatch();
    while (this.#inFlight > 0 && this.#failure === null) await this.#change();
    if (this.#failure !== null) throw this.#failure;
    return this.acknowledged;
  }

  /** The builder to try a value in; null when there is none free. */
  #builderFor(valueSize: number): BatchBuilder | null {
    if (valueSize > this.valueSizeMax) throw this.#tooLarge(valueSize);
    const current = this.#building;
    if (current === null) return this.#begin(valueSize);
    if (current.count > 0 || current.fits(valueSize)) return current;
    this.#free.push(current);
    return this.#begin(valueSize);
  }

  /** A batch to begin with `valueSize` bytes; a large value gets a batch as large as it needs. */
  #begin(valueSize: number): BatchBuilder | null {
    if (this.#isFull()) return null;
    const ordinary = batchSizeOf(valueSize) <= this.#batchBytes;
    const builder = ordinary ? this.#free.pop() : undefined;
    const sizeMax = ordinary ? this.#batchBytes : batchSizeOf(valueSize);
    this.#building = builder ?? new BatchBuilder(sizeMax, HEADROOM);
    return this.#building;
  }

  #isFull(): boolean {
    const countMax = this.#options.inFlightMax ?? IN_FLIGHT_MAX;
    const bytesMax = this.#options.inFlightBytesMax ?? IN_FLIGHT_BYTES_MAX;
    return this.#inFlight >= countMax || this.#inFlightBytes >= bytesMax;
  }

  #submit(builder: BatchBuilder): void {
    builder.finish(Date.now());
    const view = builder.block.view;
    view.setUint32(FRAME_HEADER_SIZE + ProduceAt.handle, this.partition.handle);
    view.setUint32(FRAME_HEADER_SIZE + ProduceAt.acks, 0); // acks and the reserved bytes behind it
    view.setUint8(FRAME_HEADER_SIZE + ProduceAt.acks, this.#options.acks ?? Acks.all);
    this.#inFlight += 1;
    this.#inFlightBytes += builder.size;
    this.connection.exchange(PRODUCE, builder.block.bytes, view, 0, builder.end).then(
      (body) => this.#acknowledge(builder, body),
      (error) => this.#fail(error),
    );
  }

  #acknowledge(builder: BatchBuilder, body: ReplyBody): void {
    const whole = body.end - body.start === ProduceReplyAt.size;
    const baseOffset = whole
      ? readU64(body.block.view, body.start + ProduceReplyAt.baseOffset)
      : -1;
    const level = whole ? body.block.view.getUint8(body.start + ProduceReplyAt.level) : 0;
    this.connection.giveBack(body.block);
    if (!whole) return this.#fail(new ProtocolError("the reply of produce is malformed"));
    if (this.#failure !== null) return;
    this.#records += builder.count;
    this.#batches += 1;
    this.#lastOffset = baseOffset + builder.count - 1;
    this.#level = (this.#batches === 1 ? level : Math.min(this.#level, level)) as Level;
    this.#inFlight -= 1;
    this.#inFlightBytes -= builder.size;
    const records = builder.count;
    const batchBytes = builder.size;
    builder.reset();
    if (builder.sizeMax === this.#batchBytes) this.#free.push(builder);
    this.#options.onAcknowledged?.({ baseOffset, records, batchBytes, level: levelName(level) });
    this.#wake?.();
  }

  #fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
    this.#wake?.();
  }

  /** Settles at the next acknowledgement or failure. */
  #change(): Promise<void> {
    assert(this.#wake === null, "one caller at a time");
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = null;
        resolve();
      };
    });
  }

  #tooLarge(valueSize: number): RecordTooLargeError {
    return new RecordTooLargeError(
      valueSize,
      Math.max(0, this.valueSizeMax),
      this.partition.maxMessageBytes,
      batchSizeOf(valueSize),
    );
  }
}
