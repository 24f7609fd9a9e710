/**
 * Loop lag: how long turns take, from the end of the poll to their own end. Nothing else may run
 * in between, so it is what every client of the shard waits for at the least. Hot.
 *
 *     poll | receive | dispatch | write | sync | answer | send | maintain | poll
 *          begin     mark …                                             end
 *
 * A look at the clock costs as much as a small step: the end of every turn is looked at, the steps
 * of one turn in MARK_EVERY. So the longest of a step is that of the turns that were looked at.
 */

import { Histogram } from "../base/histogram.ts";
import type { Libc } from "../../ffi/libc.ts";
import { LOOP_MARK_EVERY, LOOP_SLOW_MS } from "../limits.ts";

export const STEPS = [
  "receive",
  "dispatch",
  "write",
  "sync",
  "answer",
  "send",
  "maintain",
] as const;
export type Step = typeof STEPS[number];

/** Positions in `STEPS`. */
export const StepAt: { readonly [S in Step]: number } = {
  receive: 0,
  dispatch: 1,
  write: 2,
  sync: 3,
  answer: 4,
  send: 5,
  maintain: 6,
};

export class LoopLag {
  /** Microseconds of every turn. */
  readonly turnsUs: Histogram = new Histogram();
  /** Turns above LOOP_SLOW_MS. */
  slowTurns = 0;
  readonly #libc: Libc;
  readonly #longestMs: Float64Array = new Float64Array(STEPS.length);
  #beganMs = 0;
  #markedMs = 0;
  #isMarking = false;
  #turns = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** The poll is over; `nowMs` is the clock of the turn. */
  begin(nowMs: number): void {
    this.#beganMs = nowMs;
    this.#markedMs = nowMs;
    this.#turns += 1;
    this.#isMarking = this.#turns % LOOP_MARK_EVERY === 0;
  }

  /** A step is over. */
  mark(step: number): void {
    if (this.#isMarking) this.#ended(step, this.#libc.monotonicMs());
  }

  /** The turn is over, and with it the last step. Returns the clock. */
  end(): number {
    const nowMs = this.#libc.monotonicMs();
    if (this.#isMarking) this.#ended(StepAt.maintain, nowMs);
    const tookMs = nowMs - this.#beganMs;
    this.turnsUs.record(tookMs * 1000);
    if (tookMs > LOOP_SLOW_MS) this.slowTurns += 1;
    return nowMs;
  }

  /** For `stats`. */
  list(): { name: string; value: number }[] {
    const { turnsUs } = this;
    return [
      { name: "loop_lag_p50_us", value: turnsUs.quantile(0.5) },
      { name: "loop_lag_p99_us", value: turnsUs.quantile(0.99) },
      { name: "loop_lag_p999_us", value: turnsUs.quantile(0.999) },
      { name: "loop_lag_max_us", value: turnsUs.max },
      { name: "loop_slow_turns_total", value: this.slowTurns },
      ...STEPS.map((step, at) => {
        return { name: `loop_${step}_max_us`, value: Math.round(this.#longestMs[at]! * 1000) };
      }),
    ];
  }

  #ended(step: number, nowMs: number): void {
    const tookMs = nowMs - this.#markedMs;
    this.#markedMs = nowMs;
    if (tookMs > this.#longestMs[step]!) this.#longestMs[step] = tookMs;
  }
}
