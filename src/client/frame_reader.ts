/**
 * Puts frames together from what the socket hands over, wherever it cuts them.
 *
 *     chunk    …e A | frame B | frame C (be
 *     chunk    ginning above) …
 *
 * A frame gets a block of its own from the pool when its size is known; who receives it gives the
 * block back. So memory is bounded by the replies that were asked for, each by `sizeMax`.
 *
 * Invariant: no block is borrowed for a size that was not compared with `sizeMax`, and the result
 * is the same wherever the bytes are cut.
 */

import { type ByteBlock, heapBlock } from "../base/bytes.ts";
import { BlockPool } from "../base/pool.ts";
import { KiB, MiB } from "../base/units.ts";
import { BLOCK_SIZE_MAX } from "../limits.ts";
import {
  FRAME_SIZE_FIELD,
  FRAME_TOO_LARGE,
  FRAME_TOO_SHORT,
  FRAME_UNKNOWN,
  frameSize,
} from "../native/frame.ts";
import { ProtocolError } from "./errors.ts";

const BLOCK_SIZE_MIN: number = 1 * KiB;
/** Free blocks kept for the next frames. */
const KEEP_BYTES: number = 16 * MiB;

/** Takes one frame of `size` bytes at 0 of `block`; the block is its own from now on. */
export type FrameSink = (block: ByteBlock, size: number) => void;

export class FrameReader {
  /** The largest frame accepted, all bytes counted. */
  sizeMax: number;
  readonly #pool: BlockPool<ByteBlock> = new BlockPool(
    heapBlock,
    BLOCK_SIZE_MIN,
    BLOCK_SIZE_MAX,
    KEEP_BYTES,
  );
  readonly #sink: FrameSink;
  /** The size field of a frame whose first four bytes have not all come. */
  readonly #prefix: ByteBlock = heapBlock(FRAME_SIZE_FIELD);
  #block: ByteBlock | null = null;
  /** Of the frame being received; 0 while unknown. */
  #size = 0;
  #received = 0;

  constructor(sizeMax: number, sink: FrameSink) {
    this.sizeMax = sizeMax;
    this.#sink = sink;
  }

  giveBack(block: ByteBlock): void {
    this.#pool.giveBack(block);
  }

  /** Takes what came; `chunk` may be used again afterwards. Throws ProtocolError. */
  feed(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      at = this.#block === null ? this.#feedPrefix(chunk, at) : this.#feedBody(chunk, at);
    }
  }

  #feedPrefix(chunk: Uint8Array, start: number): number {
    let at = start;
    while (this.#received < FRAME_SIZE_FIELD && at < chunk.length) {
      this.#prefix.bytes[this.#received] = chunk[at]!;
      this.#received += 1;
      at += 1;
    }
    const size = frameSize(this.#prefix, 0, this.#received, this.sizeMax);
    if (size === FRAME_UNKNOWN) return at;
    if (size === FRAME_TOO_SHORT) throw new ProtocolError("a reply is shorter than its header");
    if (size === FRAME_TOO_LARGE) {
      throw new ProtocolError(`a reply is above the limit of ${this.sizeMax} bytes`);
    }
    this.#block = this.#pool.borrow(size);
    this.#block.bytes.set(this.#prefix.bytes, 0);
    this.#size = size;
    return at;
  }

  #feedBody(chunk: Uint8Array, start: number): number {
    const block = this.#block!;
    const taken = Math.min(this.#size - this.#received, chunk.length - start);
    block.bytes.set(chunk.subarray(start, start + taken), this.#received);
    this.#received += taken;
    if (this.#received === this.#size) {
      this.#block = null;
      this.#received = 0;
      this.#sink(block, this.#size);
    }
    return start + taken;
  }
}
