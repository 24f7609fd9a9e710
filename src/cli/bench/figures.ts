/**
 * What a run measures: counts, and latencies from the moment a record was due. Only what was due
 * inside the window counts; what comes before is warming up.
 */

import { Histogram } from "../../base/histogram.ts";

/** Milliseconds of `performance.now()`; set when all connections are there. */
export interface Window {
  /** When the first record is due: the beginning of the warm-up. */
  beganMs: number;
  /** What is due from here on counts. */
  startMs: number;
  endMs: number;
}

/** One kind of event, such as acknowledgements. */
export class Figures {
  records = 0;
  bytes = 0;
  readonly latencyUs: Histogram = new Histogram();
  readonly #window: Window;

  constructor(window: Window) {
    this.#window = window;
  }

  /** A record that was due at `dueMs` and has happened now. */
  add(dueMs: number, nowMs: number, bytes: number): void {
    if (dueMs < this.#window.startMs || dueMs >= this.#window.endMs) return;
    this.records += 1;
    this.bytes += bytes;
    this.latencyUs.record((nowMs - dueMs) * 1000);
  }
}

export interface Summary {
  readonly records: number;
  readonly recordsPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export function summarize({ records, bytes, latencyUs }: Figures, seconds: number): Summary {
  const milliseconds = (share: number): number => latencyUs.quantile(share) / 1000;
  return {
    records,
    recordsPerSecond: records / seconds,
    megabytesPerSecond: bytes / 1e6 / seconds,
    p50Ms: milliseconds(0.5),
    p90Ms: milliseconds(0.9),
    p99Ms: milliseconds(0.99),
    p999Ms: milliseconds(0.999),
    maxMs: latencyUs.max / 1000,
  };
}
