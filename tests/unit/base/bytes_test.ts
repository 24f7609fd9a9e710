/** 64-bit numbers as two words, against the runtime's own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  heapBlock,
  isSafeU64,
  readI64,
  readU64,
  writeI64,
  writeU64,
} from "../../../src/base/bytes.ts";
import { forSeeds, type Prng } from "../../support/prng.ts";

const MAX = Number.MAX_SAFE_INTEGER;
const EDGES = [0, 1, 255, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 52, MAX];

function random(prng: Prng): number {
  return prng.below(2 ** 21) * 2 ** 32 + prng.next();
}

test("numbers up to 2^53 - 1 are written and read exactly", () => {
  const { view } = heapBlock(16);
  const check = (value: number) => {
    writeU64(view, 3, value);
    assert.equal(view.getBigUint64(3), BigInt(value));
    assert.equal(readU64(view, 3), value);
    for (const signed of [value, -value]) {
      writeI64(view, 3, signed);
      assert.equal(view.getBigInt64(3), BigInt(signed));
      assert.equal(readI64(view, 3), signed === 0 ? 0 : signed);
    }
  };
  for (const value of EDGES) check(value);
  forSeeds(500, (prng) => check(random(prng)));
});

test("what does not fit 53 bits is recognised", () => {
  const { view } = heapBlock(8);
  for (const value of [0n, 1n, 2n ** 52n, 2n ** 53n - 1n]) {
    view.setBigUint64(0, value);
    assert.equal(isSafeU64(view, 0), true, String(value));
  }
  for (const value of [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
    view.setBigUint64(0, value);
    assert.equal(isSafeU64(view, 0), false, String(value));
  }
});

test("a block's bytes, words and view are the same memory", () => {
  const block = heapBlock(11);
  assert.deepEqual([block.size, block.bytes.length, block.words.length], [11, 11, 2]);
  block.view.setInt32(4, -2, true);
  assert.equal(block.words[1], -2);
  assert.deepEqual([...block.bytes.subarray(4, 8)], [254, 255, 255, 255]);
});
