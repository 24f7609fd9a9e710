/** The text of both formats, and which one a client gets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  exposition,
  OPENMETRICS_TYPE,
  PROMETHEUS_TYPE,
  typeWanted,
} from "../../../../src/admin/metrics/exposition.ts";
import type { Family } from "../../../../src/admin/metrics/family.ts";

const FAMILIES: readonly Family[] = [
  {
    type: "counter",
    name: "a_bytes_total",
    help: "Bytes.",
    samples: [{ labels: { topic: 'q"\\\n' }, value: 9007199254740991 }],
  },
  { type: "gauge", name: "nothing", help: "It has no sample.", samples: [] },
  { type: "gauge", name: "b", help: "A number.", samples: [{ labels: {}, value: 0.5 }] },
  {
    type: "histogram",
    name: "c_seconds",
    help: "Times.",
    distributions: [{ labels: { of: "x" }, count: 3, sum: 2.5, buckets: [[0.5, 1], [1, 2]] }],
  },
];

test("Prometheus' own format", async () => {
  const { text, contentType } = await exposition(FAMILIES, PROMETHEUS_TYPE);
  assert.match(contentType, /^text\/plain; version=0\.0\.4/);
  assert.deepEqual(text.split("\n").filter((line) => line !== ""), [
    "# HELP a_bytes_total Bytes.",
    "# TYPE a_bytes_total counter",
    'a_bytes_total{topic="q\\"\\\\\\n"} 9007199254740991',
    "# HELP b A number.",
    "# TYPE b gauge",
    "b 0.5",
    "# HELP c_seconds Times.",
    "# TYPE c_seconds histogram",
    'c_seconds_bucket{of="x",le="0.5"} 1',
    'c_seconds_bucket{of="x",le="1"} 2',
    'c_seconds_bucket{of="x",le="+Inf"} 3',
    'c_seconds_sum{of="x"} 2.5',
    'c_seconds_count{of="x"} 3',
  ]);
});

test("OpenMetrics", async () => {
  const { text, contentType } = await exposition(FAMILIES, OPENMETRICS_TYPE);
  assert.match(contentType, /^application\/openmetrics-text; version=1\.0\.0/);
  assert.deepEqual(text.split("\n"), [
    "# HELP a_bytes Bytes.",
    "# TYPE a_bytes counter",
    'a_bytes_total{topic="q\\"\\\\\\n"} 9007199254740991',
    "# HELP b A number.",
    "# TYPE b gauge",
    "b 0.5",
    "# HELP c_seconds Times.",
    "# TYPE c_seconds histogram",
    'c_seconds_bucket{of="x",le="0.5"} 1',
    'c_seconds_bucket{of="x",le="1.0"} 2',
    'c_seconds_bucket{of="x",le="+Inf"} 3',
    'c_seconds_sum{of="x"} 2.5',
    'c_seconds_count{of="x"} 3',
    "# EOF",
    "",
  ]);
});

test("what Accept likes best", () => {
  const prometheus = [
    "",
    "*/*",
    "text/plain",
    "application/json",
    "application/openmetrics-text;q=0",
    "application/openmetrics-text;q=0.2, text/plain;q=0.3",
    "application/openmetrics-text;q=nonsense",
  ];
  const openMetrics = [
    "application/openmetrics-text",
    "Application/OpenMetrics-Text; version=1.0.0",
    "text/plain;q=0.1, application/openmetrics-text",
    // Prometheus 2.x and 3.x
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;" +
    "q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
  ];
  for (const accept of prometheus) assert.equal(typeWanted(accept), PROMETHEUS_TYPE, accept);
  for (const accept of openMetrics) assert.equal(typeWanted(accept), OPENMETRICS_TYPE, accept);
});
