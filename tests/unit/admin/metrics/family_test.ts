/** Histograms of the broker as fixed buckets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { countsOf, seconds, timesOf } from "../../../../src/admin/metrics/family.ts";
import { Histogram } from "../../../../src/base/histogram.ts";
import { forSeeds } from "../../../support/prng.ts";

function measured(values: readonly number[]) {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return { count: histogram.count, sum: histogram.sum, buckets: histogram.buckets() };
}

test("every bucket holds the times below its end, whatever they are", () => {
  forSeeds(50, (prng) => {
    const us = Array.from({ length: 200 }, () => prng.below(1 << prng.between(1, 27)) + 0.5);
    const { count, sum, buckets } = timesOf({}, measured(us));
    assert.equal(count, 200);
    assert.equal(sum, seconds(us.reduce((all, one) => all + one, 0)));
    assert.deepEqual([buckets.length, buckets[0]![0], buckets.at(-1)![0]], [
      19,
      0.000032,
      8.388608,
    ]);
    for (const [le, below] of buckets) {
      assert.equal(below, us.filter((one) => one / 1e6 < le).length, `${le}`);
    }
  });
});

test("every bucket holds the counts up to its end", () => {
  forSeeds(50, (prng) => {
    const records = Array.from({ length: 200 }, () => prng.below(1 << prng.between(1, 18)));
    const { buckets } = countsOf({ a: "b" }, measured(records));
    assert.deepEqual([buckets[0]![0], buckets.at(-1)![0]], [1, 131071]);
    for (const [le, below] of buckets) {
      assert.equal(below, records.filter((one) => one <= le).length, `${le}`);
    }
  });
});

test("microseconds become seconds without noise", () => {
  assert.deepEqual([32, 1, 0, 8388608, 1234567].map(seconds), [
    0.000032,
    0.000001,
    0,
    8.388608,
    1.234567,
  ]);
});
