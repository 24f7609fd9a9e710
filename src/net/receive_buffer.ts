/**
 * Bytes that came from one socket, up to the frame that is not whole yet. Hot.
 *
 *     block   | parsed frames | frames to parse | partial |    free    |
 *             0               parsed                      received
 *
 * Frames that were parsed in a turn stay where they are until the turn has written them
 * (`compact`): a batch goes to the disk from here. Between turns an empty buffer holds no block.
 *
 * The block of a large frame grows with what has arrived of it, not with what its header declares;
 * who may grow is for the caller to say (`net/receive_budget.ts`).
 *
 * Invariant: 0 <= parsed <= received <= block.size.
 */

import type { Libc, Memory } from "../../ffi/libc.ts";
import { assert } from "../base/assert.ts";
import type { BlockPool } from "../base/pool.ts";
import { BLOCK_GROWTH, LARGE_FRAME_SIZE, RECEIVE_SIZE } from "../limits.ts";

/** What `receive` returns besides a count of bytes and -errno. */
export const PEER_CLOSED = 0;

export class ReceiveBuffer {
  block: Memory | null = null;
  parsed = 0;
  received = 0;
  /** Whole size of the partial frame at `parsed`, where it is known; else 0. */
  frameSize = 0;
  /** A fresh block's size: what one `recv` takes at the most. */
  blockSize: number = RECEIVE_SIZE;
  readonly #pool: BlockPool<Memory>;

  constructor(pool: BlockPool<Memory>) {
    this.#pool = pool;
  }

  get unparsed(): number {
    return this.received - this.parsed;
  }

  /** The block that must be had (`grow`) before the next `receive`; 0: there is room. */
  get wantedSize(): number {
    if (this.block === null || this.received < this.block.size) return 0;
    assert(this.frameSize > this.received, "a frame that the block does not hold");
    const grown = Math.min(this.frameSize, BLOCK_GROWTH * this.received);
    return Math.max(grown, this.blockSize);
  }

  /** Moves the partial frame into a block of `size`, larger than this one. */
  grow(size: number): void {
    this.#move(this.#pool.borrow(size));
  }

  /** One `recv`. Returns the bytes taken, PEER_CLOSED, or -errno (nothing there: -EAGAIN). */
  receive(libc: Libc, fd: number): number {
    assert(this.parsed === 0, "compacted before it is filled again");
    this.block ??= this.#pool.borrow(this.blockSize);
    let size = this.block.size - this.received;
    if (this.frameSize > LARGE_FRAME_SIZE) size = Math.min(size, this.frameSize - this.received);
    assert(size > 0, "room to receive");
    const took = libc.recv(fd, this.block, this.received, size, 0);
    if (took > 0) this.received += took;
    else if (this.received === 0) this.release();
    return took;
  }

  /** Says that the first `size` unparsed bytes were understood. */
  consume(size: number): void {
    this.parsed += size;
    this.frameSize = 0;
    assert(this.parsed <= this.received, "no more than was received");
  }

  /** After the turn's writes: only the partial frame is kept, at the front. */
  compact(): void {
    const block = this.block;
    if (block === null) return;
    if (this.parsed === this.received) {
      this.release();
    } else if (this.parsed > 0) {
      block.bytes.copyWithin(0, this.parsed, this.received);
      this.received -= this.parsed;
      this.parsed = 0;
    }
  }

  /** A partial frame that does not go on moves into the smallest block that holds it. */
  settle(): void {
    const block = this.block;
    if (block === null || block.size <= this.#pool.sizeMin) return;
    assert(this.parsed === 0, "compacted before it is moved");
    if (this.received <= block.size / 4) this.#move(this.#pool.borrow(this.received + 1));
  }

  release(): void {
    if (this.block !== null) this.#pool.giveBack(this.block);
    this.block = null;
    this.parsed = 0;
    this.received = 0;
    this.frameSize = 0;
  }

  #move(to: Memory): void {
    to.bytes.set(this.block!.bytes.subarray(0, this.received));
    this.#pool.giveBack(this.block!);
    this.block = to;
  }
}
