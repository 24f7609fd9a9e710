/**
 * Chance for the simulator: the generator of the other tests, and streams that are forked from it,
 * one per concern, so that a new draw in one place does not shift every draw elsewhere.
 *
 * Invariant: a fork depends on the seed and its salt alone, never on what was drawn before.
 */
import { Prng } from "../support/prng.ts";

export class SimPrng extends Prng {
  readonly seed: number;

  constructor(seed: number) {
    super(seed | 0);
    this.seed = seed | 0;
  }

  /** A stream of its own. The same salt gives the same stream again. */
  fork(salt: string): SimPrng {
    let mixed = this.seed ^ 0x5bd1e995;
    for (let i = 0; i < salt.length; i += 1) {
      mixed = Math.imul(mixed ^ salt.charCodeAt(i), 0x01000193);
      mixed ^= mixed >>> 15;
    }
    return new SimPrng(mixed);
  }

  /** True in `rate` of 1,000 cases. At 0, the common rate, nothing is drawn. */
  permille(rate: number): boolean {
    return rate > 0 && this.below(1000) < rate;
  }
}
