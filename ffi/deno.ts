/**
 * The adapter for Deno: addresses and 64-bit arguments are BigInts; the only file that has them.
 *
 * Deno's compiled calls take a BigInt apart without making it, as long as it comes from a 32-bit
 * integer, from a wrapping addition or out of a BigInt64Array: 8 to 10 ns a call instead of 25 to
 * 30. `UnsafePointer.of`, `.value` and `UnsafePointerView` are refused under a scoped --allow-ffi,
 * so an address is what memcpy of nothing returns, and errno is copied from where it lies.
 *
 * Invariant: all of it works with `--allow-ffi=<absolute path of libc>` and no other permission.
 */

import { LIBRARY_VARIABLE, libraryCandidates, openLibrary } from "./library.ts";
import type { Libc } from "./libc.ts";
import type { Address, Native, Position, Size } from "./native.ts";
import { type CResult, type Signature, SYMBOLS, type Symbols } from "./symbols.ts";
import { SystemLibc } from "./system_libc.ts";

interface ForeignFunction {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly result: string;
}

/** The members used, nothing more, so that tsc needs no types of Deno. */
declare const Deno: {
  dlopen(
    path: string,
    functions: Record<string, ForeignFunction>,
  ): { readonly symbols: Record<string, unknown> };
  readonly env: { get(name: string): string | undefined };
  readonly permissions: {
    querySync(
      permission:
        | { readonly name: "env"; readonly variable: string }
        | { readonly name: "ffi"; readonly path: string },
    ): { readonly state: string };
  };
};

const WORDS: Record<CResult, string> = {
  i32: "i32",
  address: "usize",
  size: "usize",
  position: "i64",
  void: "void",
};

/** Asked about first: to read a variable without permission would open a prompt. */
function override(): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: LIBRARY_VARIABLE });
  return state === "granted" ? Deno.env.get(LIBRARY_VARIABLE) : undefined;
}

/** Only the paths that may be opened; all of them where none may, so that the error says why. */
function candidates(): readonly string[] {
  const all = libraryCandidates(override());
  const granted = all.filter((path) =>
    path.startsWith("/") && Deno.permissions.querySync({ name: "ffi", path }).state === "granted"
  );
  return granted.length > 0 ? granted : all;
}

function open(path: string): Symbols {
  const functions: Record<string, ForeignFunction> = {
    // For the first address there is none to start from; an array may be passed by itself.
    memcpyArrays: { name: "memcpy", parameters: ["buffer", "buffer", "usize"], result: "usize" },
  };
  for (const [name, signature] of Object.entries(SYMBOLS)) {
    const { args, returns, symbol }: Signature = signature;
    const parameters = args.map((type) => WORDS[type]);
    functions[name] = { name: symbol ?? name, parameters, result: WORDS[returns] };
  }
  return Deno.dlopen(path, functions).symbols as unknown as Symbols;
}

type MemcpyArrays = (to: Uint8Array, from: Uint8Array, size: bigint) => bigint;

const symbols = openLibrary(candidates(), open);
const { memcpyArrays } = symbols as unknown as { readonly memcpyArrays: MemcpyArrays };

const errnoWord = new Int32Array(new ArrayBuffer(4));
const errnoWordAddress = addressOf(new Uint8Array(errnoWord.buffer));
const errnoAddress = symbols.__errno_location();
const errnoSize = 4n as unknown as Size;

const positionWords = new Int32Array(new ArrayBuffer(8));
const positionLong = new BigInt64Array(positionWords.buffer);

function addressOf(bytes: Uint8Array): Address {
  return memcpyArrays(bytes, bytes, 0n) as unknown as Address;
}

/** Through memory: two words in, one long out, with no BigInt made in compiled code. */
function toLong(position: number): Position {
  positionWords[0] = position;
  positionWords[1] = Math.floor(position / 2 ** 32);
  return positionLong[0] as unknown as Position;
}

function errno(): number {
  symbols.memcpy(errnoWordAddress, errnoAddress, errnoSize);
  return errnoWord[0]!;
}

const native: Native = {
  symbols,
  none: 0n as unknown as Address,
  addressOf,
  toNumber: (address) => Number(address),
  at: (address, start) =>
    BigInt.asUintN(64, (address as unknown as bigint) + BigInt(start)) as unknown as Address,
  size: (size) => BigInt(size) as unknown as Size,
  position: toLong,
  fromPosition: (position) => Number(position),
  errno,
};

/** The one instance of this thread. */
export const libc: Libc = new SystemLibc(native);
