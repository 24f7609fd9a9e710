/**
 * How long to wait before the next attempt: twice as long each time, up to a limit, and each time
 * off by chance, so that a thousand clients do not come back in the same moment.
 *
 *     50, 100, 200, 400, 800, 1000, 1000 …   each times 0.8 to 1.2
 */

import { clearTimeout, setTimeout } from "node:timers";

const JITTER = 0.2;

export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  #attempts = 0;

  constructor(firstMs: number, maxMs: number) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
  }

  /** Attempts since the last success. */
  get attempts(): number {
    return this.#attempts;
  }

  /** After a success. */
  reset(): void {
    this.#attempts = 0;
  }

  /** After a failure: milliseconds to wait. */
  nextMs(chance: number = Math.random()): number {
    const plainMs = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#attempts, 30));
    this.#attempts += 1;
    return plainMs * (1 - JITTER + 2 * JITTER * chance);
  }
}

/** Settles after `ms`, or earlier when the signal comes: never with an error. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    signal?.addEventListener("abort", wake, { once: true });
  });
}
