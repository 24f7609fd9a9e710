/** Where the input is cut does not matter, and what is no size is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { heapBlock } from "../../../../src/base/bytes.ts";
import { LengthSplitter } from "../../../../src/cli/produce/length_splitter.ts";
import { FormatError } from "../../../../src/client/record_json.ts";

const INPUT = Uint8Array.of(0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 1, 9);
const WHOLE = [[1, 2, 3], [], [9]];

function split(input: Uint8Array, pieceSize: number): number[][] {
  const splitter = new LengthSplitter(100);
  const found: number[][] = [];
  for (let at = 0; at < input.length; at += pieceSize) {
    const piece = input.subarray(at, at + pieceSize);
    const block = heapBlock(64);
    block.bytes.set(piece);
    splitter.feed(block, piece.length);
    block.bytes.fill(0xcc);
    while (splitter.next()) found.push([...splitter.bytes]);
  }
  splitter.finish();
  return found;
}

test("the pieces are the same wherever the input is cut", () => {
  for (let size = 1; size <= INPUT.length; size += 1) assert.deepEqual(split(INPUT, size), WHOLE);
});

test("an input that ends inside a piece is refused, and so is a size above the limit", () => {
  for (const size of [1, 4, 6, 15]) {
    assert.throws(() => split(INPUT.subarray(0, size), 5), FormatError, `${size} bytes`);
  }
  assert.throws(() => split(Uint8Array.of(0, 0, 0, 101), 4), /101 bytes is above the limit of 100/);
});
