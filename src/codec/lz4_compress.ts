/**
 * Writes an lz4 frame: independent blocks of 64 KiB, header checksum, no other checksum; the
 * shape that Kafka's Java client writes. A block that would not shrink is stored.
 *
 * The search is the plain one: a table from the hash of four bytes to where they stood last.
 *
 * Invariant: a block ends with at least 5 literals and no match begins in its last 12 bytes, as
 * the format demands of an encoder.
 */

import { xxhash32 } from "./xxhash32.ts";

export const LZ4_MAGIC = 0x184d2204;

const BLOCK_SIZE = 65536;
/** Version 1, independent blocks. */
const FLAGS = 0x60;
/** Blocks of up to 64 KiB. */
const BLOCK_SIZE_CODE = 0x40;
const HEADER_SIZE = 7;
const STORED_BIT = 0x80000000;
const HASH_BITS = 14;
const MATCH_SIZE_MIN = 4;
const LAST_LITERALS = 5;
const MATCH_MARGIN = 12;

export function compressLz4(bytes: Uint8Array): Uint8Array {
  const blocks = Math.ceil(bytes.length / BLOCK_SIZE);
  const output = new Uint8Array(HEADER_SIZE + bytes.length + 4 * blocks + 4);
  const view = new DataView(output.buffer);
  view.setUint32(0, LZ4_MAGIC, true);
  output[4] = FLAGS;
  output[5] = BLOCK_SIZE_CODE;
  output[6] = xxhash32(output, 4, 6) >>> 8;
  const table = new Int32Array(1 << HASH_BITS);
  let to = HEADER_SIZE;
  for (let from = 0; from < bytes.length; from += BLOCK_SIZE) {
    const block = bytes.subarray(from, from + BLOCK_SIZE);
    const room = output.subarray(to + 4, to + 4 + block.length);
    const size = compressBlock(block, room, table);
    const isStored = size === 0;
    if (isStored) room.set(block);
    view.setUint32(to, isStored ? block.length + STORED_BIT : size, true);
    to += 4 + (isStored ? block.length : size);
  }
  return output.subarray(0, to + 4); // the end mark is four zeros
}

/** Returns the size, or 0 when it would not be smaller than the input. */
function compressBlock(input: Uint8Array, output: Uint8Array, table: Int32Array): number {
  table.fill(-1);
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const lastStart = input.length - MATCH_MARGIN;
  const matchEnd = input.length - LAST_LITERALS;
  let anchor = 0;
  let to = 0;
  for (let at = 0; at < lastStart;) {
    const word = view.getUint32(at, true);
    const hash = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
    const candidate = table[hash]!;
    table[hash] = at;
    if (candidate < 0 || view.getUint32(candidate, true) !== word) {
      at += 1;
      continue;
    }
    let size = MATCH_SIZE_MIN;
    while (at + size < matchEnd && input[at + size] === input[candidate + size]) size += 1;
    to = sequence(input.subarray(anchor, at), at - candidate, size, output, to);
    if (to === 0) return 0;
    at += size;
    anchor = at;
  }
  return sequence(input.subarray(anchor), 0, 0, output, to);
}

/** Literals and a match, or the last literals where `match` is 0. Returns 0 where no room is. */
function sequence(
  literals: Uint8Array,
  offset: number,
  match: number,
  output: Uint8Array,
  to: number,
): number {
  const matchCode = Math.max(0, match - MATCH_SIZE_MIN);
  const sizeMax = 1 + literals.length / 255 + 1 + literals.length + 2 + matchCode / 255 + 1;
  if (to + sizeMax > output.length) return 0;
  output[to] = (Math.min(literals.length, 15) << 4) | Math.min(matchCode, 15);
  let at = moreLength(literals.length, output, to + 1);
  output.set(literals, at);
  at += literals.length;
  if (match === 0) return at;
  output[at] = offset;
  output[at + 1] = offset >> 8;
  return moreLength(matchCode, output, at + 2);
}

function moreLength(length: number, output: Uint8Array, to: number): number {
  if (length < 15) return to;
  let at = to;
  let rest = length - 15;
  for (; rest >= 255; rest -= 255) output[at++] = 255;
  output[at] = rest;
  return at + 1;
}
