/**
 * Goals: what a figure has to be, and the line that says whether it is.
 *
 *     throughput against C: at least 0.95, median 0.97 (0.94–1.01), 5 rounds: held
 *
 * Invariant: a goal without a figure is missed. The median decides; the spread stands beside it.
 */
import { digits, spread, withRange } from "./statistics.ts";

export interface Goal {
  /** What the figure is: "throughput against C". */
  readonly what: string;
  /** Which side of `bound` is good. */
  readonly good: "at least" | "at most" | "above" | "below";
  readonly bound: number;
  /** Behind the bound, for figures that are no ratio: " ms". */
  readonly unit?: string;
}

export interface Verdict {
  readonly goal: Goal;
  readonly isHeld: boolean;
  readonly line: string;
}

/** Judges one figure per round by its median. */
export function judge(goal: Goal, values: readonly number[]): Verdict {
  const { what, good, bound, unit = "" } = goal;
  const { median } = spread(values);
  const isHeld = holds(good, median, bound);
  const rounds = `${values.length} round${values.length === 1 ? "" : "s"}`;
  const figure = `median ${withRange(values, digits)}${unit}, ${rounds}`;
  const line = `${what}: ${good} ${bound}${unit}, ${figure}: ${isHeld ? "held" : "MISSED"}`;
  return { goal, isHeld, line };
}

function holds(good: Goal["good"], median: number, bound: number): boolean {
  switch (good) {
    case "at least":
      return median >= bound;
    case "at most":
      return median <= bound;
    case "above":
      return median > bound;
    case "below":
      return median < bound;
  }
}
