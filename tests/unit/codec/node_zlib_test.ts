/** A shard never comes to a next tick, so what a bad batch leaves there would stay for ever. */
import assert from "node:assert/strict";
import { test } from "node:test";
import process from "node:process";
import { Codec, CodecFailure, decompress } from "../../../src/codec/codec.ts";
import { compress } from "../../../src/codec/compress.ts";

const OUTPUT_MAX = 16384;
const MiB = 1048576;
const CALLS = 30_000;
/** Without care Deno kept 250 MiB and more. */
const KEPT_MAX = 96 * MiB;

const plain = Uint8Array.from({ length: 3000 }, (_, i) => ((i * i * 7) ^ (i >> 3)) & 31);
const gzip = compress(Codec.gzip, plain);

const BAD: readonly (readonly [name: string, codec: Codec, bytes: Uint8Array])[] = [
  ["gzip that is cut off", Codec.gzip, gzip.subarray(0, gzip.length - 3)],
  ["gzip that is bent", Codec.gzip, bent(gzip, 15)],
  ["zstd that is bent", Codec.zstd, bent(compress(Codec.zstd, plain), 20)],
];

for (const [name, codec, bytes] of BAD) {
  test(`${name} keeps no memory while no tick comes`, () => {
    fail(codec, bytes, CALLS / 3);
    const before = process.memoryUsage().rss;
    fail(codec, bytes, CALLS);
    const kept = process.memoryUsage().rss - before;
    assert.ok(kept < KEPT_MAX, `${Math.round(kept / MiB)} MiB are kept`);
  });

  test(`${name} leaves no tick, and those of others come`, async () => {
    const { nextTick } = process;
    let ticks = 0;
    process.nextTick = (...args: Parameters<typeof nextTick>) => {
      ticks += 1;
      nextTick(...args);
    };
    const own = process.nextTick;
    try {
      fail(codec, bytes, 1);
      assert.equal(process.nextTick, own);
      assert.equal(ticks, 0);
    } finally {
      process.nextTick = nextTick;
    }
    await new Promise<void>((resolve) => process.nextTick(resolve));
  });
}

function fail(codec: Codec, bytes: Uint8Array, times: number): void {
  for (let i = 0; i < times; i += 1) {
    assert.ok(decompress(codec, bytes, OUTPUT_MAX) instanceof CodecFailure);
  }
}

function bent(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = copy[at]! ^ 255;
  return copy;
}
