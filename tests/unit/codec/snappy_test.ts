/** snappy: xerial's frames, and blocks that promise what they do not hold. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CodecFailure } from "../../../src/codec/failure.ts";
import { Codec } from "../../../src/codec/codec.ts";
import { compress } from "../../../src/codec/compress.ts";
import { decompressSnappy } from "../../../src/codec/snappy.ts";
import { concat, sameBytes } from "../../support/batches.ts";
import { forSeeds } from "../../support/prng.ts";

const XERIAL = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1];

function xerial(pieces: readonly Uint8Array[]): Uint8Array {
  const frames = pieces.map((piece) => {
    const block = compress(Codec.snappy, piece);
    const size = new Uint8Array(4);
    new DataView(size.buffer).setInt32(0, block.length);
    return concat([size, block]);
  });
  return concat([Uint8Array.from(XERIAL), ...frames]);
}

function kindOf(bytes: readonly number[] | Uint8Array, outputMax: number): string {
  const result = decompressSnappy(Uint8Array.from(bytes), outputMax);
  return result instanceof CodecFailure ? result.kind : `${result.length} bytes`;
}

test("frames of xerial's library are put together", () => {
  forSeeds(20, (prng) => {
    const pieces = Array.from({ length: prng.between(0, 5) }, () => prng.bytes(prng.below(40000)));
    const whole = concat(pieces);
    const result = decompressSnappy(xerial(pieces), whole.length);
    assert.ok(result instanceof Uint8Array);
    sameBytes(result, whole, "all pieces");
    if (whole.length > 0) assert.equal(kindOf(xerial(pieces), whole.length - 1), "too_large");
  });
});

test("a frame that ends outside the bytes is refused, and so is a negative size", () => {
  const framed = xerial([new Uint8Array(100)]);
  for (const size of [-1, 0, 99999, 2147483647]) {
    const lying = framed.slice();
    new DataView(lying.buffer).setInt32(16, size);
    assert.equal(kindOf(lying, 1000), "malformed", `size ${size}`);
  }
});

test("a block that yields less or more than its header promises is refused", () => {
  assert.equal(kindOf([3, 8, 97, 98, 99], 100), "3 bytes");
  assert.equal(kindOf([4, 8, 97, 98, 99], 100), "malformed", "less");
  assert.equal(kindOf([2, 8, 97, 98, 99], 100), "malformed", "more");
  assert.equal(kindOf([0], 100), "0 bytes");
  assert.equal(kindOf([], 100), "malformed", "no header");
  assert.equal(kindOf([0xff, 0xff, 0xff, 0xff, 0x0f], 100), "too_large", "4 GiB");
  assert.equal(kindOf([0xff, 0xff, 0xff, 0xff, 0xff, 0], 100), "malformed", "no end");
});

test("every form of a copy and of a literal's size is read, copies that overlap too", () => {
  const abc = [97, 98, 99];
  const copies = { "1 byte": [13, 3], "2 bytes": [26, 3, 0], "4 bytes": [27, 3, 0, 0, 0] };
  for (const [form, copy] of Object.entries(copies)) {
    const result = decompressSnappy(Uint8Array.from([10, 8, ...abc, ...copy]), 100);
    assert.ok(result instanceof Uint8Array, form);
    assert.equal(new TextDecoder().decode(result), "abcabcabca", form);
  }
  for (const size of [[60 << 2, 2], [61 << 2, 2, 0], [62 << 2, 2, 0, 0], [63 << 2, 2, 0, 0, 0]]) {
    const result = decompressSnappy(Uint8Array.from([3, ...size, ...abc]), 100);
    assert.ok(result instanceof Uint8Array, `${size.length - 1} bytes of size`);
    assert.deepEqual([...result], abc);
  }
});

test("a copy from before the beginning, of nothing, or with a cut offset is refused", () => {
  assert.equal(kindOf([7, 8, 97, 98, 99, 1, 3], 100), "7 bytes", "a right one");
  assert.equal(kindOf([7, 8, 97, 98, 99, 1, 4], 100), "malformed", "too far");
  assert.equal(kindOf([7, 8, 97, 98, 99, 1, 0], 100), "malformed", "of nothing");
  assert.equal(kindOf([7, 8, 97, 98, 99, 1], 100), "malformed", "cut");
  assert.equal(kindOf([7, 8, 97, 98, 99, 0x0e, 3], 100), "malformed", "cut, two bytes");
  assert.equal(kindOf([7, 8, 97, 98, 99, 0x0f, 3, 0, 0, 0x80], 100), "malformed", "negative");
});
