/** What each runtime says of its heap. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Collector } from "../../../src/server/garbage.ts";
import { collectionCounters, heapCounters } from "../../../src/server/heap_counters.ts";
import { currentRuntime } from "../../support/runtimes.ts";

test("a heap has a size, and not more in use", () => {
  const of = new Map(heapCounters().map(({ name, value }) => [name, value]));
  const [used = 0, total = 0] = [of.get("heap_used_bytes"), of.get("heap_total_bytes")];
  assert.ok(Number.isSafeInteger(used) && used > 0, `${used}`);
  assert.ok(Number.isSafeInteger(total) && total > 0, `${total}`);
});

test("collections are told where they are ours", () => {
  const collector = new Collector(() => {});
  collector.young = 3;
  const found = collectionCounters(collector).map(({ name, value }) => `${name} ${value}`);
  assert.deepEqual(
    found,
    currentRuntime() === "bun" ? ["collections_young_total 3", "collections_whole_total 0"] : [],
  );
});
