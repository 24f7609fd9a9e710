/**
 * Which partition a record goes to, as Kafka's clients choose.
 *
 *     with a key      murmur2(key) without its sign, modulo the partitions: always the same one
 *     without         one partition until its batch is sent, then another by chance, so that
 *                     records without a key share batches
 *
 * Invariant: for the same key and number of partitions every client of Kafka, in any language,
 * chooses the same partition (librdkafka with `partitioner=murmur2_random`).
 */

/** Chooses for records with a key, and for those without when it is the caller's own. */
export type Partitioner = (choice: PartitionChoice) => number;

export interface PartitionChoice {
  readonly topic: string;
  /** The key's bytes; valid during the call. */
  readonly key: Uint8Array | null;
  readonly partitions: number;
}

const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;
const SHIFT = 24;

/** Austin Appleby's MurmurHash2 of [start, end), as Kafka seeds it; an int32. */
export function murmur2(bytes: Uint8Array, start: number = 0, end: number = bytes.length): number {
  let hash = SEED ^ (end - start);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    word = Math.imul(word, MULTIPLIER);
    word = Math.imul(word ^ (word >>> SHIFT), MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ word;
  }
  if (at < end) {
    const left = end - at;
    if (left > 2) hash ^= bytes[at + 2]! << 16;
    if (left > 1) hash ^= bytes[at + 1]! << 8;
    hash = Math.imul(hash ^ bytes[at]!, MULTIPLIER);
  }
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/** The partition of a key. */
export function partitionOfKey(
  key: Uint8Array,
  start: number,
  end: number,
  partitions: number,
): number {
  return (murmur2(key, start, end) & 0x7fffffff) % partitions;
}

/** Another partition than `current`, where there is another. */
export function nextSticky(
  current: number,
  partitions: number,
  chance: number = Math.random(),
): number {
  if (partitions === 1) return 0;
  if (current < 0 || current >= partitions) return Math.floor(chance * partitions);
  const step = 1 + Math.floor(chance * (partitions - 1));
  return (current + step) % partitions;
}
