/**
 * The numbers that a producer gives to the batches of one partition, by which the broker knows what
 * it has: producer id, epoch, and the sequence of the first record.
 *
 *     id 7, epoch 0   0-9 | 10-19 | 20-24 failed | 25-30          the broker misses 20-24
 *     id 7, epoch 1                              | 0-5 | 6-9 …    all that follow, anew
 *
 * Invariant: batches are numbered in the order in which they are first sent, without a gap. A batch
 * keeps its numbers until the epoch or the id changes.
 */

import type { PendingBatch } from "./pending_batch.ts";

/** What the broker knows a producer by. */
export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** After 2^31 - 1 comes 0. */
const SEQUENCES = 2 ** 31;
const EPOCH_MAX = 32767;

export class SequenceNumbers {
  #identity: ProducerIdentity | null = null;
  #version = 0;
  #next = 0;
  /** Batches that were numbered. */
  #count = 0;
  /** The latest of them that failed, and the latest that the broker took; -1 for none. */
  #lost = -1;
  #stored = -1;

  /** Null before there is one, or where the producer is not idempotent. */
  get identity(): ProducerIdentity | null {
    return this.#identity;
  }

  /** A batch with a number failed: the broker may miss that number for good. */
  get hasGap(): boolean {
    return this.#lost > this.#stored;
  }

  /** From now on the producer is this one, and begins to count at 0. */
  begin(identity: ProducerIdentity | null): void {
    this.#identity = identity;
    this.#version += 1;
    this.#next = 0;
    this.#count = 0;
    this.#lost = this.#stored = -1;
  }

  /** The same producer with a higher epoch; false when there is none above. */
  raiseEpoch(): boolean {
    const identity = this.#identity;
    if (identity === null || identity.producerEpoch === EPOCH_MAX) return false;
    this.begin({ ...identity, producerEpoch: identity.producerEpoch + 1 });
    return true;
  }

  /** Gives a batch its numbers, unless it has those of the producer as it is now. */
  stamp(batch: PendingBatch): void {
    if (this.isOf(batch)) return;
    const { builder } = batch;
    batch.identityVersion = this.#version;
    batch.order = this.#count;
    this.#count += 1;
    if (this.#identity === null) return builder.stamp(-1, -1, -1);
    const { producerId, producerEpoch } = this.#identity;
    builder.stamp(producerId, producerEpoch, this.#next);
    this.#next = (this.#next + builder.count) % SEQUENCES;
  }

  /** The batch failed; it will not be sent again. */
  lost(batch: PendingBatch): void {
    if (this.isOf(batch)) this.#lost = Math.max(this.#lost, batch.order);
  }

  /** The broker has the batch: of those numbered before it, it misses none. */
  stored(batch: PendingBatch): void {
    if (this.isOf(batch)) this.#stored = Math.max(this.#stored, batch.order);
  }

  /** Whether the batch has numbers of the producer as it is now. */
  isOf(batch: PendingBatch): boolean {
    return batch.identityVersion === this.#version;
  }
}
