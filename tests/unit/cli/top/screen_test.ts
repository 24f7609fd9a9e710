/** The screen: what it says, and that it fits whatever the terminal is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { amount, screenLines } from "../../../../src/cli/top/screen.ts";
import type { View } from "../../../../src/cli/top/view.ts";

const RATES = {
  recordsInPerSecond: 12_345,
  bytesInPerSecond: 4_500_000,
  recordsOutPerSecond: 0,
  bytesOutPerSecond: 0.5,
};

function view(topics: number, groups: number): View {
  return {
    seconds: 2,
    connections: 3,
    partitions: 7,
    partitionsUnwell: 1,
    disk: "full",
    diskFreeBytes: 1_500_000_000,
    residentBytes: 83_000_000,
    cpuPercent: 12.4,
    requestsPerSecond: 999.6,
    produceP99Ms: 2.125,
    syncP99Ms: null,
    turnP99Ms: 1500,
    cacheHitPercent: 99.81,
    all: RATES,
    topics: Array.from({ length: topics }, (_, i) => ({ topic: `topic-${i}`, ...RATES })),
    groups: Array.from({ length: groups }, (_, i) => {
      return { group: `g${i}\x1b[2J`, topic: "t", lagRecords: i };
    }),
  };
}

test("what it says", () => {
  const lines = screenLines(view(1, 1), "sluice top", { columns: 100, rows: 40 }, false);
  assert.deepEqual(lines, [
    "sluice top",
    "3 clients   7 partitions, 1 unwell   disk full, 1.50 GB free   memory 83.0 MB   cpu 12 %",
    "in 12.3 k records/s, 4.50 MB/s   out 0 records/s, 0.50 B/s   1.00 k requests/s",
    "p99: produce 2.13 ms   sync -   turn 1.5 s   page cache 99.8 %",
    "",
    "TOPIC      IN/S  IN B/S  OUT/S  OUT B/S",
    "topic-0  12.3 k  4.50 M      0     0.50",
    "",
    "GROUP        TOPIC  LAG",
    "g0\\u{1b}[2J  t        0",
  ]);
});

test("it fits, however small the terminal is and however much there is", () => {
  for (const columns of [1, 10, 20, 33, 40, 80, 200]) {
    for (const rows of [1, 3, 8, 12, 24, 60]) {
      for (const [topics, groups] of [[0, 0], [1, 0], [100, 100], [0, 5]] as const) {
        const lines = screenLines(view(topics, groups), "sluice top", { columns, rows }, false);
        assert.ok(lines.length <= rows, `${lines.length} lines in ${rows}`);
        for (const line of lines) assert.ok(line.length <= columns, `${columns}: ${line}`);
      }
    }
  }
  const shown = screenLines(view(100, 100), "sluice top", { columns: 80, rows: 24 }, false);
  assert.ok(shown.some((line) => line.startsWith("topic-5 ")), "topics");
  assert.ok(shown.some((line) => line.startsWith("g2")), "and groups");
});

test("amounts have three digits", () => {
  const texts = [0, 7, 0.25, 999, 999.4, 999.6, 1000, 12_345, 123_456, 1e6, 5.4321e9, 1e18];
  assert.deepEqual(texts.map(amount), [
    "0",
    "7",
    "0.25",
    "999",
    "999",
    "1.00 k",
    "1.00 k",
    "12.3 k",
    "123 k",
    "1.00 M",
    "5.43 G",
    "1000 P",
  ]);
});
