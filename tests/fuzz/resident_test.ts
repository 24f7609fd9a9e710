/** A decoder that keeps what it is given ends its run, and not the machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import process from "node:process";
import { type Decoder, Digest } from "./decoder.ts";
import { fuzz } from "./fuzz.ts";

const MiB = 1048576;
const COUNT = 1_000_000;
const ROOM = 100 * MiB;
const KEPT_SIZE = 65536;

test("a decoder that keeps memory ends its run at the limit", () => {
  const kept: Uint8Array[] = [];
  const decoder: Decoder = {
    ...{ name: "keeps", family: "frames", weight: 1 },
    sample: (prng) => prng.bytes(8),
    allocationMax: () => KEPT_SIZE,
    decode(_block, _at, size) {
      kept.push(new Uint8Array(KEPT_SIZE).fill(1));
      return new Digest().number(size).result;
    },
  };
  const limit = process.memoryUsage().rss + ROOM;
  assert.throws(() => fuzz(decoder, 1, COUNT, 0, limit), /^Error: keeps, seed 1: \d+ MiB are/);
  assert.ok(kept.length * KEPT_SIZE < 3 * ROOM, "it ends soon after");
});

test("one that keeps nothing goes on", () => {
  const decoder: Decoder = {
    ...{ name: "frees", family: "frames", weight: 1 },
    sample: (prng) => prng.bytes(8),
    allocationMax: () => KEPT_SIZE,
    decode: (_block, _at, size) => new Digest().number(size).result,
  };
  const limit = process.memoryUsage().rss + ROOM;
  assert.equal(fuzz(decoder, 1, 20_000, 0, limit).inputs, 20_000);
});
