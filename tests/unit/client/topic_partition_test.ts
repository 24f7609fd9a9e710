import assert from "node:assert/strict";
import { test } from "node:test";
import { keyOf } from "../../../src/client/topic_partition.ts";

test("no two partitions share a key, whatever their topics are called", () => {
  const keys = ["a", "a/1", "a/1/1"].flatMap((topic) => [0, 1, 11].map((p) => keyOf(topic, p)));
  assert.equal(new Set(keys).size, keys.length);
});
