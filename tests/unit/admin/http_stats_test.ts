/** What the HTTP door counts of itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpStats } from "../../../src/admin/http_stats.ts";

test("requests are timed by operation, in microseconds", () => {
  const stats = new HttpStats();
  stats.answered("listTopics", 1.5);
  stats.answered("listTopics", 3);
  stats.answered("getTopic", 0.25);
  const found = [...stats.timesUs].map(([name, { count, sum, max }]) => [name, count, sum, max]);
  assert.deepEqual(found, [["listTopics", 2, 4500, 3000], ["getTopic", 1, 250, 250]]);
});
