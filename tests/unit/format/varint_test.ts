import assert from "node:assert/strict";
import { test } from "node:test";
import { varintSize, writeVarint } from "../../../src/format/varint.ts";
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
