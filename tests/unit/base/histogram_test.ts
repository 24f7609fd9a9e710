/** The histogram, against a sorted list. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readU64 } from "../../../src/base/bytes.ts";
import { Histogram } from "../../../src/base/histogram.ts";
import { forSeeds } from "../../support/prng.ts";

test("a quantile is at most a sixteenth above the value of that rank, and never below it", () => {
  forSeeds(50, (prng) => {
    const histogram = new Histogram();
    const values: number[] = [];
    const limit = prng.pick([1, 16, 40, 1000, 1 << 20, 2147483647]);
    for (let i = 0; i < 500; i += 1) values.push(prng.below(limit));
    for (const value of values) histogram.record(value);
    values.sort((a, b) => a - b);
    for (const share of [0, 0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
      const exact = values[Math.max(0, Math.ceil(share * values.length) - 1)]!;
      const found = histogram.quantile(share);
      assert.ok(found >= exact, `${share}: ${found} is below ${exact}`);
      assert.ok(found <= exact + exact / 16, `${share}: ${found} is far above ${exact}`);
    }
    assert.equal(histogram.max, values.at(-1));
    assert.equal(histogram.count, 500);
  });
});

test("small values are exact", () => {
  for (let value = 0; value < 32; value += 1) {
    const histogram = new Histogram();
    histogram.record(value + 0.75);
    histogram.record(1000);
    assert.equal(histogram.quantile(0.5), value);
  }
});

test("what is below zero counts as 0, what is above the range as its end", () => {
  const histogram = new Histogram();
  histogram.record(-3);
  assert.equal(histogram.quantile(1), 0);
  histogram.record(1e15);
  assert.equal(histogram.quantile(1), 2147483647);
  assert.equal(histogram.max, 2147483647);
});

test("buckets hold every value once, and a power of two less one ends one", () => {
  forSeeds(50, (prng) => {
    const histogram = new Histogram();
    const values: number[] = [];
    for (let i = 0; i < 300; i += 1) values.push(prng.below(1 << prng.between(1, 30)) + 0.5);
    for (const value of values) histogram.record(value);
    const buckets = histogram.buckets();
    assert.ok(buckets.every(({ count }) => count > 0));
    const ends = buckets.map(({ upTo }) => upTo);
    assert.deepEqual(ends, [...ends].sort((a, b) => a - b));
    assert.equal(buckets.reduce((sum, { count }) => sum + count, 0), 300);
    assert.equal(histogram.sum, values.reduce((sum, value) => sum + value, 0));
    for (let power = 0; power <= 30; power += 1) {
      const end = 2 ** power - 1;
      const below = buckets.filter(({ upTo }) => upTo <= end);
      const found = below.reduce((sum, { count }) => sum + count, 0);
      assert.equal(found, values.filter((value) => value < end + 1).length, `below ${end + 1}`);
    }
  });
});

test("written buckets are the same as those that are told, and nothing around them", () => {
  forSeeds(50, (prng) => {
    const histogram = new Histogram();
    const values = prng.below(200);
    for (let i = 0; i < values; i += 1) histogram.record(prng.below(2 ** prng.between(1, 31)));
    const written = new DataView(new ArrayBuffer(8 + 16 * histogram.bucketCount));
    histogram.writeBuckets(written, 8);
    assert.equal(readU64(written, 0), 0);
    const found = Array.from({ length: histogram.bucketCount }, (_, index) => {
      return { upTo: readU64(written, 8 + 16 * index), count: readU64(written, 16 + 16 * index) };
    });
    assert.deepEqual(found, histogram.buckets());
  });
});

test("an empty one has quantile 0, also after it was cleared", () => {
  const histogram = new Histogram();
  assert.equal(histogram.quantile(0.5), 0);
  histogram.record(9);
  histogram.clear();
  assert.deepEqual([histogram.quantile(0.5), histogram.count, histogram.max], [0, 0, 0]);
  assert.deepEqual([histogram.sum, histogram.buckets()], [0, []]);
});
