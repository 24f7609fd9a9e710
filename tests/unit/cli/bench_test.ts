/** How partitions are dealt out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { shareOf } from "../../../src/cli/bench.ts";

test("every partition has one reader, or every reader one partition", () => {
  assert.deepEqual([0, 1, 2].map((which) => shareOf(7, 3, which)), [[0, 3, 6], [1, 4], [2, 5]]);
  assert.deepEqual([0, 1, 2].map((which) => shareOf(2, 3, which)), [[0], [1], [0]]);
  assert.deepEqual(shareOf(1, 1, 0), [0]);
});
