import assert from "node:assert/strict";
import { test } from "node:test";
import { varintSize, varlongSize, writeVarint, writeVarlong } from "../../../src/format/varint.ts";
import { varint } from "../../support/batches.ts";

const EDGES = [0, 1, 63, 64, 8191, 8192, 1048575, 1048576, 134217727, 134217728, 2147483647];

test("a varint is that of the independent encoder, and as long as said", () => {
  for (const value of EDGES) {
    const bytes = new Uint8Array(8).fill(0xcc);
    const end = writeVarint(bytes, 1, value);
    assert.deepEqual([...bytes.subarray(1, end)], varint(value), String(value));
    assert.equal(end - 1, varintSize(value));
    assert.equal(bytes[0], 0xcc);
    assert.equal(bytes[end], 0xcc);
  }
});

test("a varlong goes to the edge of 53 bits, and is as long as said", () => {
  const edges = [0, 1, 63, 64, 2 ** 30 - 2, 2 ** 30 - 1, 2 ** 30, 2 ** 31, 2 ** 40 + 7];
  const max = Number.MAX_SAFE_INTEGER;
  for (const value of [...edges, ...edges.map((edge) => -edge - 1), max, max - 1, -max, 1 - max]) {
    const bytes = new Uint8Array(12).fill(0xcc);
    const end = writeVarlong(bytes, 1, value);
    const wide = BigInt(value);
    let zigzag = value < 0 ? -2n * wide - 1n : 2n * wide;
    const expected: number[] = [];
    for (; zigzag > 127n; zigzag >>= 7n) expected.push(Number(zigzag & 127n) | 128);
    expected.push(Number(zigzag));
    assert.deepEqual([...bytes.subarray(1, end)], expected, String(value));
    assert.equal(end - 1, varlongSize(value), String(value));
    assert.equal(bytes[end], 0xcc);
  }
});
