import assert from "node:assert/strict";
import { test } from "node:test";
import { heapBlock } from "../../../src/base/bytes.ts";
import { copyRange } from "../../../src/client/copy.ts";

test("every size around the limit and every alignment is copied, and nothing beside it", () => {
  const from = heapBlock(256);
  from.bytes.forEach((_byte, index) => from.bytes[index] = (index * 7 + 1) & 255);
  for (let size = 0; size <= 130; size += 1) {
    for (let start = 0; start < 5; start += 1) {
      const to = heapBlock(256);
      const at = 3 + (size & 3);
      copyRange(from, start, start + size, to, at);
      const expected = new Uint8Array(256);
      expected.set(from.bytes.subarray(start, start + size), at);
      assert.deepEqual(to.bytes, expected, `${size} bytes from ${start}`);
    }
  }
});

test("the last bytes of a block are copied to the last bytes of another", () => {
  const from = heapBlock(16);
  from.bytes.fill(9);
  const to = heapBlock(8);
  copyRange(from, 11, 16, to, 3);
  assert.deepEqual([...to.bytes], [0, 0, 0, 9, 9, 9, 9, 9]);
});
