/**
 * Histogram of whole numbers from 0 on: every power of two has 16 buckets, so that a quantile is
 * right to 1 part in 16. Recording allocates nothing. Hot.
 *
 *     0 1 2 … 15 | 16 17 … 31 | 32 34 … 62 | 64 68 … 124 | …      least value of each bucket
 *
 * Invariant: `count` is the sum of all buckets; `max` is exact, `sum` that of what was recorded.
 */

import { writeU64 } from "./bytes.ts";

const SUB_BITS = 4;
const SUBS = 1 << SUB_BITS;
/** Values up to 2^31 - 1; larger ones count as that. */
const VALUE_MAX = 2147483647;
const BUCKETS = (31 - SUB_BITS + 1) * SUBS;
const HIGHEST: Float64Array = Float64Array.from({ length: BUCKETS }, (_, at) => highestOf(at));
/** Bytes of a bucket as the wire has it: both numbers as u64. */
export const BUCKET_SIZE = 16;

/** How many values lie at or below `upTo`, and above that of the bucket before. */
export interface Bucket {
  readonly upTo: number;
  readonly count: number;
}

export class Histogram {
  count = 0;
  max = 0;
  /** Of the values as they came, with their fractions. */
  sum = 0;
  readonly #buckets: Float64Array = new Float64Array(BUCKETS);

  /** Fractions are cut off; the unit is the caller's. */
  record(value: number): void {
    const whole = value >= VALUE_MAX ? VALUE_MAX : value > 0 ? value | 0 : 0;
    this.#buckets[bucketOf(whole)]! += 1;
    this.count += 1;
    if (value > 0) this.sum += value;
    if (whole > this.max) this.max = whole;
  }

  /** The least value such that `share` (0 to 1) of all is at or below its bucket; 0 when empty. */
  quantile(share: number): number {
    const wanted = Math.max(1, Math.ceil(share * this.count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      seen += this.#buckets[bucket]!;
      if (seen >= wanted) return Math.min(HIGHEST[bucket]!, this.max);
    }
    return 0;
  }

  /** Those that hold any, from the lowest on. */
  buckets(): Bucket[] {
    const found: Bucket[] = [];
    const last = bucketOf(this.max);
    for (let bucket = 0; bucket <= last; bucket += 1) {
      const count = this.#buckets[bucket]!;
      if (count > 0) found.push({ upTo: HIGHEST[bucket]!, count });
    }
    return found;
  }

  /** How many hold any. */
  get bucketCount(): number {
    let filled = 0;
    const last = bucketOf(this.max);
    for (let bucket = 0; bucket <= last; bucket += 1) {
      if (this.#buckets[bucket]! > 0) filled += 1;
    }
    return filled;
  }

  /** `buckets` as the wire has them, 16 bytes each; there is room for `bucketCount` at `start`. */
  writeBuckets(view: DataView, start: number): void {
    let at = start;
    const last = bucketOf(this.max);
    for (let bucket = 0; bucket <= last; bucket += 1) {
      const count = this.#buckets[bucket]!;
      if (count === 0) continue;
      writeU64(view, at, HIGHEST[bucket]!);
      writeU64(view, at + 8, count);
      at += BUCKET_SIZE;
    }
  }

  clear(): void {
    this.#buckets.fill(0);
    this.count = 0;
    this.max = 0;
    this.sum = 0;
  }
}

function bucketOf(value: number): number {
  if (value < SUBS) return value;
  const shift = 31 - Math.clz32(value) - SUB_BITS;
  return (shift << SUB_BITS) + (value >>> shift);
}

/** The highest value that falls into `bucket`. */
function highestOf(bucket: number): number {
  if (bucket < 2 * SUBS) return bucket;
  const shift = (bucket >>> SUB_BITS) - 1;
  const least = (bucket - (shift << SUB_BITS)) * 2 ** shift;
  return least + 2 ** shift - 1;
}
