/**
 * JSON as bytes, one part behind the other in room that grows. Hot.
 *
 *     | {"topic":"t", … ,"value":"| bytes as they are |"}          |
 *     0                                                    size     room
 *
 * Text mostly stands in JSON as it stands in its record: it is copied, and looked at four bytes at
 * a time for what JSON escapes. No string is made of it only to be made bytes again.
 *
 * Invariant: text is written as JSON.stringify and UTF-8 write it, byte for byte.
 */

import { isUtf8 } from "node:buffer";
import { KiB } from "../base/units.ts";

const ROOM_MIN = 1024;
/** More is given back when what was written is taken. */
const ROOM_KEPT: number = 128 * KiB;
/** Up to here a loop takes less time than a call into the runtime. */
const SHORT = 64;
const UTF8_PER_UNIT_MAX = 3;
/** So many bytes of a value are looked at before it is copied. */
const SOON = 16;
/** Text with escapes is written in steps: room for the worst case of all of it is much. */
const STEP = 1024;
const ESCAPED_SIZE_MAX = 6;

const ASCII_MAX = 0x7f;
const QUOTE = 0x22;
const ZERO = 0x30;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const HEX = "0123456789abcdef";
/** A byte four times, for what looks at four at once. */
const ONES = 0x01010101;
const HIGH_BITS = 0x80808080;
const SPACES = 0x20202020;
const QUOTES = 0x22222222;
const BACKSLASHES = 0x5c5c5c5c;

/** Numbers are written in two parts, which are integers of 32 bits. */
const LOW_END = 10000000;
const LOW_DIGITS = 7;
const DIGITS_MAX = 16;

/** By byte: what JSON writes behind a backslash in its place; 0: it writes the byte. */
const ESCAPES: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const json = JSON.stringify(String.fromCharCode(byte));
  return json.length === 3 ? 0 : json.charCodeAt(2);
});

const encoder = new TextEncoder();

export class JsonWriter {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** The same, as far as whole words go. */
  #words: Int32Array = new Int32Array(0);
  #size = 0;
  /** Whether the text that was looked at to its end holds more than ASCII. */
  #isHigh = false;

  /** Bytes that were written. */
  get size(): number {
    return this.#size;
  }

  /** A copy of what was written, which the writer forgets. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(0, this.#size);
    this.clear();
    return taken;
  }

  clear(): void {
    this.#size = 0;
    if (this.#bytes.length > ROOM_KEPT) this.#resize(ROOM_KEPT);
  }

  /** Forgets what was written behind a size it had. */
  cutTo(size: number): void {
    this.#size = size;
  }

  /** Bytes as they are. */
  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  /** Text as it is. */
  text(text: string): void {
    this.#reserve(text.length);
    if (text.length > SHORT) return this.#encode(text);
    const bytes = this.#bytes;
    const start = this.#size;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code > ASCII_MAX) return this.#encode(text);
      bytes[start + at] = code;
    }
    this.#size += text.length;
  }

  /** Finds room for as many bytes as it has units, which is enough for ASCII. */
  #encode(text: string): void {
    const { read, written } = encoder.encodeInto(text, this.#bytes.subarray(this.#size));
    this.#size += written;
    if (read === text.length) return;
    const rest = text.slice(read);
    this.#reserve(rest.length * UTF8_PER_UNIT_MAX);
    this.#size += encoder.encodeInto(rest, this.#bytes.subarray(this.#size)).written;
  }

  /** In decimal. Offsets and times by a loop, which takes a quarter of the time of a string. */
  number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) return this.text(String(value));
    this.#reserve(DIGITS_MAX);
    const high = Math.floor(value / LOW_END);
    if (high === 0) return this.#digits(value, digitsOf(value));
    this.#digits(high, digitsOf(high));
    this.#digits(value - high * LOW_END, LOW_DIGITS);
  }

  #digits(value: number, count: number): void {
    const start = this.#size;
    let left = value;
    for (let at = start + count - 1; at >= start; at -= 1) {
      const rest = (left / 10) | 0;
      this.#bytes[at] = ZERO + left - rest * 10;
      left = rest;
    }
    this.#size += count;
  }

  /** A string. False where the bytes are no UTF-8: nothing is written. */
  string(utf8: Uint8Array): boolean {
    const { length } = utf8;
    this.#reserve(length + 2);
    const start = this.#size + 1;
    let plain = 0; // bytes from the first on that stand there as they are
    if (!isEscapedSoon(utf8)) {
      this.#bytes.set(utf8, start);
      plain = this.#plainEnd(start, start + length) - start;
    }
    if ((plain < length || this.#isHigh) && !isUtf8(utf8)) return false;
    this.#bytes[start - 1] = QUOTE;
    this.#size = start + plain;
    if (plain < length) this.#escape(utf8, plain);
    this.#bytes[this.#size] = QUOTE;
    this.#size += 1;
    return true;
  }

  /** Where in [start, end) the first byte stands that JSON escapes, or `end`. */
  #plainEnd(start: number, end: number): number {
    const bytes = this.#bytes;
    const words = this.#words;
    let seen = 0;
    let at = start;
    for (; at < end && (at & 3) !== 0; at += 1) {
      if (ESCAPES[bytes[at]!]! !== 0) return at;
      seen |= bytes[at]!;
    }
    for (; at + 4 <= end; at += 4) {
      const word = words[at >> 2]!;
      const quotes = word ^ QUOTES;
      const backslashes = word ^ BACKSLASHES;
      // A byte below what is taken from it has the high bit then, which it had not. Where none is,
      // none borrows from the next one; so this is right about whether there is one.
      const below = ((word - SPACES) & ~word) | ((quotes - ONES) & ~quotes) |
        ((backslashes - ONES) & ~backslashes);
      if ((below & HIGH_BITS) !== 0) break;
      seen |= word;
    }
    for (; at < end; at += 1) {
      if (ESCAPES[bytes[at]!]! !== 0) return at;
      seen |= bytes[at]!;
    }
    this.#isHigh = (seen & HIGH_BITS) !== 0;
    return end;
  }

  /** The rest of a string, from `from` on, and room for its end. */
  #escape(utf8: Uint8Array, from: number): void {
    for (let start = from; start < utf8.length; start += STEP) {
      this.#reserve(STEP * ESCAPED_SIZE_MAX);
      this.#escapeStep(utf8, start, Math.min(start + STEP, utf8.length));
    }
    this.#reserve(1);
  }

  #escapeStep(utf8: Uint8Array, start: number, end: number): void {
    const bytes = this.#bytes;
    let size = this.#size;
    for (let at = start; at < end; at += 1) {
      const byte = utf8[at]!;
      const letter = ESCAPES[byte]!;
      if (letter === 0) {
        bytes[size] = byte;
        size += 1;
        continue;
      }
      bytes[size] = BACKSLASH;
      bytes[size + 1] = letter;
      size += 2;
      if (letter !== LETTER_U) continue;
      bytes[size] = bytes[size + 1] = ZERO;
      bytes[size + 2] = HEX.charCodeAt(byte >> 4);
      bytes[size + 3] = HEX.charCodeAt(byte & 15);
      size += 4;
    }
    this.#size = size;
  }

  #reserve(size: number): void {
    const needed = this.#size + size;
    if (needed <= this.#bytes.length) return;
    this.#resize(Math.max(needed, 2 * this.#bytes.length, ROOM_MIN));
  }

  #resize(room: number): void {
    const bytes = new Uint8Array(room);
    bytes.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = bytes;
    this.#words = new Int32Array(bytes.buffer, 0, room >> 2);
  }
}

/** JSON and most of what is no text show it at once, and need not be copied to be looked at. */
function isEscapedSoon(utf8: Uint8Array): boolean {
  const end = Math.min(utf8.length, SOON);
  for (let at = 0; at < end; at += 1) {
    if (ESCAPES[utf8[at]!]! !== 0) return true;
  }
  return false;
}

function digitsOf(value: number): number {
  let count = 1;
  for (let end = 10; value >= end; end *= 10) count += 1;
  return count;
}
