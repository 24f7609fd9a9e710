/** CRC-32C against published values, and against its definition. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { heapBlock } from "../../../src/base/bytes.ts";
import { crc32c, crc32cExtend } from "../../../src/base/crc32c.ts";
import { slowCrc32c } from "../../support/batches.ts";
import { forSeeds, Prng } from "../../support/prng.ts";

function of(bytes: Uint8Array, before: number = 0): number {
  const block = heapBlock(before + bytes.length + 8);
  block.bytes.fill(0xa5);
  block.bytes.set(bytes, before);
  return crc32c(block.bytes, block.words, before, bytes.length);
}

test("published values", () => {
  const text = (value: string) => new TextEncoder().encode(value);
  const range = (from: number, step: number) =>
    Uint8Array.from({ length: 32 }, (_, i) => from + step * i);
  const iscsiRead = new Uint8Array(48);
  iscsiRead.set([0x01, 0xc0], 0);
  iscsiRead.set([0x14], 16);
  iscsiRead.set([0x04], 22);
  iscsiRead.set([0x14], 27);
  iscsiRead.set([0x18], 31);
  iscsiRead.set([0x28], 32);
  iscsiRead.set([0x02], 40);
  const vectors: [Uint8Array, number][] = [
    [new Uint8Array(0), 0],
    [text("a"), 0xc1d04330],
    [text("123456789"), 0xe3069283],
    // RFC 3720, B.4
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(255), 0x62a8ab43],
    [range(0, 1), 0x46dd794e],
    [range(31, -1), 0x113fdb5c],
    [iscsiRead, 0xd9963a56],
  ];
  for (const [bytes, expected] of vectors) {
    assert.equal(of(bytes), expected);
    assert.equal(slowCrc32c(bytes), expected, "the oracle agrees");
  }
});

test("every length up to 200 at every alignment", () => {
  const bytes = new Prng(1).bytes(200);
  for (let size = 0; size <= 200; size += 1) {
    const expected = slowCrc32c(bytes.subarray(0, size));
    for (let before = 0; before < 8; before += 1) {
      assert.equal(of(bytes.subarray(0, size), before), expected, `${size} bytes at ${before}`);
    }
  }
});

test("random long inputs", () => {
  forSeeds(30, (prng) => {
    const bytes = prng.bytes(prng.between(1000, 70000));
    assert.equal(of(bytes, prng.below(16)), slowCrc32c(bytes));
  });
});

test("extending over pieces is the checksum of the whole", () => {
  forSeeds(100, (prng) => {
    const bytes = prng.bytes(prng.below(500));
    const block = heapBlock(bytes.length + 8);
    block.bytes.set(bytes);
    let crc = 0;
    for (let at = 0; at < bytes.length;) {
      const size = Math.min(prng.below(120), bytes.length - at);
      crc = crc32cExtend(crc, block.bytes, block.words, at, size);
      at += size;
    }
    assert.equal(crc, slowCrc32c(bytes));
  });
});

test("a range outside of the bytes is a bug", () => {
  const block = heapBlock(16);
  for (const [start, size] of [[0, 17], [16, 1], [-1, 2], [4, -1]] as const) {
    assert.throws(() => crc32c(block.bytes, block.words, start, size), `${start} ${size}`);
  }
});
