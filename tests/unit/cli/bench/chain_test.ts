/** A reader accepts what a writer made, in its order, and names what is not so. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ByteBlock } from "../../../../src/base/bytes.ts";
import { heapBlock } from "../../../../src/base/bytes.ts";
import { ChainReader, ChainWriter, filledBlock } from "../../../../src/cli/bench/chain.ts";

const SIZE = 77;

/** The first `count` values of a chain. */
function values(chain: number, count: number): ByteBlock[] {
  const block = filledBlock(SIZE);
  const writer = new ChainWriter(chain, block, SIZE);
  const made = Array.from({ length: count }, (_, index) => {
    writer.next(index * 1000);
    const copy = heapBlock(80);
    copy.bytes.set(block.bytes.subarray(0, SIZE), 3);
    return copy;
  });
  assert.equal(writer.count, count);
  return made;
}

function take(reader: ChainReader, block: ByteBlock): string {
  return reader.take(block, 3, 3 + SIZE);
}

test("chains that share a reader are kept apart", () => {
  const [a, b] = [values(1, 3), values(2, 3)];
  const reader = new ChainReader();
  for (const block of [a[0]!, b[0]!, b[1]!, a[1]!, a[2]!, b[2]!]) {
    assert.equal(take(reader, block), "");
  }
  assert.equal(reader.count, 6);
  assert.equal(reader.intendedUs, 2000);
});

describe("what is wrong has a name", () => {
  test("one is lost, and what follows is whole again", () => {
    const [first, , third, fourth] = values(1, 4);
    const reader = new ChainReader();
    assert.equal(take(reader, first!), "");
    assert.equal(take(reader, third!), "lost");
    assert.equal(take(reader, fourth!), "");
  });

  test("one comes twice", () => {
    const [first, second] = values(1, 2);
    const reader = new ChainReader();
    assert.equal(take(reader, first!), "");
    assert.equal(take(reader, second!), "");
    assert.equal(take(reader, second!), "doubled");
  });

  test("any byte is changed", () => {
    for (let at = 0; at < SIZE; at += 1) {
      const [first] = values(1, 1);
      first!.bytes[3 + at]! ^= 1;
      assert.equal(take(new ChainReader(), first!), "changed", `byte ${at}`);
    }
  });

  test("a record of another run stands in its place", () => {
    const [first] = values(1, 1);
    const other = filledBlock(SIZE);
    const writer = new ChainWriter(1, other, SIZE);
    writer.next(5);
    writer.next(6);
    const reader = new ChainReader();
    assert.equal(take(reader, first!), "");
    assert.equal(reader.take(other, 0, SIZE), "swapped");
  });

  test("a value that is no record of a bench", () => {
    assert.equal(new ChainReader().take(heapBlock(8), 0, 8), "short");
  });
});
