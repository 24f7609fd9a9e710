/**
 * The lag of a shard's loop between two looks at its histograms of turns: what a request waits for
 * the turn that is going on when it comes, if it comes at any moment.
 *
 *     time    |--| turn |------------| turn of 3 ms |------------|--|
 *     lag     0   1…0    0             3…0            0            1…0     what is left of the turn
 *
 * Not the turns are counted but the time: a loop that polls on for the next group makes thousands
 * of turns of a microsecond, and one long turn among them is what others wait for. A quantile of
 * the turns stands beside it, because that is what an operator sees in /metrics.
 *
 * Invariant: a turn is taken to be as long as the upper end of its bucket, at most a sixteenth too
 * long.
 */
import type { HistogramState } from "../src/client/admin.ts";

export interface LoopTurns {
  /** At 99 of 100 moments the lag is no longer than this. */
  readonly p99Us: number;
  readonly p999Us: number;
  /** Of 100 turns 99 are no longer than this: what /metrics gives as loop lag. */
  readonly turnP99Us: number;
  readonly longestUs: number;
  /** Of the time, that the loop was in turns. */
  readonly share: number;
}

interface Turns {
  readonly us: number;
  readonly count: number;
}

/** `seconds`: between the two looks. */
export function turnsOf(
  before: readonly HistogramState[],
  after: readonly HistogramState[],
  seconds: number,
): LoopTurns {
  const earlier = new Map(bucketsOf(before).map(({ upTo, count }) => [upTo, count]));
  const turns = bucketsOf(after).map(({ upTo, count }) => {
    return { us: upTo, count: count - (earlier.get(upTo) ?? 0) };
  }).filter(({ count }) => count > 0);
  const allUs = seconds * 1e6;
  return {
    p99Us: lagOf(turns, 0.01 * allUs),
    p999Us: lagOf(turns, 0.001 * allUs),
    turnP99Us: turnQuantile(turns, 0.99),
    longestUs: turns.at(-1)?.us ?? NaN,
    share: turns.reduce((sum, { us, count }) => sum + us * count, 0) / allUs,
  };
}

/** The lag that is longer during `aboveUs` in all: of each turn what goes beyond it. */
function lagOf(turns: readonly Turns[], aboveUs: number): number {
  let longer = 0;
  let longerUs = 0;
  for (const [index, { us, count }] of [...turns.entries()].reverse()) {
    longer += count;
    longerUs += us * count;
    const next = index === 0 ? 0 : turns[index - 1]!.us;
    if (longerUs - next * longer >= aboveUs) return (longerUs - aboveUs) / longer;
  }
  return 0;
}

function turnQuantile(turns: readonly Turns[], share: number): number {
  const all = turns.reduce((sum, { count }) => sum + count, 0);
  let seen = 0;
  return turns.find(({ count }) => (seen += count) >= share * all)?.us ?? NaN;
}

function bucketsOf(histograms: readonly HistogramState[]): HistogramState["buckets"] {
  return histograms.find(({ name }) => name === "turn_us")?.buckets ?? [];
}
