/** Runs schedules: by seed, or as they are given. */
import { drawPlan, type Plan } from "./plan.ts";
import { TraceHash } from "./trace_hash.ts";
import { Violation } from "./violation.ts";
import type { Stats } from "./met.ts";
import { World } from "./world.ts";

/** Runs the schedule of a seed. Throws Violation. */
export function runSeed(seed: number, looks: boolean = false): Stats {
  return new World(drawPlan(seed), { looks }).run();
}

/** The violation that a schedule meets, or null. */
export function violationOf(plan: Plan): Violation | null {
  try {
    new World(plan).run();
    return null;
  } catch (error) {
    if (error instanceof Violation) return error;
    throw error;
  }
}

/**
 * One hash over all calls, arguments, results, bytes and answers of these seeds, whether they are
 * well or not.
 */
export function hashOf(from: number, count: number): string {
  const hash = new TraceHash();
  for (let seed = from; seed < from + count; seed += 1) {
    try {
      new World(drawPlan(seed), { hash }).run();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      hash.text(error.invariant);
    }
  }
  return hash.digest();
}

export { drawPlan };
