/**
 * What the records of a bench hold: each has a link to the one before it of the same producer and
 * partition, so that one that is lost, doubled, changed or swapped is found by its reader.
 *
 *      0 u32  chain       which chain: producer and partition
 *      4 u32  previous    link of the record before; 0 for the first
 *      8 u64  sequence    from 0
 *     16 u64  intendedUs  when it was due, microseconds from the beginning of the run
 *     24 u32  link        CRC-32C of all other bytes
 *     28 u32  0
 *     32      filling
 *
 * Invariant: a `ChainReader` accepts exactly the records that a `ChainWriter` made, in their order.
 */

import { type ByteBlock, heapBlock, readU64, writeU64 } from "../../base/bytes.ts";
import { crc32c } from "../../base/crc32c.ts";

export const HEADER_SIZE = 32;
const PREVIOUS_AT = 4;
const SEQUENCE_AT = 8;
const INTENDED_AT = 16;
const LINK_AT = 24;
/** Numbers of a linear generator: the filling shall not compress to nothing. */
const MULTIPLIER = 1664525;
const INCREMENT = 1013904223;

export class ChainWriter {
  readonly #block: ByteBlock;
  readonly #size: number;
  #previous = 0;
  #sequence = 0;

  constructor(chain: number, block: ByteBlock, size: number) {
    this.#block = block;
    this.#size = size;
    this.#chain = chain;
  }

  readonly #chain: number;

  get count(): number {
    return this.#sequence;
  }

  /** Makes the next value, in [0, size) of the block, which chains may share. */
  next(intendedUs: number): void {
    const { view } = this.#block;
    view.setUint32(0, this.#chain);
    view.setUint32(PREVIOUS_AT, this.#previous);
    writeU64(view, SEQUENCE_AT, this.#sequence);
    writeU64(view, INTENDED_AT, Math.max(0, Math.floor(intendedUs)));
    this.#previous = linkOf(this.#block, this.#size);
    view.setUint32(LINK_AT, this.#previous);
    this.#sequence += 1;
  }
}

/** A block with a filling, for values of `size` bytes. */
export function filledBlock(size: number): ByteBlock {
  const block = heapBlock(Math.ceil(size / 4) * 4);
  let state = size;
  for (let at = HEADER_SIZE; at < size; at += 1) {
    state = (Math.imul(state, MULTIPLIER) + INCREMENT) >>> 0;
    block.bytes[at] = state >>> 24;
  }
  return block;
}

function linkOf(block: ByteBlock, size: number): number {
  block.view.setUint32(LINK_AT, 0);
  return crc32c(block.bytes, block.words, 0, size);
}

/** Why a record is refused; "" is none. */
export type Fault = "" | "short" | "changed" | "lost" | "doubled" | "swapped";

interface Link {
  sequence: number;
  link: number;
}

export class ChainReader {
  /** Of the last record. */
  intendedUs = 0;
  count = 0;
  readonly #links: Map<number, Link> = new Map();
  /** Only ever one size of value comes, so this is made once. */
  #copy: ByteBlock = heapBlock(HEADER_SIZE);

  /** Takes the record in [start, end) of `block`. */
  take(block: ByteBlock, start: number, end: number): Fault {
    const size = end - start;
    if (size < HEADER_SIZE) return "short";
    if (this.#copy.size < size) this.#copy = heapBlock(Math.ceil(size / 4) * 4);
    const copy = this.#copy;
    copy.bytes.set(block.bytes.subarray(start, end));
    const link = copy.view.getUint32(LINK_AT);
    if (linkOf(copy, size) !== link) return "changed";
    const chain = copy.view.getUint32(0);
    const last = this.#links.get(chain) ?? { sequence: -1, link: 0 };
    const sequence = readU64(copy.view, SEQUENCE_AT);
    this.#links.set(chain, { sequence, link });
    this.intendedUs = readU64(copy.view, INTENDED_AT);
    this.count += 1;
    if (sequence <= last.sequence) return "doubled";
    if (sequence > last.sequence + 1) return "lost";
    return copy.view.getUint32(PREVIOUS_AT) === last.link ? "" : "swapped";
  }
}
