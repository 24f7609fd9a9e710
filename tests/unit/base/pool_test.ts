/** Blocks in classes of powers of two, lent and given back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ByteBlock, heapBlock } from "../../../src/base/bytes.ts";
import { BlockPool } from "../../../src/base/pool.ts";
import { VERIFY } from "../../../src/base/verify.ts";
import { forSeeds } from "../../support/prng.ts";
import { testOrSkip } from "../../support/skip.ts";

const NOT_VERIFYING = VERIFY ? null : "SLUICE_VERIFY is not 1";

function pool(keepBytes: number): { pool: BlockPool<ByteBlock>; made: number[] } {
  const made: number[] = [];
  const allocate = (size: number) => {
    made.push(size);
    return heapBlock(size);
  };
  return { pool: new BlockPool(allocate, 64, 1024, keepBytes), made };
}

test("a block is the smallest class that holds the size", () => {
  const { pool: blocks } = pool(0);
  const sizes: [number, number][] = [[0, 64], [1, 64], [64, 64], [65, 128], [513, 1024], [
    1024,
    1024,
  ]];
  for (const [size, expected] of sizes) assert.equal(blocks.borrow(size).size, expected);
  assert.throws(() => blocks.borrow(1025));
  assert.throws(() => new BlockPool(heapBlock, 65, 1024, 0));
  assert.throws(() => new BlockPool(heapBlock, 64, 1000, 0));
});

test("whatever is lent and given back, the counts are right and what is kept is bounded", () => {
  forSeeds(60, (prng) => {
    const keep = prng.pick([0, 64, 1000, 5000]);
    const { pool: blocks } = pool(keep);
    const lent = new Set<ByteBlock>();
    for (let step = 0; step < 200; step += 1) {
      if (prng.chance(50)) {
        const block = blocks.borrow(prng.between(1, 1024));
        assert.ok(!lent.has(block), "lent once");
        lent.add(block);
      } else if (lent.size > 0) {
        const block = prng.pick([...lent]);
        lent.delete(block);
        blocks.giveBack(block);
      }
      const bytes = [...lent].reduce((sum, { size }) => sum + size, 0);
      assert.equal(blocks.lentBytes, bytes);
      assert.ok(blocks.freeBytes >= 0 && blocks.freeBytes <= keep);
    }
  });
});

test("a block that was given back is lent again, one above the bound is not kept", () => {
  const { pool: blocks, made } = pool(128);
  const [a, b, c] = [blocks.borrow(64), blocks.borrow(64), blocks.borrow(64)];
  for (const block of [a, b, c]) blocks.giveBack(block!);
  assert.equal(blocks.freeBytes, 128);
  const again = new Set([blocks.borrow(10), blocks.borrow(20)]);
  assert.deepEqual(again, new Set([a, b]));
  assert.equal(made.length, 3);
  blocks.borrow(30);
  assert.equal(made.length, 4);
});

testOrSkip("what is given back is poisoned", NOT_VERIFYING, () => {
  const { pool: blocks } = pool(1024);
  const block = blocks.borrow(64);
  blocks.giveBack(block);
  assert.ok(block.bytes.every((byte) => byte === 0xcc));
});

testOrSkip("giving a block back twice is found", NOT_VERIFYING, () => {
  const { pool: blocks } = pool(1024);
  const [block] = [blocks.borrow(64), blocks.borrow(64)];
  blocks.giveBack(block!);
  assert.throws(() => blocks.giveBack(block!));
});

test("giving back more than was lent is found", () => {
  const { pool: blocks } = pool(1024);
  blocks.giveBack(blocks.borrow(64));
  assert.throws(() => blocks.giveBack(heapBlock(64)));
});

test("a block of fast memory is kept, whatever is free", () => {
  const part = (size: number): ByteBlock => ({ ...heapBlock(size), offset: 64 });
  const blocks = new BlockPool(part, 64, 1024, 0);
  const block = blocks.borrow(64);
  blocks.giveBack(block);
  assert.equal(blocks.freeBytes, 64);
  assert.equal(blocks.borrow(64), block);
});
