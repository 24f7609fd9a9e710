/**
 * The adapter for Bun: addresses and 64-bit arguments are numbers, errno is read through its
 * address.
 *
 * Invariant: `ptr` is asked only for arrays over an explicit ArrayBuffer (see block.ts); for a
 * small array of its own the address goes stale.
 */

import { dlopen, FFIType, ptr, read } from "bun:ffi";
import type { Pointer } from "bun:ffi";
import { LIBRARY_VARIABLE, libraryCandidates, openLibrary } from "./library.ts";
import type { Libc } from "./libc.ts";
import type { Address, Native, Position, Size } from "./native.ts";
import { type CResult, type Signature, SYMBOLS, type Symbols } from "./symbols.ts";
import { SystemLibc } from "./system_libc.ts";

const WORDS: Record<CResult, FFIType> = {
  i32: FFIType.i32,
  address: FFIType.ptr,
  // The fast kinds take and give a number wherever it is exact.
  size: FFIType.u64_fast,
  position: FFIType.i64_fast,
  void: FFIType.void,
};

type Opened = Record<string, unknown>;

function open(path: string): Symbols {
  const plain: Record<string, { args: FFIType[]; returns: FFIType }> = {};
  const aliased: Opened = {};
  for (const [name, signature] of Object.entries(SYMBOLS)) {
    const { args, returns, symbol }: Signature = signature;
    const spelled = { args: args.map((type) => WORDS[type]), returns: WORDS[returns] };
    if (symbol === undefined) plain[name] = spelled;
    // One name cannot stand for two signatures in one dlopen, so each of these has its own.
    else aliased[name] = (dlopen(path, { [symbol]: spelled }).symbols as Opened)[symbol];
  }
  return { ...dlopen(path, plain).symbols, ...aliased } as unknown as Symbols;
}

const symbols = openLibrary(libraryCandidates(process.env[LIBRARY_VARIABLE]), open);
const errnoPointer = symbols.__errno_location() as unknown as Pointer;

const native: Native = {
  symbols,
  none: 0 as unknown as Address,
  addressOf: (bytes) => ptr(bytes) as unknown as Address,
  toNumber: (address) => address as unknown as number,
  at: (address, start) => ((address as unknown as number) + start) as unknown as Address,
  size: (size) => size as unknown as Size,
  position: (position) => position as unknown as Position,
  fromPosition: (position) => Number(position),
  errno: () => read.i32(errnoPointer, 0),
};

/** The one instance of this thread. */
export const libc: Libc = new SystemLibc(native);
