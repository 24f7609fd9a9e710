/**
 * Assertions of this folder, always on: a wrong range given to a system call sends bytes of the
 * heap over the wire or lets the kernel write into it.
 *
 * Invariant: a message is a constant, so that a check that holds costs a compare and a branch.
 */

export class FfiAssertionFailed extends Error {
  override name = "FfiAssertionFailed";
}

/** Throws FfiAssertionFailed unless `ok`. */
export function assert(ok: boolean, message: string): asserts ok {
  if (!ok) fail(message);
}

/** A descriptor, a flag word or another C int. NaN would reach C as 0, which is standard input. */
export function assertInt(value: number): void {
  if ((value | 0) !== value && value >>> 0 !== value) fail("a 32-bit integer");
}

/** A count of bytes for one call: 0 to 2^31 - 1, so that its result fits an i32. */
export function assertSize(size: number): void {
  if ((size | 0) !== size || size < 0) fail("a size is an integer from 0 to 2^31 - 1");
}

/** A position or a length in a file: 0 to 2^53 - 1. */
export function assertPosition(position: number): void {
  if (!Number.isSafeInteger(position) || position < 0) {
    fail("a position is an integer from 0 to 2^53 - 1");
  }
}

/** Kept out of the checks so that they inline into the hot callers. */
function fail(message: string): never {
  throw new FfiAssertionFailed(message);
}
