/**
 * Block: the Memory of the real adapters, a fixed ArrayBuffer and where it lies.
 *
 *   buffer   |0 ............ start ....... start + size ..... |size
 *   words    |0   |1   |2   | ...                        (tail)
 *
 * Invariant: the buffer is never detached or resized, so `address` holds for as long as the Block
 * is referenced. It lies in an explicit ArrayBuffer: a small typed array of its own moves on Bun.
 */

import { assert, assertSize } from "./assert.ts";
import type { Memory } from "./libc.ts";
import type { Address, Native } from "./native.ts";

export class Block implements Memory {
  readonly size: number;
  readonly offset: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Int32Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  /** For calls. Never leaves this folder. */
  readonly address: Address;
  /** The same as a number, for C structs. Never leaves this folder. */
  readonly location: number;

  /** `bytes` are those to be used, where they are not new ones. */
  constructor(native: Native, size: number, bytes: Uint8Array<ArrayBuffer> | null = null) {
    assertSize(size);
    assert(size > 0, "a block is not empty");
    this.size = size;
    this.bytes = bytes ?? new Uint8Array(new ArrayBuffer(size));
    assert(this.bytes.byteLength === size, "as many bytes as were asked for");
    const { buffer, byteOffset } = this.bytes;
    this.offset = byteOffset;
    this.words = new Int32Array(buffer, byteOffset, size >> 2);
    this.view = new DataView(buffer, byteOffset, size);
    this.address = native.addressOf(this.bytes);
    this.location = native.toNumber(this.address);
    assert(Number.isSafeInteger(this.location), "an address is below 2^53");
    assert(this.location % 8 === 0, "a block is aligned for every struct here");
  }
}

/**
 * Asserts that [start, start + size) lies in `memory` and that the kernel may be given it. Detached
 * memory has no bytes left, and its address belongs to somebody else.
 */
export function assertRange(
  memory: Memory,
  start: number,
  size: number,
): asserts memory is Block {
  assert(memory instanceof Block, "memory comes from allocate of this adapter");
  assert((start | 0) === start, "a start is an integer below 2^31");
  assert((size | 0) === size, "a size is an integer below 2^31");
  assert(start >= 0, "a start is not negative");
  assert(size >= 0, "a size is not negative");
  assert(start + size <= memory.size, "the range lies in the memory");
  assert(memory.bytes.byteLength === memory.size, "the memory is not detached");
}

/** Reads a u64 of a struct. Exact up to 2^53. */
export function readU64(block: Block, offset: number): number {
  return block.view.getUint32(offset, true) + block.view.getUint32(offset + 4, true) * 2 ** 32;
}

/** Writes a u64 of a struct: an address, a size or a position, each below 2^53. */
export function writeU64(block: Block, offset: number, value: number): void {
  block.view.setUint32(offset, value >>> 0, true);
  block.view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
}
