/**
 * SIGINT and SIGTERM: the first one asks to end, the second one ends at once.
 *
 *     work, work, 50 ms are over: pause | signals are heard | work …
 *
 * A signal is heard when the event loop has its turn. Work that waits for nothing (`verify` reads
 * by FFI) would never give it one: it asks `Pauses` between its steps.
 *
 * Invariant: signals are heard from then on until the process ends. One that comes when the work is
 * done changes nothing: what is told as done was done.
 */

import { ExitCode } from "./exit_codes.ts";
import { exitProcess, onSignal } from "./runtime.ts";

/**
 * `timeout` and terminals send a signal to the process and to its group: two for one. What comes
 * this soon after the first is the same wish.
 */
const SAME_WISH_MS = 200;

/** Aborted by the first signal; the second one ends the process. */
export function watchSignals(): AbortSignal {
  const controller = new AbortController();
  let firstMs = 0;
  const handler = (): void => {
    if (!controller.signal.aborted) {
      firstMs = performance.now();
      controller.abort();
    } else if (performance.now() - firstMs > SAME_WISH_MS) {
      exitProcess(ExitCode.interrupted);
    }
  };
  onSignal("SIGINT", handler);
  onSignal("SIGTERM", handler);
  return controller.signal;
}

/** Settles at the first signal. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Settles after `ms`, or earlier at the first signal; nothing of it stays behind. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    signal.addEventListener("abort", wake, { once: true });
  });
}

/** So long at the most a signal is not heard, and a step takes. */
const PAUSE_MS = 50;

/** For work that never waits. */
export class Pauses {
  readonly #signal: AbortSignal;
  #lastMs: number = performance.now();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Gives the event loop a turn when that is due; whether a signal has come. */
  async hasEnd(): Promise<boolean> {
    if (performance.now() - this.#lastMs >= PAUSE_MS) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.#lastMs = performance.now();
    }
    return this.#signal.aborted;
  }
}
