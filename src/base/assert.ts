/**
 * Assertions for bugs, on in production. What comes from outside (a client, a disk) is never
 * asserted: it is a value with a code from `format/errors.ts`.
 *
 * The message is a constant: a template would be built on every call, also when the condition
 * holds.
 */

export class AssertionFailed extends Error {
  override name = "AssertionFailed";
}

export function assert(ok: boolean, message: string): asserts ok {
  if (!ok) fail(message);
}

/** Kept out of `assert`, so that the caller's hot path inlines to one compare and one branch. */
function fail(message: string): never {
  throw new AssertionFailed(message);
}
