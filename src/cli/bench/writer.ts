/**
 * One producer of a bench: a connection, its partitions in turn, batches of what is due.
 *
 *     due (by the clock) -> batch -> in flight -> acknowledged: latency of each of its records
 *
 * With a rate it is open loop: records fall due whether the broker answers or not, and what had to
 * wait for room counts from when it was due. Without one a record is due when there is room for it.
 *
 * Invariant: records of a partition are sent in the order of their chain, and each is counted once.
 */

import type { ByteBlock } from "../../base/bytes.ts";
import { BatchBuilder } from "../../client/batch_builder.ts";
import type { Connection } from "../../client/connection.ts";
import { ProtocolError } from "../../client/errors.ts";
import { Acks, type Level } from "../../format/levels.ts";
import { FRAME_HEADER_SIZE, ProduceAt, ProduceReplyAt } from "../../native/frame.ts";
import { operation } from "../../native/operations.ts";
import type { ChainWriter } from "./chain.ts";
import type { Figures } from "./figures.ts";

const PRODUCE = operation("produce");
const HEADROOM: number = FRAME_HEADER_SIZE + ProduceAt.batch;
const BATCH_BYTES = 1_000_000;

/** A partition as a producer has opened it. */
export interface Target {
  readonly handle: number;
  readonly chain: ChainWriter;
}

export interface WriterShape {
  readonly connection: Connection;
  readonly targets: readonly Target[];
  /** Shared by the chains; holds the value that was made last. */
  readonly block: ByteBlock;
  readonly size: number;
  readonly batch: number;
  readonly inFlight: number;
  readonly acks: "all" | "leader";
  /** Records a second of this producer; Infinity: as fast as they are acknowledged. */
  readonly rate: number;
  /** When the first record is due, and when none is any more. */
  readonly startMs: number;
  readonly endMs: number;
  readonly acknowledged: Figures;
  /** How late the records left. */
  readonly late: Figures;
}

export class Writer {
  sent = 0;
  /** The weakest level that an acknowledgement named. */
  level: Level | null = null;
  readonly #shape: WriterShape;
  readonly #free: BatchBuilder[] = [];
  #inFlight = 0;
  #turn = 0;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(shape: WriterShape) {
    this.#shape = shape;
  }

  /** Sends until the end or the signal, and waits for every acknowledgement. */
  async run(signal: AbortSignal): Promise<void> {
    const { endMs, inFlight } = this.#shape;
    while (!signal.aborted) {
      if (this.#failure !== null) throw this.#failure;
      if (this.#inFlight >= inFlight) {
        await this.#change();
        continue;
      }
      const due = this.#due(performance.now());
      if (due > 0) this.#send(due);
      else if (performance.now() >= endMs) break;
      else await sleepUntil(Math.min(this.#dueMs(this.sent), endMs));
      await this.#shape.connection.drained();
    }
    while (this.#inFlight > 0 && this.#failure === null) await this.#change();
    if (this.#failure !== null) throw this.#failure;
  }

  /** How many records may go into the next batch. */
  #due(nowMs: number): number {
    const { rate, batch, startMs, endMs } = this.#shape;
    if (nowMs < startMs) return 0;
    if (rate === Infinity) return nowMs < endMs ? batch : 0;
    const untilMs = Math.min(nowMs, endMs);
    const all = Math.ceil((untilMs - startMs) * rate / 1000);
    return Math.min(batch, all - this.sent);
  }

  /** When record `index` of this producer is due. */
  #dueMs(index: number): number {
    const { rate, startMs } = this.#shape;
    return rate === Infinity ? Math.max(startMs, performance.now()) : startMs + index * 1000 / rate;
  }

  #send(due: number): void {
    const { targets, block, size, startMs, late } = this.#shape;
    const target = targets[this.#turn % targets.length]!;
    this.#turn += 1;
    const builder = this.#free.pop() ?? new BatchBuilder(this.#batchBytes(), HEADROOM);
    const nowMs = performance.now();
    const dues: number[] = [];
    while (dues.length < due && builder.fits(size)) {
      const dueMs = this.#shape.rate === Infinity ? nowMs : this.#dueMs(this.sent);
      target.chain.next((dueMs - startMs) * 1000);
      builder.append(block, 0, size);
      late.add(dueMs, nowMs, size);
      dues.push(dueMs);
      this.sent += 1;
    }
    this.#submit(target.handle, builder, dues);
  }

  #batchBytes(): number {
    const { size } = this.#shape;
    return Math.max(BATCH_BYTES, size + HEADROOM + 128);
  }

  #submit(handle: number, builder: BatchBuilder, dues: readonly number[]): void {
    builder.finish(Date.now());
    const { view, bytes } = builder.block;
    const acks = this.#shape.acks === "all" ? Acks.all : Acks.leader;
    view.setUint32(FRAME_HEADER_SIZE + ProduceAt.handle, handle);
    view.setUint32(FRAME_HEADER_SIZE + ProduceAt.acks, 0); // acks and the reserved bytes behind it
    view.setUint8(FRAME_HEADER_SIZE + ProduceAt.acks, acks);
    this.#inFlight += 1;
    const { connection } = this.#shape;
    connection.exchange(PRODUCE, bytes, view, 0, builder.end).then(({ block, start, end }) => {
      const isWhole = end - start === ProduceReplyAt.size;
      const level = isWhole ? block.view.getUint8(start + ProduceReplyAt.level) as Level : null;
      connection.giveBack(block);
      if (level === null) throw new ProtocolError("the reply of produce is malformed");
      this.level = this.level === null || level < this.level ? level : this.level;
      const nowMs = performance.now();
      for (const dueMs of dues) this.#shape.acknowledged.add(dueMs, nowMs, this.#shape.size);
      builder.reset();
      this.#free.push(builder);
    }).catch((error) => this.#failure ??= error as Error).finally(() => {
      this.#inFlight -= 1;
      this.#wake?.();
    });
  }

  /** Settles at the next answer. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = null;
        resolve();
      };
    });
  }
}

function sleepUntil(timeMs: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, Math.max(0, timeMs - performance.now())));
}
