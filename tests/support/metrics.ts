/** Prometheus' text format as numbers, for tests. It shares nothing with what writes it. */
import assert from "node:assert/strict";

/** By name and labels as they stand in the text, such as `a_total{topic="t"}`. */
export type Metrics = ReadonlyMap<string, number>;

export function parseMetrics(text: string): Metrics {
  const found = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const blank = line.lastIndexOf(" ");
    const [sample, value] = [line.slice(0, blank), Number(line.slice(blank + 1))];
    assert.ok(Number.isFinite(value), line);
    assert.ok(!found.has(sample), `twice: ${sample}`);
    found.set(sample, value);
  }
  return found;
}

/** The sum of the samples of a name whose labels hold this text. */
export function sumOf(metrics: Metrics, name: string, labels = ""): number {
  let sum = 0;
  for (const [sample, value] of metrics) {
    if (sample.replace(/\{.*/s, "") === name && sample.includes(labels)) sum += value;
  }
  return sum;
}
