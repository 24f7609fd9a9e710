/**
 * Cuts a stream of chunks into lines at LF, and at nothing else: CR and NUL are data. Hot.
 *
 *     chunk     …line 1 LF line 2 LF beginning of line 3
 *     next chunk                    end of line 3 LF …
 *
 * A line inside one chunk is shown where it lies; one that crosses chunks is gathered in `carry`.
 * A line above `sizeMax` is counted, not kept, so that memory stays bounded whatever the input
 * is.
 *
 *     splitter.feed(chunk, size);
 *     while (splitter.next()) use(splitter.block, splitter.start, splitter.end);
 *
 * Invariant: the lines are the same wherever the input is cut; the chunk may be used again when
 * `next` has returned false.
 */

import { type ByteBlock, heapBlock } from "../base/bytes.ts";
import { KiB } from "../base/units.ts";
import { copyRange } from "./copy.ts";

const LF = 10;
const FIRST_CARRY: number = 64 * KiB;

export class LineSplitter {
  /** The current line, without its LF: [start, end) of `block`. */
  block: ByteBlock;
  start = 0;
  end = 0;
  /** Above 0: a line is longer than `sizeMax`, and this many bytes of it were seen so far. */
  overlongBytes = 0;
  /** Whether the overlong line has ended, so that its size is known. */
  overlongEnded = false;
  readonly #sizeMax: number;
  #chunk: ByteBlock;
  #at = 0;
  #chunkEnd = 0;
  #carry: ByteBlock = heapBlock(FIRST_CARRY);
  #carried = 0;
  #shown = true;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
    this.#chunk = this.#carry;
    this.block = this.#carry;
  }

  /** Takes the next `size` bytes of the input. Writes an LF behind them, where the search stops. */
  feed(chunk: ByteBlock, size: number): void {
    if (size < chunk.size) chunk.bytes[size] = LF;
    this.#chunk = chunk;
    this.#at = 0;
    this.#chunkEnd = size;
  }

  /** Moves to the next line; false when the chunk is used up or a line is too long. */
  next(): boolean {
    if (this.#at === this.#chunkEnd) return false;
    this.#forgetShown();
    const found = this.#chunk.bytes.indexOf(LF, this.#at);
    const whole = found >= 0 && found < this.#chunkEnd;
    const end = whole ? found : this.#chunkEnd;
    const size = this.#carried + this.overlongBytes + end - this.#at;
    if (size > this.#sizeMax) return this.#countOverlong(size, whole ? end + 1 : end, whole);
    if (whole && this.#carried === 0) {
      this.#show(this.#chunk, this.#at, end);
    } else {
      this.#gather(end);
      if (whole) this.#show(this.#carry, 0, this.#carried);
    }
    this.#at = whole ? end + 1 : end;
    return whole;
  }

  /** At the end of the input: true when a last line without LF is there to be read. */
  finish(): boolean {
    this.#forgetShown();
    if (this.#carried === 0) return false;
    this.#show(this.#carry, 0, this.#carried);
    return true;
  }

  #countOverlong(size: number, at: number, ended: boolean): false {
    this.overlongBytes = size;
    this.overlongEnded = ended;
    this.#carried = 0;
    this.#at = at;
    return false;
  }

  #show(block: ByteBlock, start: number, end: number): void {
    this.block = block;
    this.start = start;
    this.end = end;
    this.#shown = true;
  }

  /** A gathered line is used up when the next one is asked for. */
  #forgetShown(): void {
    if (this.#shown && this.block === this.#carry) this.#carried = 0;
    this.#shown = false;
  }

  /** Keeps the bytes up to `end` of the chunk. */
  #gather(end: number): void {
    const carried = this.#carried + end - this.#at;
    if (carried > this.#carry.size) {
      const larger = heapBlock(Math.max(carried, Math.min(2 * this.#carry.size, this.#sizeMax)));
      larger.bytes.set(this.#carry.bytes.subarray(0, this.#carried));
      this.#carry = larger;
    }
    copyRange(this.#chunk, this.#at, end, this.#carry, this.#carried);
    this.#carried = carried;
  }
}
