/**
 * Makes a failing schedule small: operations go, crashes come between operations, cuts and faults
 * go, as long as what is left breaks the same invariant.
 */
import type { Operation, Plan } from "./plan.ts";
import { violationOf } from "./simulate.ts";
import type { Violation } from "./violation.ts";

export interface Shrunk {
  readonly plan: Plan;
  readonly violation: Violation;
  readonly runs: number;
}

/** `isTimeUp` is asked before every run. */
export function shrink(plan: Plan, violation: Violation, isTimeUp: () => boolean): Shrunk {
  const shrinker = new Shrinker(plan, violation, isTimeUp);
  shrinker.run();
  return { plan: shrinker.plan, violation: shrinker.violation, runs: shrinker.runs };
}

class Shrinker {
  plan: Plan;
  violation: Violation;
  runs = 0;
  readonly #isTimeUp: () => boolean;

  constructor(plan: Plan, violation: Violation, isTimeUp: () => boolean) {
    this.plan = plan;
    this.violation = violation;
    this.#isTimeUp = isTimeUp;
  }

  run(): void {
    this.#try({ operations: this.plan.operations.slice(0, this.violation.operation + 1) });
    for (let before = Infinity; this.plan.operations.length < before && !this.#isTimeUp();) {
      before = this.plan.operations.length;
      this.#removeOperations();
      this.#simplifyCrashes();
    }
    this.#try({ callFaults: {} });
    this.#try({ diskFaults: {} });
    this.#try({ refused: { cachestat: 0, nowait: false } });
    this.#try({ readFailurePercent: 0 });
    this.#try({ capacity: Infinity });
    this.#try({ recordsMax: 1 });
    this.#try({ producers: 1 });
    this.#removeOperations();
  }

  /** Halves, quarters … single ones. */
  #removeOperations(): void {
    for (let size = this.plan.operations.length >> 1; size >= 1; size >>= 1) {
      for (let at = 0; at < this.plan.operations.length;) {
        const { operations } = this.plan;
        const left = [...operations.slice(0, at), ...operations.slice(at + size)];
        if (!this.#try({ operations: left })) at += size;
      }
    }
  }

  #simplifyCrashes(): void {
    for (let at = 0; at < this.plan.operations.length; at += 1) {
      const operation = this.plan.operations[at]!;
      const { crash, cuts } = operation;
      if (crash === null) continue;
      this.#replace(at, { ...operation, crash: { ...crash, calls: 0 } });
      for (let i = cuts.length - 1; i >= 0; i -= 1) {
        const present = this.plan.operations[at]!;
        this.#replace(at, { ...present, cuts: present.cuts.filter((_, other) => other !== i) });
      }
    }
  }

  #replace(at: number, operation: Operation): void {
    const operations = this.plan.operations.slice();
    operations[at] = operation;
    this.#try({ operations });
  }

  #try(change: Partial<Plan>): boolean {
    if (this.#isTimeUp()) return false;
    const plan = { ...this.plan, ...change };
    this.runs += 1;
    const violation = violationOf(plan);
    if (violation === null || violation.invariant !== this.violation.invariant) return false;
    this.plan = plan;
    this.violation = violation;
    return true;
  }
}
