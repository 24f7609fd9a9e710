/** xxHash against known values, and the place of the bytes does not matter. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { xxhash32 } from "../../../src/codec/xxhash32.ts";

const KNOWN: readonly [string, number][] = [
  ["", 0x02cc5d05],
  ["a", 0x550d7456],
  ["abc", 0x32d153ff],
  ["Nobody inspects the spammish repetition", 0xe2293b2f],
];

test("known values", () => {
  for (const [text, hash] of KNOWN) {
    const bytes = new TextEncoder().encode(`..${text}.`);
    assert.equal(xxhash32(bytes, 2, bytes.length - 1), hash, text);
  }
});
