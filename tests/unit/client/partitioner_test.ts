import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { murmur2, nextSticky, partitionOfKey } from "../../../src/client/partitioner.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe("partitioner", () => {
  test("murmur2 is that of Kafka's own tests", () => {
    const known: [string, number][] = [
      ["21", -973932308],
      ["foobar", -790332482],
      ["a-little-bit-long-string", -985981536],
      ["a-little-bit-longer-string", -1486304829],
      ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
      ["abc", 479470107],
    ];
    for (const [key, hash] of known) {
      assert.equal(murmur2(text(key)), hash, key);
      const within = text(`..${key}...`);
      assert.equal(murmur2(within, 2, within.length - 3), hash, `${key} in the middle`);
    }
  });

  test("the partition of a key is not negative, whatever the sign of its hash", () => {
    for (const key of ["21", "abc"]) {
      const bytes = text(key);
      const expected = (murmur2(bytes) >>> 0) % 2 ** 31 % 7;
      assert.equal(partitionOfKey(bytes, 0, bytes.length, 7), expected);
    }
  });

  test("the next one without a key is always another, and all come", () => {
    assert.equal(nextSticky(-1, 1), 0);
    assert.equal(nextSticky(0, 1), 0);
    for (let current = 0; current < 5; current += 1) {
      const reached = new Set<number>();
      for (let chance = 0; chance < 1; chance += 0.01) reached.add(nextSticky(current, 5, chance));
      assert.deepEqual([...reached].sort(), [0, 1, 2, 3, 4].filter((other) => other !== current));
    }
    assert.equal(nextSticky(9, 5, 0.999), 4, "from one that is no more");
  });
});
