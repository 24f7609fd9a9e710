/**
 * Chance that begins anew with every operation of a schedule: each of its streams is set from the
 * operation's own seed. So an operation that is taken out of a schedule leaves what befalls the
 * others as it was, and a failing schedule shrinks to a few operations.
 *
 * Invariant: after `restart` every stream, also one that was forked long ago, depends on the seed
 * of the restart and on its salt alone.
 */
import { SimPrng } from "./prng.ts";

export class StepPrng extends SimPrng {
  readonly #streams: StepPrng[] = [];
  readonly #salt: number;
  #state: number;

  constructor(seed: number, salt: number = 0) {
    super(seed);
    this.#salt = salt;
    this.#state = mix(seed ^ salt);
  }

  /** Sets this stream and all that were forked from it. */
  restart(seed: number): void {
    this.#state = mix(seed ^ this.#salt);
    for (let i = 0; i < this.#streams.length; i += 1) this.#streams[i]!.restart(seed);
  }

  override fork(salt: string): StepPrng {
    let mixed = this.#salt ^ 0x5bd1e995;
    for (let i = 0; i < salt.length; i += 1) {
      mixed = Math.imul(mixed ^ salt.charCodeAt(i), 0x01000193);
      mixed ^= mixed >>> 15;
    }
    const stream = new StepPrng(this.seed, mixed);
    this.#streams.push(stream);
    return stream;
  }

  /** Any 32-bit number, not negative (mulberry32). */
  override next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
}

function mix(seed: number): number {
  let mixed = Math.imul(seed ^ (seed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
