/** CRC-32C by vectors against its definition, and the numbers it is made of against P. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ByteBlock, heapBlock } from "../../../src/base/bytes.ts";
import {
  blockCrc32c,
  FAR_DISTANCES,
  type FastMemory,
  NEAR_IMAGES,
  NEAR_VECTORS,
  openFastMemory,
} from "../../../src/base/crc32c_simd.ts";
import { PAGE_SIZE } from "../../../src/base/wasm.ts";
import { slowCrc32c } from "../../support/batches.ts";
import { forSeeds, Prng } from "../../support/prng.ts";

const ROOM = 4 * 1024 * 1024;
const fast: FastMemory = openFastMemory(ROOM)!;
const block: ByteBlock = blockOf(fast.take(2 * 1024 * 1024)!);

function blockOf(bytes: Uint8Array<ArrayBuffer>): ByteBlock {
  const { buffer, byteOffset: offset, byteLength: size } = bytes;
  return {
    size,
    offset,
    bytes,
    words: new Int32Array(buffer, offset, size >> 2),
    view: new DataView(buffer, offset, size),
  };
}

/** The checksum of `bytes` at `before`, between bytes that must not count. */
function of(bytes: Uint8Array, before: number): number {
  block.bytes.fill(0xa5, Math.max(0, before - 128), before);
  block.bytes.set(bytes, before);
  block.bytes.fill(0x5a, before + bytes.length, before + bytes.length + 128);
  return blockCrc32c(block, before, bytes.length);
}

test("every engine here has vectors, and the memory is made once", () => {
  assert.equal(openFastMemory(1), fast);
  assert.equal(fast.buffer.byteLength, ROOM + PAGE_SIZE);
});

test("every size up to 2,000, at an alignment that goes round", () => {
  const bytes = new Prng(1).bytes(2000);
  for (let size = 0; size <= bytes.length; size += 1) {
    const part = bytes.subarray(0, size);
    assert.equal(of(part, size % 17), slowCrc32c(part), `${size} bytes at ${size % 17}`);
  }
});

test("every alignment at the sizes where something changes", () => {
  const bytes = new Prng(2).bytes(30000);
  for (const edge of [192, 224, 304, 1003, 1536, 8192, 8528, 16384, 24912]) {
    for (let size = edge - 2; size <= edge + 2; size += 1) {
      const expected = slowCrc32c(bytes.subarray(0, size));
      for (let before = 0; before < 16; before += 1) {
        assert.equal(of(bytes.subarray(0, size), before), expected, `${size} bytes at ${before}`);
      }
    }
  }
});

test("every single bit counts", () => {
  const bytes = new Uint8Array(1700);
  const seen = new Set([of(bytes, 5)]);
  for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
    block.bytes[5 + (bit >>> 3)]! ^= 1 << (bit & 7);
    seen.add(blockCrc32c(block, 5, bytes.length));
    block.bytes[5 + (bit >>> 3)]! ^= 1 << (bit & 7);
  }
  assert.equal(seen.size, 1 + 8 * bytes.length, "a sum of 32 bits tells all single bits apart");
});

test("random inputs of all sizes, up to a megabyte", () => {
  forSeeds(60, (prng) => {
    const bytes = prng.bytes(prng.between(1, 2 ** prng.between(1, 17)));
    assert.equal(of(bytes, prng.below(1000)), slowCrc32c(bytes));
  });
  const large = new Prng(3).bytes(1048576);
  assert.equal(of(large, 3), slowCrc32c(large));
});

test("the first and the last bytes of a block", () => {
  const bytes = new Prng(4).bytes(5000);
  block.bytes.set(bytes, 0);
  assert.equal(blockCrc32c(block, 0, bytes.length), slowCrc32c(bytes));
  block.bytes.set(bytes, block.size - bytes.length);
  assert.equal(blockCrc32c(block, block.size - bytes.length, bytes.length), slowCrc32c(bytes));
  assert.equal(blockCrc32c(block, block.size, 0), 0);
});

test("a message is only read", () => {
  const bytes = new Prng(5).bytes(20000);
  of(bytes, 7);
  assert.deepEqual(block.bytes.slice(7, 7 + bytes.length), bytes);
});

test("a block of its own memory gives the same", () => {
  const bytes = new Prng(6).bytes(3000);
  const own = heapBlock(bytes.length);
  own.bytes.set(bytes);
  assert.equal(blockCrc32c(own, 0, bytes.length), of(bytes, 0));
});

test("a range outside of the block is a bug, and so is memory that is not fast", () => {
  for (const [start, size] of [[0, block.size + 1], [block.size - 200, 201], [-1, 300]] as const) {
    assert.throws(() => blockCrc32c(block, start, size), `${start} ${size}`);
  }
  const other = blockOf(new Uint8Array(new ArrayBuffer(2048), 64, 1024));
  assert.throws(() => blockCrc32c(other, 0, 1024));
});

test("blocks do not overlap, are aligned, and end with the memory", () => {
  const first = fast.take(64)!;
  const second = fast.take(128)!;
  assert.equal(second.byteOffset, first.byteOffset + 64);
  assert.equal(first.byteOffset % 64, 0);
  assert.throws(() => fast.take(63));
  assert.throws(() => fast.take(0));
  assert.equal(fast.take(ROOM), null);
  while (fast.take(65536) !== null);
  while (fast.take(64) !== null);
  assert.equal(fast.take(64), null);
});

/** x^n mod P, bit i the coefficient of x^i. */
function power(n: number): number {
  let value = 1;
  for (let i = 0; i < n; i += 1) value = (value << 1) ^ (value < 0 ? 0x1edc6f41 : 0);
  return value >>> 0;
}

test("what far adds is a multiple of P", () => {
  const largest = Math.max(...FAR_DISTANCES);
  let sum = power(8 * largest);
  for (const distance of FAR_DISTANCES) sum ^= power(8 * (largest - distance));
  assert.equal(sum, 0);
});

test("what near adds for each bit of a byte is a multiple of P", () => {
  NEAR_IMAGES.forEach((planes, bit) => {
    let sum = power(8 * 16 * NEAR_VECTORS + 7 - bit); // bit 0 is the highest power of a byte
    planes.forEach((byte, plane) => {
      for (let i = 0; i < 8; i += 1) {
        if ((byte >>> i & 1) !== 0) sum ^= power(8 * 16 * plane + 7 - i);
      }
    });
    assert.equal(sum, 0, `bit ${bit}`);
  });
});
