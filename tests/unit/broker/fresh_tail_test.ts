/** What of a partition's end is taken for cached without asking: never more than is a while old. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FileSlice } from "../../../src/base/file_slice.ts";
import { FreshTail } from "../../../src/broker/fresh_tail.ts";
import { COLD_FRESH_MS } from "../../../src/limits.ts";
import type { Partition } from "../../../src/log/partition.ts";
import { ColdWorld } from "../../support/cold_world.ts";

const BATCH = 1024;

function sliceAt(log: Partition, position: number): FileSlice {
  return { file: log.active.file, position, size: BATCH };
}

test("what came after the first look is fresh, what was there before is not", () => {
  const world = new ColdWorld();
  const { log } = world.partition;
  const tail = new FreshTail();
  world.fill(2, BATCH);
  assert.equal(tail.covers(log, sliceAt(log, BATCH), 0), false, "nobody knows how old it is");
  world.fill(1, BATCH);
  assert.equal(tail.covers(log, sliceAt(log, 2 * BATCH), 1), true);
  assert.equal(tail.covers(log, sliceAt(log, 2 * BATCH - 1), 1), false, "it begins before that");
  world.close();
});

test("at every interval the marks move on: the older one is two intervals old at the most", () => {
  const world = new ColdWorld();
  const { log } = world.partition;
  const tail = new FreshTail();
  tail.covers(log, sliceAt(log, 0), 0);
  world.fill(1, BATCH);
  assert.equal(tail.covers(log, sliceAt(log, 0), COLD_FRESH_MS - 1), true);
  assert.equal(tail.covers(log, sliceAt(log, 0), COLD_FRESH_MS), true, "written in this interval");
  world.fill(1, BATCH);
  assert.equal(tail.covers(log, sliceAt(log, 0), 2 * COLD_FRESH_MS - 1), true);
  assert.equal(tail.covers(log, sliceAt(log, 0), 2 * COLD_FRESH_MS), false, "in the one before");
  assert.equal(tail.covers(log, sliceAt(log, BATCH), 2 * COLD_FRESH_MS), true);
  world.close();
});

test("who has not looked for long knows nothing of what came meanwhile", () => {
  const world = new ColdWorld();
  const { log } = world.partition;
  const tail = new FreshTail();
  tail.covers(log, sliceAt(log, 0), 0);
  world.fill(1, BATCH);
  assert.equal(tail.covers(log, sliceAt(log, 0), 2 * COLD_FRESH_MS + 1), false);
  world.close();
});

test("the end of a segment that was rolled is not the tail, and the next one begins anew", () => {
  const world = new ColdWorld();
  const { log } = world.partition;
  const tail = new FreshTail();
  tail.covers(log, sliceAt(log, 0), 0);
  world.fill(1, BATCH);
  const sealed = sliceAt(log, 0);
  assert.equal(tail.covers(log, sealed, 1), true);
  assert.equal(log.roll(), 0);
  assert.equal(tail.covers(log, sealed, 1), false);
  world.fill(1, BATCH);
  assert.equal(tail.covers(log, sliceAt(log, 0), 1), false, "the first look into this file");
  world.fill(1, BATCH);
  assert.equal(tail.covers(log, sliceAt(log, BATCH), 1), true);
  world.close();
});
