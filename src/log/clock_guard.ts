/**
 * Whether the wall clock may decide what is deleted. A clock that jumps ahead (a battery that
 * failed, a wrong time server) would make every record old at once.
 *
 *     start, or a jump against the monotonic clock -> not trusted -> 10 minutes in step -> trusted
 *
 * Invariant: trusted means that both clocks ran in step for `confirmMs`.
 */

import { CLOCK_CONFIRM_MS, CLOCK_JUMP_MS } from "../limits.ts";

export class ClockGuard {
  readonly #confirmMs: number;
  /** Wall clock minus monotonic clock, at the last look. */
  #difference = NaN;
  #inStepSinceMs = 0;

  constructor(confirmMs: number = CLOCK_CONFIRM_MS) {
    this.#confirmMs = confirmMs;
  }

  /** Looks at both clocks; true when the wall clock is trusted. */
  look(nowMs: number, wallMs: number): boolean {
    const difference = wallMs - nowMs;
    const isInStep = Math.abs(difference - this.#difference) <= CLOCK_JUMP_MS;
    if (!isInStep) this.#inStepSinceMs = nowMs;
    this.#difference = difference;
    return nowMs - this.#inStepSinceMs >= this.#confirmMs;
  }
}
