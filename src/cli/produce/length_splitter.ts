/**
 * Cuts a stream of chunks into pieces that each have their size before them.
 *
 *     u32 size (big-endian) | bytes | u32 size | bytes | …
 *
 * The same shape as `LineSplitter`: feed, then next until it is false. A piece above `sizeMax` is
 * an error, because nothing behind a wrong size can be trusted.
 *
 * Invariant: the pieces are the same wherever the input is cut.
 */

import type { ByteBlock } from "../../base/bytes.ts";
import { FormatError } from "../../client/record_json.ts";

const PREFIX_SIZE = 4;

export class LengthSplitter {
  /** The current piece. */
  bytes: Uint8Array = new Uint8Array(0);
  readonly #sizeMax: number;
  /** What came and was not shown yet. */
  #held: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  /** Takes the next `size` bytes of the input, which are copied. */
  feed(chunk: ByteBlock, size: number): void {
    const left = this.#held.subarray(this.#at);
    const held = new Uint8Array(left.length + size);
    held.set(left);
    held.set(chunk.bytes.subarray(0, size), left.length);
    this.#held = held;
    this.#at = 0;
  }

  /** Moves to the next piece; false when there is no whole one. Throws FormatError. */
  next(): boolean {
    const left = this.#held.length - this.#at;
    if (left < PREFIX_SIZE) return false;
    const view = new DataView(this.#held.buffer, this.#held.byteOffset + this.#at);
    const size = view.getUint32(0);
    if (size > this.#sizeMax) {
      throw new FormatError(`a size of ${size} bytes is above the limit of ${this.#sizeMax}`);
    }
    if (left < PREFIX_SIZE + size) return false;
    const start = this.#at + PREFIX_SIZE;
    this.bytes = this.#held.subarray(start, start + size);
    this.#at = start + size;
    return true;
  }

  /** At the end of the input: throws FormatError when a piece is cut. */
  finish(): void {
    const left = this.#held.length - this.#at;
    if (left > 0) throw new FormatError(`the input ends inside a record, ${left} bytes into it`);
  }
}
