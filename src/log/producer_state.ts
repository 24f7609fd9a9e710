/**
 * Idempotent producers of one partition: per producer id its epoch and its last batches, so that
 * a retry is recognised and a gap refused. Hot.
 *
 *     producer 7, epoch 0   | seq 0-9 @100 | seq 10-19 @110 | … the last five
 *
 *     same epoch, first and last sequence of one of the five   -> duplicate: the old offset again
 *     same epoch, first sequence one above the last            -> accepted (0 follows 2^31 - 1)
 *     higher epoch, first sequence 0; or an unknown producer   -> accepted
 *     anything else                                            -> refused
 *
 * Invariant: the state is that of the batches staged so far; `rollBack` takes back what a failed
 * write staged, so it is never ahead of the log.
 */

import { shorten } from "../base/shorten.ts";
import { BatchAt, producerIdOf } from "../format/batch.ts";
import { type ErrorCode, ErrorCodes } from "../format/errors.ts";

/** How many batches a client may have in flight: what Kafka's clients rely on. */
export const WINDOW = 5;
const SEQUENCE_MAX = 2147483647;

export interface ProducerBatch {
  firstSequence: number;
  lastSequence: number;
  baseOffset: number;
  lastOffset: number;
  timestamp: number;
}

class Producer {
  epoch: number;
  /** Oldest first. More than WINDOW only until the turn that added them is written. */
  batches: ProducerBatch[] = [];
  /** What a new epoch replaced, until the batch that began it is written. */
  replaced: { readonly epoch: number; readonly batches: ProducerBatch[] } | null = null;

  constructor(epoch: number) {
    this.epoch = epoch;
  }
}

export class ProducerState {
  /** The base offset of the batch that `check` found to be repeated. */
  duplicateOffset = 0;
  readonly #producers: Map<number, Producer> = new Map();
  /** Producers with batches above WINDOW, or with a new epoch. */
  readonly #unsettled: Producer[] = [];
  /** Batches that were forgotten, to be used again. */
  readonly #spare: ProducerBatch[] = [];

  get size(): number {
    return this.#producers.size;
  }

  /** `none`, `duplicate_sequence` with `duplicateOffset` set, or why the batch is refused. */
  check(producerId: number, epoch: number, first: number, last: number): ErrorCode {
    const producer = this.#producers.get(producerId);
    if (producer === undefined) return ErrorCodes.none;
    if (epoch < producer.epoch) return ErrorCodes.invalid_producer_epoch;
    if (epoch > producer.epoch) {
      return first === 0 ? ErrorCodes.none : ErrorCodes.out_of_order_sequence;
    }
    const batches = producer.batches;
    for (let i = batches.length - 1; i >= 0; i -= 1) {
      const batch = batches[i]!;
      if (batch.firstSequence !== first || batch.lastSequence !== last) continue;
      this.duplicateOffset = batch.baseOffset;
      return ErrorCodes.duplicate_sequence;
    }
    if (batches.length === 0) return ErrorCodes.none;
    const before = batches[batches.length - 1]!.lastSequence;
    const expected = before === SEQUENCE_MAX ? 0 : before + 1;
    return first === expected ? ErrorCodes.none : ErrorCodes.out_of_order_sequence;
  }

  /** `check` of a batch as it was produced; `none` where its producer is not idempotent. */
  checkBatch(view: DataView, at: number): ErrorCode {
    const producerId = producerIdOf(view, at);
    if (producerId < 0) return ErrorCodes.none;
    const epoch = view.getInt16(at + BatchAt.producerEpoch);
    const first = view.getInt32(at + BatchAt.baseSequence);
    const last = lastSequence(first, view.getInt32(at + BatchAt.lastOffsetDelta));
    return this.check(producerId, epoch, first, last);
  }

  /** `append` of a batch that got its offsets. */
  appendBatch(view: DataView, at: number, base: number, last: number, wallMs: number): void {
    const producerId = producerIdOf(view, at);
    if (producerId < 0) return;
    const epoch = view.getInt16(at + BatchAt.producerEpoch);
    const first = view.getInt32(at + BatchAt.baseSequence);
    this.append(producerId, epoch, first, lastSequence(first, last - base), base, last, wallMs);
  }

  /** A batch of the producer is the next of the log. */
  append(
    producerId: number,
    epoch: number,
    first: number,
    last: number,
    baseOffset: number,
    lastOffset: number,
    timestamp: number,
  ): void {
    let producer = this.#producers.get(producerId);
    if (producer === undefined) {
      producer = new Producer(epoch);
      this.#producers.set(producerId, producer);
    } else if (epoch !== producer.epoch) {
      if (producer.replaced === null) {
        producer.replaced = { epoch: producer.epoch, batches: producer.batches };
        this.#unsettled.push(producer);
      }
      producer.epoch = epoch;
      producer.batches = [];
    }
    const batch = this.#spare.pop() ?? newBatch();
    batch.firstSequence = first;
    batch.lastSequence = last;
    batch.baseOffset = baseOffset;
    batch.lastOffset = lastOffset;
    batch.timestamp = timestamp;
    producer.batches.push(batch);
    if (producer.batches.length === WINDOW + 1) this.#unsettled.push(producer);
  }

  /** What was staged is written: older epochs, and batches before the last five, are forgotten. */
  settle(): void {
    for (let i = 0; i < this.#unsettled.length; i += 1) {
      const producer = this.#unsettled[i]!;
      const { batches } = producer;
      while (batches.length > WINDOW) this.#spare.push(batches.shift()!);
      producer.replaced = null;
    }
    shorten(this.#unsettled, 0);
  }

  /** Batches at or above `end`, all of them staged since `settle`, were never written. */
  rollBack(end: number): void {
    for (const [producerId, producer] of this.#producers) {
      if (producer.replaced !== null) {
        producer.epoch = producer.replaced.epoch;
        producer.batches = producer.replaced.batches;
      }
      const { batches } = producer;
      while (batches.length > 0 && batches[batches.length - 1]!.baseOffset >= end) batches.pop();
      if (batches.length === 0) this.#producers.delete(producerId);
    }
    this.settle();
  }

  /** Forgets producers that wrote nothing after `timestamp`. Returns how many. */
  expire(timestamp: number): number {
    const before = this.#producers.size;
    for (const [producerId, producer] of this.#producers) {
      const last = producer.batches[producer.batches.length - 1];
      if (last === undefined || last.timestamp < timestamp) this.#producers.delete(producerId);
    }
    return before - this.#producers.size;
  }

  /** Calls `visit` for every batch that is remembered, by producer, oldest first. */
  each(visit: (producerId: number, epoch: number, batch: ProducerBatch) => void): void {
    for (const [producerId, producer] of this.#producers) {
      for (const batch of producer.batches) visit(producerId, producer.epoch, batch);
    }
  }

  get batchCount(): number {
    let count = 0;
    for (const producer of this.#producers.values()) count += producer.batches.length;
    return count;
  }
}

function newBatch(): ProducerBatch {
  return { firstSequence: 0, lastSequence: 0, baseOffset: 0, lastOffset: 0, timestamp: 0 };
}

/** The sequence of a batch's last record: after 2^31 - 1 comes 0. */
export function lastSequence(first: number, delta: number): number {
  const last = first + delta;
  return last <= SEQUENCE_MAX ? last : last - SEQUENCE_MAX - 1;
}
