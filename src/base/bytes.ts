/**
 * Bytes at a fixed address, seen as bytes, as 32-bit words and through a view; and the 64-bit
 * numbers of wire and disk, read as two words because BigInt costs three to five times as much.
 *
 * Invariant: every 64-bit number that the broker keeps fits 53 bits. One that does not is refused
 * where it enters (`isSafeU64`), so arithmetic on offsets is exact.
 */

import { WORD_RANGE } from "./units.ts";

/** The shape of `Memory` of the port, without the port: pure code works on it too. */
export interface ByteBlock {
  readonly size: number;
  /** Where it begins in its ArrayBuffer: above 0 only in the memory of `crc32c_simd.ts`. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** The same bytes as 32-bit words in the machine's order. */
  readonly words: Int32Array;
  readonly view: DataView;
}

/** A block on the heap, for code that never hands it to a system call. */
export function heapBlock(size: number): ByteBlock {
  const buffer = new ArrayBuffer(size);
  return {
    size,
    offset: 0,
    bytes: new Uint8Array(buffer),
    words: new Int32Array(buffer, 0, size >> 2),
    view: new DataView(buffer),
  };
}

/**
 * Big-endian. Exact for values below 2^53; ask `isSafeU64` first where the bytes are not trusted.
 */
export function readU64(view: DataView, at: number): number {
  return view.getUint32(at) * WORD_RANGE + view.getUint32(at + 4);
}

export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / WORD_RANGE));
  view.setUint32(at + 4, value >>> 0);
}

/** Big-endian two's complement: timestamps, and ids that may be -1. */
export function readI64(view: DataView, at: number): number {
  return view.getInt32(at) * WORD_RANGE + view.getUint32(at + 4);
}

export function writeI64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / WORD_RANGE));
  view.setUint32(at + 4, value >>> 0);
}

/** Whether the 64-bit number at `at` fits the 53 bits of a JavaScript number, not negative. */
export function isSafeU64(view: DataView, at: number): boolean {
  return view.getUint32(at) < 0x200000;
}

/** The same for a signed number: from -2^53 to 2^53 - 1. */
export function isSafeI64(view: DataView, at: number): boolean {
  const high = view.getInt32(at);
  return high >= -0x200000 && high < 0x200000;
}
