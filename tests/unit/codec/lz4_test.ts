/** lz4: frames of the reference encoder with every option, and frames that lie. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CodecFailure } from "../../../src/codec/failure.ts";
import { compressLz4, decompressLz4 } from "../../../src/codec/lz4.ts";
import { xxhash32 } from "../../../src/codec/xxhash32.ts";
import { forSeeds } from "../../support/prng.ts";

/** By `lz4 -B4 -BD -BX --content-size`: linked blocks, a size, a checksum of block and content. */
const REFERENCE = "04224d187c40290000000000000047130000003f616263030008b02c20616e6420736f206f6e93" +
  "3efe16000000007e8bafc1";
const REFERENCE_TEXT = "abcabcabcabcabcabcabcabcabcabc, and so on";

function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** A frame of blocks as given, with the checksum of its header and no other. */
function frame(flags: number, blocks: readonly (readonly number[])[], size?: number): Uint8Array {
  const bytes = [0x04, 0x22, 0x4d, 0x18, flags, 0x40];
  if (size !== undefined) bytes.push(...u32(size), ...u32(0));
  bytes.push((xxhash32(Uint8Array.from(bytes), 4, bytes.length) >>> 8) & 255);
  for (const block of blocks) bytes.push(...u32(block.length), ...block);
  return Uint8Array.from([...bytes, ...u32(0)]);
}

function u32(value: number): number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];
}

function outcome(bytes: Uint8Array, outputMax = 100000): string {
  const result = decompressLz4(bytes, outputMax);
  if (result instanceof CodecFailure) return `${result.kind}: ${result.text}`;
  return `"${new TextDecoder("latin1").decode(result)}"`;
}

test("a frame of the reference encoder with every option is read", () => {
  assert.equal(outcome(bytesOfHex(REFERENCE)), `"${REFERENCE_TEXT}"`);
});

test("every byte of a frame with checksums counts", () => {
  const good = bytesOfHex(REFERENCE);
  for (let at = 0; at < good.length; at += 1) {
    const bad = good.slice();
    bad[at]! ^= 1;
    assert.match(outcome(bad), /^malformed|^too_large/, `byte ${at}`);
  }
});

test("a content size that lies is refused, a large one before anything is allocated", () => {
  const abc = [0x30, 97, 98, 99];
  assert.equal(outcome(frame(0x68, [abc], 3)), '"abc"');
  for (const size of [0, 2, 4]) {
    assert.equal(
      outcome(frame(0x68, [abc], size)),
      "malformed: it does not hold as much as its header says",
    );
  }
  assert.equal(
    outcome(frame(0x68, [abc], 0xffffffff)),
    "too_large: it holds more than 100000 bytes",
  );
});

test("a match of another block needs linked blocks", () => {
  const abc = [0x30, 97, 98, 99];
  const again = [0x00, 3, 0, 0x10, 33];
  assert.equal(outcome(frame(0x40, [abc, again])), '"abcabca!"');
  assert.equal(outcome(frame(0x60, [abc, again])), "malformed: a match is of nothing");
});

test("blocks that contradict themselves are refused", () => {
  const refused: readonly [string, readonly number[]][] = [
    ["literals end outside their block", [0x40, 97, 98, 99]],
    ["literals end outside their block", [0xf0, 255, 255]],
    ["a match is cut", [0x30, 97, 98, 99, 1]],
    ["a match is of nothing", [0x30, 97, 98, 99, 0, 0, 0]],
    ["a match is of nothing", [0x30, 97, 98, 99, 4, 0, 0]],
    ["a block ends with a match", [0x30, 97, 98, 99, 1, 0]],
  ];
  for (const [text, block] of refused) {
    assert.equal(outcome(frame(0x60, [block])), `malformed: ${text}`);
  }
  const endless = [0x3f, 97, 98, 99, 1, 0, ...new Array<number>(300).fill(255), 0, 0];
  assert.equal(outcome(frame(0x60, [endless])), "malformed: a block is above its size");
  assert.equal(outcome(frame(0x60, [endless]), 1000), "too_large: it holds more than 1000 bytes");
});

test("no byte string of a few bytes throws", () => {
  forSeeds(3000, (prng) => {
    outcome(frame(prng.pick([0x40, 0x60]), [[...prng.bytes(prng.between(1, 24))]]));
  });
});

test("a block that would not shrink is stored", () => {
  forSeeds(3, (prng) => {
    const noise = prng.bytes(200000);
    const size = compressLz4(noise).length;
    assert.ok(size <= noise.length + 7 + 4 * 4 + 4, `${size} bytes`);
  });
});
