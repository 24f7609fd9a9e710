/** Latencies of one sampling interval, by kind; taken out whole at its end. */

export interface Quantiles {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const VALUES_MAX = 100_000;

export class Latencies {
  #values: Float64Array = new Float64Array(1024);
  #count = 0;

  record(ms: number): void {
    if (this.#count === VALUES_MAX) return;
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count] = ms;
    this.#count += 1;
  }

  /** Those since the last call; null when there were none. */
  take(): Quantiles | null {
    const count = Math.min(this.#count, VALUES_MAX);
    this.#count = 0;
    if (count === 0) return null;
    const sorted = this.#values.subarray(0, count).sort();
    const at = (share: number): number => sorted[Math.ceil(count * share) - 1]!;
    return { count, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
  }
}

/** What is measured: until the producer hears, and until the consumer has it. */
export interface Measured {
  readonly ackFsync: Latencies;
  readonly ackOs: Latencies;
  readonly seenFsync: Latencies;
  readonly seenOs: Latencies;
}

export function newMeasured(): Measured {
  return {
    ackFsync: new Latencies(),
    ackOs: new Latencies(),
    seenFsync: new Latencies(),
    seenOs: new Latencies(),
  };
}
