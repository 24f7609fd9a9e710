/** zstd: what the runtimes let pass, which is why frames are walked first. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CodecFailure } from "../../../src/codec/failure.ts";
import { compressZstd, decompressZstd } from "../../../src/codec/zstd.ts";
import { concat } from "../../support/batches.ts";

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
const HELLO = compressZstd(new TextEncoder().encode("hello"));

function outcome(bytes: Uint8Array | readonly number[], outputMax = 100): string {
  const result = decompressZstd(Uint8Array.from(bytes), outputMax);
  if (result instanceof CodecFailure) return result.kind;
  return `"${new TextDecoder("latin1").decode(result)}"`;
}

function skippable(kind: number, size: number): Uint8Array {
  const bytes = new Uint8Array(8 + size).fill(7);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x184d2a50 + kind, true);
  view.setUint32(4, size, true);
  return bytes;
}

test("frames follow one another, and skippable ones are skipped", () => {
  assert.equal(outcome(HELLO), '"hello"');
  assert.equal(outcome(concat([HELLO, HELLO])), '"hellohello"');
  assert.equal(outcome(concat([HELLO, HELLO]), 9), "too_large");
  assert.equal(outcome(concat([skippable(0, 3), HELLO, skippable(15, 0)])), '"hello"');
  assert.equal(outcome(skippable(2, 5)), "malformed", "no frame with content");
  assert.equal(outcome(concat([HELLO, skippable(2, 5).subarray(0, 12)])), "malformed", "cut");
});

test("a second frame that is cut is refused", () => {
  for (let size = 1; size < HELLO.length; size += 1) {
    assert.equal(outcome(concat([HELLO, HELLO.subarray(0, size)])), "malformed", `${size} bytes`);
  }
});

test("very many frames are refused: each costs a decoder", () => {
  assert.equal(outcome(concat(new Array<Uint8Array>(257).fill(HELLO)), 100000), "malformed");
});

test("blocks kept as they are, or of one byte repeated, are walked", () => {
  // No single segment, a window of 1 KiB; a raw block of 2 bytes, then "x" three times.
  const raw = [...MAGIC, 0, 0, 0x10, 0, 0, 104, 105, 0x1b, 0, 0, 120];
  assert.equal(outcome(raw), '"hixxx"');
  assert.equal(outcome(raw.slice(0, -1)), "malformed");
  const reserved = [...MAGIC, 0, 0, 0x07, 0, 0];
  assert.equal(outcome(reserved), "malformed");
});

test("a content size above the bound fails before the decoder is made", () => {
  const promise = [...MAGIC, 0xa0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0];
  assert.equal(outcome(promise), "too_large");
  assert.notEqual(outcome([...MAGIC, 0x20, 9, 1, 0, 0]), '""', "a size that is not held");
});

test("a window above 8 MiB and above the bound is refused", () => {
  const window = (exponent: number) => [...MAGIC, 0, (exponent - 10) << 3, 0x11, 0, 0, 104, 105];
  const withWindow = (exponent: number, outputMax: number) => outcome(window(exponent), outputMax);
  assert.equal(withWindow(23, 100), '"hi"');
  assert.equal(withWindow(24, 100), "too_large");
  assert.equal(withWindow(24, 2 ** 24), '"hi"');
});

test("a frame that does not say its size is stopped at the bound", () => {
  const blocks = 512;
  const blockSize = 131072;
  const frame = new Uint8Array(6 + 4 * blocks);
  frame.set([...MAGIC, 0, 7 << 3]); // a window of 128 KiB
  for (let at = 0; at < blocks; at += 1) {
    const header = (blockSize << 3) | 2 | (at === blocks - 1 ? 1 : 0);
    frame.set([header & 255, (header >> 8) & 255, header >> 16, 120], 6 + 4 * at);
  }
  const size = blocks * blockSize;
  const startMs = performance.now();
  const whole = decompressZstd(frame, size);
  const wholeMs = performance.now() - startMs;
  assert.ok(whole instanceof Uint8Array && whole.length === size && whole[size - 1] === 120);
  const againMs = performance.now();
  for (let at = 0; at < 10; at += 1) assert.equal(outcome(frame, 4096), "too_large");
  const cutMs = (performance.now() - againMs) / 10;
  assert.ok(cutMs < wholeMs / 4, `${cutMs} ms of ${wholeMs} ms`);
});
