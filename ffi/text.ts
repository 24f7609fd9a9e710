/**
 * C strings: UTF-8 with a final zero, in a block made once.
 *
 *   block   | bytes of the text | 0 | old bytes … |
 *
 * Invariant: a text that holds a zero or does not fit is refused; C would see another text.
 */

import { Block } from "./block.ts";
import { EINVAL, ENAMETOOLONG } from "./constants.ts";
import type { Address, Native } from "./native.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Room for one string at a time. */
export class CString {
  readonly address: Address;
  readonly #block: Block;
  readonly #room: Uint8Array<ArrayBuffer>;

  /** `sizeMax` bytes, without the final zero. */
  constructor(native: Native, sizeMax: number) {
    this.#block = new Block(native, sizeMax + 1);
    this.#room = this.#block.bytes.subarray(0, sizeMax);
    this.address = this.#block.address;
  }

  /** Returns its size in bytes without the final zero; -EINVAL for a zero in it, -ENAMETOOLONG. */
  set(text: string): number {
    if (text.includes("\0")) return -EINVAL;
    const { read, written } = encoder.encodeInto(text, this.#room);
    if (read < text.length) return -ENAMETOOLONG;
    this.#block.bytes[written] = 0;
    return written;
  }

  /** What C wrote, up to its final zero. */
  get(): string {
    return decodeCString(this.#block.bytes, 0, this.#block.size);
  }
}

/** The text from `start` to the first zero, at most to `end`. Bytes that are not UTF-8: U+FFFD. */
export function decodeCString(bytes: Uint8Array, start: number, end: number): string {
  const zero = bytes.indexOf(0, start);
  return decodeText(bytes, start, zero < 0 || zero > end ? end : zero);
}

export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end));
}

/** Writes `text` at `start`, at most up to `end`. Returns the end of it, or -1: does not fit. */
export function encodeText(text: string, bytes: Uint8Array, start: number, end: number): number {
  const { read, written } = encoder.encodeInto(text, bytes.subarray(start, end));
  return read < text.length ? -1 : start + written;
}
