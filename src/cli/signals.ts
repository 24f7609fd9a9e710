/**
 * SIGINT and SIGTERM: the first one asks to end, the second one ends at once.
 *
 * Invariant: after `stop` the signals do again what they do by default.
 */

import { ExitCode } from "./exit_codes.ts";
import { exitProcess, offSignal, onSignal } from "./runtime.ts";

/**
 * `timeout` and terminals send a signal to the process and to its group: two for one. What comes
 * this soon after the first is the same wish.
 */
const SAME_WISH_MS = 200;

export interface SignalWatch {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  stop(): void;
}

export function watchSignals(): SignalWatch {
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
  const stop = (): void => {
    offSignal("SIGINT", handler);
    offSignal("SIGTERM", handler);
  };
  return { signal: controller.signal, stop };
}

/** Settles at the first signal. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
