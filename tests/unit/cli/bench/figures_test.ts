import assert from "node:assert/strict";
import { test } from "node:test";
import { Figures, summarize } from "../../../../src/cli/bench/figures.ts";

test("what was due inside the window counts, by how long it took from then", () => {
  const figures = new Figures({ beganMs: 0, startMs: 1000, endMs: 3000 });
  figures.add(999, 1500, 10);
  figures.add(1000, 1001, 10);
  figures.add(2999, 3099, 10);
  figures.add(3000, 3001, 10);
  assert.deepEqual([figures.records, figures.bytes], [2, 20]);
  const summary = summarize(figures, 2);
  assert.equal(summary.recordsPerSecond, 1);
  assert.equal(summary.megabytesPerSecond, 20 / 1e6 / 2);
  assert.equal(summary.maxMs, 100);
  assert.ok(summary.p50Ms >= 1 && summary.p50Ms < 1.1, `${summary.p50Ms}`);
});

test("nothing at all is zero", () => {
  const summary = summarize(new Figures({ beganMs: 0, startMs: 0, endMs: 1 }), 1);
  assert.deepEqual([summary.records, summary.p99Ms, summary.maxMs], [0, 0, 0]);
});
