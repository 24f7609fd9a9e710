/** The frame's header, and the hot bodies whose offsets stand in two places. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { heapBlock } from "../../../src/base/bytes.ts";
import {
  FetchAt,
  FetchReplyAt,
  FRAME_TOO_LARGE,
  FRAME_TOO_SHORT,
  FRAME_UNKNOWN,
  frameSize,
  ProduceAt,
  ProduceReplyAt,
  writeFrameHeader,
} from "../../../src/native/frame.ts";
import { operation } from "../../../src/native/operations.ts";
import { sizeMin, type Table } from "../../../src/native/table.ts";

test("the size of a frame is known from its first four bytes, and not before", () => {
  const block = heapBlock(64);
  const at = 7;
  const sizeOf = (field: number, received: number, max: number) => {
    block.view.setUint32(at, field);
    return frameSize(block, at, received, max);
  };
  for (let received = at; received < at + 4; received += 1) {
    assert.equal(sizeOf(8, received, 100), FRAME_UNKNOWN);
  }
  assert.equal(sizeOf(8, at + 4, 100), 12);
  for (let field = 0; field < 8; field += 1) {
    assert.equal(sizeOf(field, at + 4, 100), FRAME_TOO_SHORT);
  }
  assert.equal(sizeOf(96, at + 4, 100), 100);
  assert.equal(sizeOf(97, at + 4, 100), FRAME_TOO_LARGE);
  for (const giant of [2147483647, 2147483648, 4294967292, 4294967295]) {
    assert.equal(sizeOf(giant, at + 4, 100), FRAME_TOO_LARGE);
  }
});

test("a header is written as the picture says", () => {
  const block = heapBlock(16);
  block.bytes.fill(0xee);
  writeFrameHeader(block.view, 2, 300, 513, 7, 4278190337);
  const bytes = [0, 0, 1, 40, 2, 1, 7, 0, 255, 0, 1, 1];
  assert.deepEqual([...block.bytes], [0xee, 0xee, ...bytes, 0xee, 0xee]);
});

test("the offsets of the hot bodies are those of the tables", () => {
  check(operation("produce").request, ProduceAt);
  check(operation("produce").reply, ProduceReplyAt);
  check(operation("fetch").request, FetchAt);
  check(operation("fetch").reply, FetchReplyAt);
});

function check(table: Table, at: Readonly<Record<string, number>>): void {
  let offset = 0;
  for (const [name, type] of table) {
    if (name in at || !name.startsWith("reserved")) assert.equal(at[name], offset, name);
    offset += sizeMin(type);
  }
  if ("size" in at) assert.equal(at["size"], offset, "size");
}
