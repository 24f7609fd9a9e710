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
/** 32 µs to 8.4 s: powers of two, as microseconds. */
const TIME_POWERS: readonly number[] = powers(5, 23);
/** 1 to 131,071: one less than powers of two. */
const COUNT_POWERS: readonly number[] = powers(1, 17);

/** Of times in whole microseconds, fractions cut off: what is below 2^n is what is cut to less. */
export function timesOf(labels: Labels, { count, sum, buckets }: Measured): Distribution {
  const ends = TIME_POWERS.map((power) => {
    return [seconds(2 ** power), below(buckets, 2 ** power - 1)] as const;
  });
  return { labels, count, sum: seconds(sum), buckets: ends };
}

export function countsOf(labels: Labels, { count, sum, buckets }: Measured): Distribution {
  const ends = COUNT_POWERS.map((power) => {
    return [2 ** power - 1, below(buckets, 2 ** power - 1)] as const;
  });
  return { labels, count, sum, buckets: ends };
}

/** Without the noise of binary fractions: 0.000032, not 0.000031999999999999994. */
export function seconds(us: number): number {
  return Number((us * SECONDS_PER_US).toFixed(6));
}

function below(buckets: readonly Bucket[], end: number): number {
  return buckets.reduce((sum, { upTo, count }) => upTo <= end ? sum + count : sum, 0);
}

function powers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
