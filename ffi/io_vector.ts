/**
 * Vector: `struct iovec[]` with the msghdr that sends it, and the memory both point to.
 *
 *   message   | … | iov ──┐ | iovCount | … |
 *   entries   | base size | base size | … |      base ──> a Block, held in #blocks
 *
 * Invariant: entry i points into #blocks[i], so nothing an entry points to can be collected while
 * the vector lives: an iovec alone keeps nothing alive, and the kernel would write into the heap.
 */

import { assert, assertInt, assertSize } from "./assert.ts";
import { assertRange, Block, writeU64 } from "./block.ts";
import { IOV_MAX } from "./constants.ts";
import { IOVEC, MSGHDR } from "./layouts.ts";
import type { IoVector, Memory } from "./libc.ts";
import type { Address, Native } from "./native.ts";

const WORDS = IOVEC.size / 4;
const BASE = IOVEC.at.base / 4;
const SIZE = IOVEC.at.size / 4;

export class Vector implements IoVector {
  readonly capacity: number;
  readonly #entries: Block;
  readonly #message: Block;
  readonly #blocks: (Block | null)[];
  #count = 0;
  #size = 0;

  constructor(native: Native, capacity: number) {
    assertInt(capacity);
    assert(capacity >= 1, "a vector holds at least one entry");
    assert(capacity <= IOV_MAX, "a vector holds at most 1,024 entries");
    this.capacity = capacity;
    this.#entries = new Block(native, capacity * IOVEC.size);
    this.#message = new Block(native, MSGHDR.size);
    this.#blocks = new Array<Block | null>(capacity).fill(null);
    writeU64(this.#message, MSGHDR.at.iov, this.#entries.location);
  }

  get count(): number {
    return this.#count;
  }

  get size(): number {
    return this.#size;
  }

  push(memory: Memory, start: number, size: number): void {
    assertRange(memory, start, size);
    assert(this.#count < this.capacity, "a vector has room");
    this.#blocks[this.#count] = memory;
    this.#point(this.#count, memory.location + start, size);
    this.#count += 1;
    this.#size += size;
  }

  /** Moves what is left to the front, so that the address of the entries stays constant. */
  consume(size: number): void {
    assertSize(size);
    assert(size <= this.#size, "no more is consumed than the vector holds");
    const words = this.#entries.words;
    let left = size;
    let gone = 0;
    while (gone < this.#count && left >= words[gone * WORDS + SIZE]!) {
      left -= words[gone * WORDS + SIZE]!;
      gone += 1;
    }
    if (gone > 0) this.#dropFront(gone);
    if (left > 0) {
      const base = (words[BASE]! >>> 0) + words[BASE + 1]! * 2 ** 32;
      this.#point(0, base + left, words[SIZE]! - left);
    }
    this.#size -= size;
  }

  clear(): void {
    for (let i = 0; i < this.#count; i++) this.#blocks[i] = null;
    this.#count = 0;
    this.#size = 0;
  }

  /** For preadv2 and pwritev; the count of entries is `count`. */
  entriesAddress(): Address {
    this.#assertWhole();
    return this.#entries.address;
  }

  /** For sendmsg. */
  messageAddress(): Address {
    this.#assertWhole();
    this.#message.view.setUint32(MSGHDR.at.iovCount, this.#count, true);
    return this.#message.address;
  }

  #point(i: number, location: number, size: number): void {
    const words = this.#entries.words;
    words[i * WORDS + BASE] = location >>> 0;
    words[i * WORDS + BASE + 1] = Math.floor(location / 2 ** 32);
    words[i * WORDS + SIZE] = size;
    words[i * WORDS + SIZE + 1] = 0;
  }

  #dropFront(gone: number): void {
    this.#entries.words.copyWithin(0, gone * WORDS, this.#count * WORDS);
    this.#blocks.copyWithin(0, gone, this.#count);
    this.#blocks.fill(null, this.#count - gone, this.#count);
    this.#count -= gone;
  }

  #assertWhole(): void {
    for (let i = 0; i < this.#count; i++) {
      const block = this.#blocks[i]!;
      assert(block.bytes.byteLength === block.size, "the memory of an entry is not detached");
    }
  }
}

export function assertVector(vector: IoVector): asserts vector is Vector {
  assert(vector instanceof Vector, "a vector comes from ioVector of this adapter");
}
