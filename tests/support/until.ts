/**
 * Waiting for something that another process does. Bounded, because a test that hangs says
 * nothing; the bound is generous, because how long it takes is not what is tested.
 */

const WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 10;

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Looks again and again until `found` gives something; fails with `what` when it never does. */
export async function until<T>(
  what: string,
  found: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  withinMs: number = WITHIN_MS,
): Promise<T> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const result = await found();
    if (result !== null && result !== undefined && result !== false) return result;
    if (performance.now() > endMs) throw new Error(`waited ${withinMs} ms in vain: ${what}`);
    await pause(LOOK_EVERY_MS);
  }
}

/** The promise, or an error that says what never came. */
export function within<T>(what: string, promise: Promise<T>, ms: number = WITHIN_MS): Promise<T> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`waited ${ms} ms in vain: ${what}`)), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(limit));
  });
}
