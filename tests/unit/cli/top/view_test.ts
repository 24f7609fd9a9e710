/** The difference of two looks at a broker. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "../../../../src/base/histogram.ts";
import type { Sample } from "../../../../src/cli/top/sample.ts";
import { viewOf } from "../../../../src/cli/top/view.ts";

const FLOWS = { recordsOut: 0, bytesOut: 0, cacheHitBytes: 0, cacheMissBytes: 0, newest: 1 };

function state(name: string, listener: string, operation: string, timesUs: readonly number[]) {
  const histogram = new Histogram();
  for (const us of timesUs) histogram.record(us);
  const { count, sum, max } = histogram;
  return { name, listener, operation, count, sum, max, buckets: histogram.buckets() };
}

function sample(atMs: number, more: Partial<Sample>): Sample {
  const topics = { recordsIn: 0, bytesIn: 0, ...FLOWS, topics: [] };
  return { atMs, counters: [], histograms: [], topics, lags: [], ...more };
}

test("rates are those of the time in between, the busiest topic first", () => {
  const topic = (name: string, recordsIn: number, bytesIn: number) => {
    return { name, topicId: `${name}-id`, recordsIn, bytesIn, ...FLOWS };
  };
  const before = sample(1000, {
    counters: [{ name: "process_cpu_ms_total", value: 500 }],
    topics: { recordsIn: 10, bytesIn: 1000, ...FLOWS, topics: [topic("a", 10, 1000)] },
  });
  const now = sample(3000, {
    counters: [{ name: "process_cpu_ms_total", value: 1500 }, { name: "clients", value: 3 }],
    topics: {
      recordsIn: 34,
      bytesIn: 9000,
      ...FLOWS,
      cacheHitBytes: 30,
      cacheMissBytes: 10,
      topics: [topic("a", 30, 3000), topic("b", 4, 6000)],
    },
  });
  const view = viewOf(before, now);
  assert.deepEqual(
    view.topics.map(({ topic: name, recordsInPerSecond, bytesInPerSecond }) => {
      return [name, recordsInPerSecond, bytesInPerSecond];
    }),
    [["b", 2, 3000], ["a", 10, 1000]],
  );
  assert.deepEqual([view.all.recordsInPerSecond, view.all.bytesInPerSecond], [12, 4000]);
  assert.deepEqual([view.cpuPercent, view.connections, view.cacheHitPercent], [50, 3, 75]);
});

test("quantiles are of the time in between, too, and of nothing there is none", () => {
  const many = Array.from({ length: 1000 }, () => 100_000);
  const before = sample(0, {
    histograms: [
      state("request_us", "native", "produce", many),
      state("sync_latency_us", "", "", [7]),
    ],
  });
  const now = sample(1000, {
    histograms: [
      state("request_us", "native", "produce", [...many, 500, 500, 900]),
      state("request_us", "control", "stats", [1, 2]),
      state("sync_latency_us", "", "", [7]),
      state("turn_us", "", "", [15]),
    ],
  });
  const view = viewOf(before, now);
  assert.ok(view.produceP99Ms! >= 0.9 && view.produceP99Ms! < 0.9 * 17 / 16);
  assert.deepEqual([view.syncP99Ms, view.turnP99Ms], [null, 0.015]);
  assert.equal(view.requestsPerSecond, 3, "those of clients");
  assert.equal(view.cacheHitPercent, null);
});
