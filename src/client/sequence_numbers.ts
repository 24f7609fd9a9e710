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
  /** A batch with a number failed: the broker may miss that number for good. */
  hasGap = false;
  #identity: ProducerIdentity | null = null;
  #version = 0;
  #next = 0;

  /** Null before there is one, or where the producer is not idempotent. */
  get identity(): ProducerIdentity | null {
    return this.#identity;
  }

  /** From now on the producer is this one, and begins to count at 0. */
  begin(identity: ProducerIdentity | null): void {
    this.#identity = identity;
    this.#version += 1;
    this.#next = 0;
    this.hasGap = false;
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
    if (this.#identity === null) return builder.stamp(-1, -1, -1);
    const { producerId, producerEpoch } = this.#identity;
    builder.stamp(producerId, producerEpoch, this.#next);
    this.#next = (this.#next + builder.count) % SEQUENCES;
  }

  /** Whether the batch has numbers of the producer as it is now. */
  isOf(batch: PendingBatch): boolean {
    return batch.identityVersion === this.#version;
  }
}
