/**
 * Bytes that came from one socket, up to the frame that is not whole yet. Hot.
 *
 *     block   | parsed frames | frames to parse | partial |    free    |
 *             0               parsed                      received
 *
 * Frames that were parsed in a turn stay where they are until the turn has written them
 * (`compact`): a batch goes to the disk from here. Between turns an empty buffer holds no block.
 *
 * Invariant: 0 <= parsed <= received <= block.size.
 */

import type { Libc, Memory } from "../../ffi/libc.ts";
import { assert } from "../base/assert.ts";
import type { BlockPool } from "../base/pool.ts";
import { LARGE_FRAME_SIZE, RECEIVE_SIZE } from "../limits.ts";

/** What `receive` returns besides a count of bytes and -errno. */
export const PEER_CLOSED = 0;

export class ReceiveBuffer {
  block: Memory | null = null;
  parsed = 0;
  received = 0;
  /** Whole size of the partial frame at `parsed`, where it is known; else 0. */
  frameSize = 0;
  readonly #pool: BlockPool<Memory>;

  constructor(pool: BlockPool<Memory>) {
    this.#pool = pool;
  }

  get unparsed(): number {
    return this.received - this.parsed;
  }

  /** One `recv`. Returns the bytes taken, PEER_CLOSED, or -errno (nothing there: -EAGAIN). */
  receive(libc: Libc, fd: number): number {
    this.#makeRoom();
    const block = this.block!;
    let size = block.size - this.received;
    if (this.frameSize > LARGE_FRAME_SIZE) size = this.frameSize - this.unparsed;
    assert(size > 0, "room to receive");
    const took = libc.recv(fd, block, this.received, size, 0);
    if (took > 0) this.received += took;
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
      this.parsed = 0;
      this.received = 0;
      this.release();
    } else if (this.parsed > 0) {
      block.bytes.copyWithin(0, this.parsed, this.received);
      this.received -= this.parsed;
      this.parsed = 0;
    }
  }

  release(): void {
    if (this.block !== null) this.#pool.giveBack(this.block);
    this.block = null;
    this.parsed = 0;
    this.received = 0;
    this.frameSize = 0;
  }

  /** A block with room for the partial frame, or for whatever comes. Nothing parsed is moved. */
  #makeRoom(): void {
    if (this.block === null) {
      this.block = this.#pool.borrow(RECEIVE_SIZE);
      return;
    }
    assert(this.parsed === 0, "compacted before it is filled again");
    const wanted = Math.max(this.frameSize, RECEIVE_SIZE);
    const full = this.received === this.block.size;
    if (wanted <= this.block.size && !full) return;
    const larger = this.#pool.borrow(full ? Math.max(wanted, 2 * this.block.size) : wanted);
    larger.bytes.set(this.block.bytes.subarray(0, this.received));
    this.#pool.giveBack(this.block);
    this.block = larger;
  }
}
