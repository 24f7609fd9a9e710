/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), the checksum of a record batch. Hot.
 *
 * Four streams run over every fourth 32-bit word, so that the processor has four independent
 * chains of look-ups to overlap:
 *
 *     word    0   1   2   3   4   5   6   7   8 …
 *     stream  a   b   c   d   a   b   c   d   a
 *
 * A step moves a stream by 16 bytes, which is a look-up in four tables that already hold the
 * effect of 16 zero bytes. The last four words are looked up in all sixteen, which brings the
 * streams together. It works on any bytes; what a shard receives is summed by `crc32c_simd.ts`.
 *
 * Invariant: the words are little-endian, as on every machine that Sluice runs on (asserted at
 * load).
 */

import { assert } from "./assert.ts";

const POLYNOMIAL = 0x82f63b78;
/** STEP[k][byte]: the effect of `byte` followed by k zero bytes. */
export const STEP: readonly Int32Array[] = buildTables(16);
type Tables = readonly [Int32Array, Int32Array, Int32Array, Int32Array];
const [after0, after1, after2, after3] = STEP.slice(0, 4) as unknown as Tables;
const [after4, after5, after6, after7] = STEP.slice(4, 8) as unknown as Tables;
const [after8, after9, after10, after11] = STEP.slice(8, 12) as unknown as Tables;
const [after12, after13, after14, after15] = STEP.slice(12) as unknown as Tables;

assert(new Uint8Array(new Uint32Array([1]).buffer)[0] === 1, "the machine is little-endian");

/** The checksum of `size` bytes from `start`, as an unsigned number. */
export function crc32c(bytes: Uint8Array, words: Int32Array, start: number, size: number): number {
  return crc32cExtend(0, bytes, words, start, size);
}

/** Goes on from the checksum of the bytes before. */
export function crc32cExtend(
  crc: number,
  bytes: Uint8Array,
  words: Int32Array,
  start: number,
  size: number,
): number {
  assert(start >= 0 && size >= 0 && start + size <= bytes.length, "the range lies inside");
  const end = start + size;
  let at = start;
  let state = ~crc;
  while (at < end && (at & 3) !== 0) {
    state = after0[(state ^ bytes[at]!) & 255]! ^ (state >>> 8);
    at += 1;
  }
  const blocks = (end - at) >> 4;
  if (blocks > 1) {
    state = foldBlocks(state, words, at >> 2, blocks);
    at += blocks << 4;
  }
  while (at < end) {
    state = after0[(state ^ bytes[at]!) & 255]! ^ (state >>> 8);
    at += 1;
  }
  return ~state >>> 0;
}

/** The state of a checksum behind `blocks` groups of four words, of which there is one at least. */
function foldBlocks(
  state: number,
  words: Int32Array,
  from: number,
  blocks: number,
): number {
  let at = from;
  let a = state;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let left = blocks - 1; left > 0; left -= 1) {
    const wordA = words[at]! ^ a;
    const wordB = words[at + 1]! ^ b;
    const wordC = words[at + 2]! ^ c;
    const wordD = words[at + 3]! ^ d;
    at += 4;
    a = after15[wordA & 255]! ^ after14[(wordA >>> 8) & 255]! ^
      after13[(wordA >>> 16) & 255]! ^ after12[wordA >>> 24]!;
    b = after15[wordB & 255]! ^ after14[(wordB >>> 8) & 255]! ^
      after13[(wordB >>> 16) & 255]! ^ after12[wordB >>> 24]!;
    c = after15[wordC & 255]! ^ after14[(wordC >>> 8) & 255]! ^
      after13[(wordC >>> 16) & 255]! ^ after12[wordC >>> 24]!;
    d = after15[wordD & 255]! ^ after14[(wordD >>> 8) & 255]! ^
      after13[(wordD >>> 16) & 255]! ^ after12[wordD >>> 24]!;
  }
  const wordA = words[at]! ^ a;
  const wordB = words[at + 1]! ^ b;
  const wordC = words[at + 2]! ^ c;
  const wordD = words[at + 3]! ^ d;
  return after15[wordA & 255]! ^ after14[(wordA >>> 8) & 255]! ^
    after13[(wordA >>> 16) & 255]! ^ after12[wordA >>> 24]! ^
    after11[wordB & 255]! ^ after10[(wordB >>> 8) & 255]! ^
    after9[(wordB >>> 16) & 255]! ^ after8[wordB >>> 24]! ^
    after7[wordC & 255]! ^ after6[(wordC >>> 8) & 255]! ^
    after5[(wordC >>> 16) & 255]! ^ after4[wordC >>> 24]! ^
    after3[wordD & 255]! ^ after2[(wordD >>> 8) & 255]! ^
    after1[(wordD >>> 16) & 255]! ^ after0[wordD >>> 24]!;
}

function buildTables(count: number): Int32Array[] {
  const tables: Int32Array[] = [];
  const first = new Int32Array(256);
  for (let byte = 0; byte < 256; byte += 1) {
    let state = byte;
    for (let bit = 0; bit < 8; bit += 1) {
      state = (state & 1) !== 0 ? (state >>> 1) ^ POLYNOMIAL : state >>> 1;
    }
    first[byte] = state;
  }
  tables.push(first);
  for (let k = 1; k < count; k += 1) {
    const previous = tables[k - 1]!;
    const next = new Int32Array(256);
    for (let byte = 0; byte < 256; byte += 1) {
      const state = previous[byte]!;
      next[byte] = first[state & 255]! ^ (state >>> 8);
    }
    tables.push(next);
  }
  return tables;
}
