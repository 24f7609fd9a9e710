/** What all logs take: never less than what lies on the disk, and when producers wait. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../../../src/base/units.ts";
import { publishLogStart, wantLogStart } from "../../../src/log/log_start.ts";
import type { Partition } from "../../../src/log/partition.ts";
import { batchOfSize } from "../../support/batches.ts";
import { LogWorld } from "../../support/log_world.ts";
import { occupiedBytes } from "../../support/occupied.ts";

const RECORD = 40_000;

function filled(batches: number): { world: LogWorld; partition: Partition } {
  const world = new LogWorld();
  const { partition } = world.open({ segmentBytes: 100_000 });
  world.store.bound.limitBytes = 64 * MiB;
  sum(world, partition);
  for (let i = 0; i < batches; i += 1) append(world, partition, i);
  return { world, partition };
}

function append(world: LogWorld, partition: Partition, at: number): void {
  world.append(partition, batchOfSize(RECORD, at));
  while (!partition.isSynced) world.sync(partition);
}

function sum({ store }: LogWorld, partition: Partition): void {
  store.bound.beginSum();
  store.bound.sum(partition);
  store.bound.endSum();
}

test("what is used is never less than the blocks on the disk, before a sum and after it", () => {
  const { world, partition } = filled(0);
  for (let i = 0; i < 40; i += 1) {
    append(world, partition, i);
    assert.ok(world.store.bound.usedBytes >= occupiedBytes(world.root), "between two sums");
    if (i % 7 !== 0) continue;
    sum(world, partition);
    assert.ok(world.store.bound.usedBytes >= occupiedBytes(world.root), "after a sum");
  }
  assert.ok(partition.segments.length > 10, "of many files");
  world.close(partition);
});

test("what is staged counts at once, whoever stages it", () => {
  const { world, partition } = filled(0);
  const { bound } = world.store;
  const before = bound.usedBytes;
  world.append(partition, batchOfSize(RECORD));
  assert.equal(bound.usedBytes, before + RECORD);
  world.close(partition);
});

test("what was removed counts no more, and not less than once", () => {
  const { world, partition } = filled(20);
  sum(world, partition);
  const { bound } = world.store;
  const before = bound.usedBytes;
  const gone = partition.segments.slice(0, 4).reduce((bytes, { size }) => bytes + size, 0);
  wantLogStart(partition, partition.segments[4]!.baseOffset);
  publishLogStart(partition, partition.segments[4]!.baseOffset);
  assert.equal(bound.usedBytes, before - gone);
  sum(world, partition);
  assert.ok(bound.usedBytes <= before - gone && bound.usedBytes >= occupiedBytes(world.root));
  world.close(partition);
});

test("a segment that is being removed, or still read, is there", () => {
  const { world, partition } = filled(3);
  sum(world, partition);
  const { bound } = world.store;
  const before = bound.usedBytes;
  Object.assign(world.store.fileJobs, { freeingBytes: 1000, heldBytes: 200 });
  assert.equal(bound.usedBytes, before + 1200);
  world.close(partition);
});

test("producers wait until the first sum, and above the mark, unless they are refused", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  const { bound } = world.store;
  assert.equal(bound.holds, false, "there is no bound");
  bound.limitBytes = 64 * MiB;
  assert.equal(bound.holds, true, "nobody knows yet what there is");
  sum(world, partition);
  assert.equal(bound.holds, false);
  bound.added(bound.holdBytes - bound.usedBytes);
  assert.equal(bound.holds, false);
  bound.added(1);
  assert.equal(bound.holds, true);
  bound.isRefusing = true;
  assert.equal(bound.holds, false);
  world.close(partition);
});
