/**
 * Metrics as they are gathered: families of samples, and how a histogram of the broker becomes one
 * of fixed buckets.
 *
 *     broker     0..15  16..17 … 960..1023 | 1024..1087 …   16 buckets for every power of two
 *     family     le="0.000032" … le="0.001024" …            ends at powers of two: nothing is split
 *
 * Invariant: all samples of a family have the same label names, and no two the same values.
 */

import type { Bucket } from "../../base/histogram.ts";

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface Distribution {
  readonly labels: Labels;
  readonly count: number;
  readonly sum: number;
  /** Upper end and the number of values at or below it, rising; without the last, infinite one. */
  readonly buckets: readonly (readonly [le: number, below: number])[];
}

/** Names end in their unit, seconds or bytes, and those of counters in `_total`. */
export type Family =
  | {
    readonly type: "counter" | "gauge";
    readonly name: string;
    readonly help: string;
    readonly samples: readonly Sample[];
  }
  | {
    readonly type: "histogram";
    readonly name: string;
    readonly help: string;
    readonly distributions: readonly Distribution[];
  };

/** What a histogram of the broker holds. */
export interface Measured {
  readonly count: number;
  readonly sum: number;
  readonly buckets: readonly Bucket[];
}

const SECONDS_PER_US = 1e-6;

/** The end of a bucket as it is told, and the highest value of the broker's that it holds. */
type End = readonly [le: number, upTo: number];

/** 32 µs to 8.4 s: powers of two, as microseconds. */
const TIME_ENDS: readonly End[] = powers(5, 23).map((power) => [seconds(power), power - 1]);
/** 1 to 131,071: one less than powers of two. */
const COUNT_ENDS: readonly End[] = powers(1, 17).map((power) => [power - 1, power - 1]);

/** Of times in whole microseconds, fractions cut off: what is below 2^n is what is cut to less. */
export function timesOf(labels: Labels, { count, sum, buckets }: Measured): Distribution {
  return { labels, count, sum: seconds(sum), buckets: gather(buckets, TIME_ENDS) };
}

export function countsOf(labels: Labels, { count, sum, buckets }: Measured): Distribution {
  return { labels, count, sum, buckets: gather(buckets, COUNT_ENDS) };
}

/** Without the noise of binary fractions: 0.000032, not 0.000031999999999999994. */
export function seconds(us: number): number {
  return Number((us * SECONDS_PER_US).toFixed(6));
}

/** Both rise: one way through them. */
function gather(buckets: readonly Bucket[], ends: readonly End[]): Distribution["buckets"] {
  let below = 0;
  let at = 0;
  return ends.map(([le, upTo]) => {
    for (; at < buckets.length && buckets[at]!.upTo <= upTo; at += 1) below += buckets[at]!.count;
    return [le, below];
  });
}

/** 2^first, …, 2^last. */
function powers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => 2 ** (first + index));
}
