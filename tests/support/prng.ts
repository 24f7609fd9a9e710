/**
 * Chance for tests: the same seed gives the same numbers on every machine and runtime, and a
 * failure names the seed that brought it about.
 */

export class Prng {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 0x9e3779b1) | 0;
  }

  /** Any 32-bit number, not negative (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A number from 0 to `count` - 1. */
  below(count: number): number {
    return this.next() % count;
  }

  /** A number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[this.below(list.length)];
    if (picked === undefined) throw new Error("nothing to pick from");
    return picked;
  }

  bytes(size: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i += 1) bytes[i] = this.next() & 255;
    return bytes;
  }
}

/** Runs `body` once per seed from 1 on; what it throws then begins with the seed. */
export function forSeeds(count: number, body: (prng: Prng, seed: number) => void): void {
  for (let seed = 1; seed <= count; seed += 1) {
    try {
      body(new Prng(seed), seed);
    } catch (error) {
      const text = error instanceof Error ? error.stack ?? error.message : String(error);
      throw new Error(`seed ${seed}: ${text}`);
    }
  }
}
