import assert from "node:assert/strict";
import { test } from "node:test";
import type { ByteBlock } from "../../../src/base/bytes.ts";
import { ProtocolError } from "../../../src/client/errors.ts";
import { FrameReader } from "../../../src/client/frame_reader.ts";
import { frame } from "./fake_broker.ts";

const STREAM = Uint8Array.from([
  ...frame(0, 1, new Uint8Array(0)),
  ...frame(20, 2, Uint8Array.of(0, 1, 65)),
  ...frame(0, 3, new Uint8Array(50).fill(7)),
]);

/** The frames found when the bytes come in these pieces. */
function framesOf(pieces: Uint8Array[]): number[][] {
  const frames: number[][] = [];
  const reader: FrameReader = new FrameReader(1024, (block: ByteBlock, size: number) => {
    frames.push([...block.bytes.subarray(0, size)]);
    block.bytes.fill(0xcc);
    reader.giveBack(block);
  });
  for (const piece of pieces) reader.feed(piece);
  return frames;
}

test("where the bytes are cut does not matter", () => {
  const whole = framesOf([STREAM]);
  assert.deepEqual(whole.flat(), [...STREAM]);
  assert.equal(whole.length, 3);
  for (let cut = 0; cut <= STREAM.length; cut += 1) {
    assert.deepEqual(framesOf([STREAM.subarray(0, cut), STREAM.subarray(cut)]), whole);
  }
  const bytes = [...STREAM].map((byte) => Uint8Array.of(byte));
  assert.deepEqual(framesOf(bytes), whole);
});

test("a size below a header's and one above the limit are refused at the fourth byte", () => {
  for (const size of [0, 7, 1021, 0xffffffff]) {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, size);
    const reader = new FrameReader(1024, () => assert.fail("no frame"));
    reader.feed(bytes.subarray(0, 3));
    assert.throws(() => reader.feed(bytes.subarray(3)), ProtocolError, String(size));
  }
  const exact = frame(0, 1, new Uint8Array(1012));
  assert.equal(framesOf([exact]).length, 1, "the limit itself is allowed");
});
