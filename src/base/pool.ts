/**
 * Blocks of memory in classes of powers of two, lent and given back. A connection holds one only
 * while it has a partial frame or an unsent reply, so that an idle one costs no buffer.
 *
 * Invariant: a block is either lent or free, never both, and a free one is kept only while the
 * free blocks together stay below `keepBytes`, or when it is one of `FastMemory`.
 */

import { assert } from "./assert.ts";
import type { ByteBlock } from "./bytes.ts";
import { VERIFY } from "./verify.ts";

/** What a freed block is filled with under VERIFY: a view that was kept reads nonsense at once. */
const POISON = 0xcc;

export class BlockPool<B extends ByteBlock> {
  readonly sizeMin: number;
  readonly sizeMax: number;
  lentBytes = 0;
  freeBytes = 0;
  readonly #allocate: (size: number) => B;
  readonly #keepBytes: number;
  /** Free blocks by class: class k holds blocks of sizeMin << k. */
  readonly #free: B[][] = [];

  /** `sizeMin` and `sizeMax` are powers of two. */
  constructor(
    allocate: (size: number) => B,
    sizeMin: number,
    sizeMax: number,
    keepBytes: number,
  ) {
    assert((sizeMin & (sizeMin - 1)) === 0, "the smallest class is a power of two");
    assert((sizeMax & (sizeMax - 1)) === 0, "the largest class is a power of two");
    this.#allocate = allocate;
    this.sizeMin = sizeMin;
    this.sizeMax = sizeMax;
    this.#keepBytes = keepBytes;
    for (let size = sizeMin; size <= sizeMax; size *= 2) this.#free.push([]);
  }

  /** A block of at least `size` bytes; its content is whatever it was. */
  borrow(size: number): B {
    assert(size <= this.sizeMax, "no block is that large");
    let order = 0;
    let classSize = this.sizeMin;
    while (classSize < size) {
      classSize *= 2;
      order += 1;
    }
    this.lentBytes += classSize;
    const block = this.#free[order]!.pop();
    if (block === undefined) return this.#allocate(classSize);
    this.freeBytes -= classSize;
    return block;
  }

  giveBack(block: B): void {
    this.lentBytes -= block.size;
    assert(this.lentBytes >= 0, "given back once");
    if (VERIFY) block.bytes.fill(POISON);
    // Fast memory is kept always: nothing would give it out again.
    if (this.freeBytes + block.size > this.#keepBytes && block.offset === 0) return;
    let order = 0;
    while (this.sizeMin << order !== block.size) order += 1;
    if (VERIFY) assert(!this.#free[order]!.includes(block), "given back once");
    this.#free[order]!.push(block);
    this.freeBytes += block.size;
  }
}
