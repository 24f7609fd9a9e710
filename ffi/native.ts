/**
 * What differs between the runtimes, and nothing else: how an address, a 64-bit argument and errno
 * are spelled. `bun.ts` and `deno.ts` each make one `Native`; all calls are written once over it.
 *
 * Bun spells an address and a 64-bit argument as a number, Deno as a 64-bit big integer. Shared
 * code must not look inside, so both are opaque here and cost nothing at run time.
 *
 * Invariant: an Address is used only inside `ffi/`, and only while the Block it came from is
 * referenced.
 */

import type { Symbols } from "./symbols.ts";

declare const kind: unique symbol;

/** `void *`, as this runtime passes it. */
export type Address = { readonly [kind]: "address" };
/** `size_t` below 2^31, as this runtime passes it. */
export type Size = { readonly [kind]: "size" };
/** `off_t` or another signed 64-bit argument or result, as this runtime passes it. */
export type Position = { readonly [kind]: "position" };

export interface Native {
  readonly symbols: Symbols;
  /** The null pointer. */
  readonly none: Address;
  /** Where the first byte of `bytes` lies. `bytes` must cover an explicit, fixed ArrayBuffer. */
  addressOf(bytes: Uint8Array): Address;
  /** `address` as a plain number, to be stored in a C struct. User space ends below 2^53. */
  toNumber(address: Address): number;
  /** `address + start`, with `start` from 0 to 2^31 - 1. */
  at(address: Address, start: number): Address;
  /** `size` from 0 to 2^31 - 1. */
  size(size: number): Size;
  /** `position` from -(2^53 - 1) to 2^53 - 1. */
  position(position: number): Position;
  /** A 64-bit result as a number. */
  fromPosition(position: Position): number;
  /** errno of this thread, positive. To be read right after the call that failed. */
  errno(): number;
}
