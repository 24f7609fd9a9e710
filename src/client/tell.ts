/**
 * Calls a function of the program that wants to hear of something.
 *
 * Invariant: nothing of the client's own hangs on what the function does. What it throws is the
 * program's error: it goes where that of an event listener goes, to the uncaught ones.
 */

export function tell<T>(listener: ((event: T) => void) | null | undefined, event: T): void {
  try {
    listener?.(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
