/** Indexes made anew: as appending made them, at once or in steps, whatever happens in between. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { IndexRebuild, walkIndexes } from "../../../src/log/index_rebuild.ts";
import type { OffsetIndex } from "../../../src/log/offset_index.ts";
import { NOT_RESIDENT } from "../../../src/log/residency.ts";
import type { TimeIndex } from "../../../src/log/time_index.ts";
import { Walk } from "../../../src/log/walk.ts";
import { batchOf, batchOfSize, randomBatch } from "../../support/batches.ts";
import { DIRECTORY, LogWorld } from "../../support/log_world.ts";
import { forSeeds } from "../../support/prng.ts";

const FIRST = "00000000000000000000.log";

function entriesOf(index: OffsetIndex): number[][] {
  return Array.from({ length: index.count }, (_, i) => [index.lastOffset(i), index.position(i)]);
}

function timesOf(times: TimeIndex): number[][] {
  return Array.from({ length: times.count }, (_, i) => [times.timestamp(i), times.lastOffset(i)]);
}

test("they are as appending made them, in any number of steps, and appends go on", () => {
  forSeeds(40, (prng) => {
    const world = new LogWorld();
    const { partition } = world.open();
    const valueSize = prng.pick([1, 100, 1900, 5000]);
    const append = (count: number) => {
      for (let i = count; i > 0; i -= 1) {
        world.append(partition, randomBatch(prng, 3, prng.chance(10) ? 6000 : valueSize));
      }
    };
    append(prng.between(1, 60));
    const rebuild = new IndexRebuild(partition.active);
    const walk = new Walk(world.store);
    const reads = prng.pick([1, 2, 7, Infinity]);
    const grows = prng.chance(50);
    for (let step = 0; step < 200; step += 1) {
      walk.readsLeft = reads;
      if (rebuild.step(walk) === 0) break;
      if (grows && step < 3) append(1);
    }
    const { index, times } = partition.active;
    assert.equal(times!.isFromFile, false);
    const [entries, timed] = [entriesOf(index!), timesOf(times!)];
    walkIndexes(world.store, partition.active);
    assert.notEqual(partition.active.index, index);
    assert.deepEqual(entriesOf(partition.active.index!), entries);
    assert.deepEqual(timesOf(partition.active.times!), timed);
    assert.equal(world.store.open(DIRECTORY, partition.active), 0);
    world.close(partition);
  });
});

test("until the last step the segment keeps the indexes that it has", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  for (let i = 0; i < 5; i += 1) world.append(partition, batchOfSize(5000, i));
  const { index } = partition.active;
  const rebuild = new IndexRebuild(partition.active);
  const walk = new Walk(world.store);
  for (let step = 0; step < 4; step += 1) {
    walk.readsLeft = 1;
    assert.equal(rebuild.step(walk), NOT_RESIDENT, `step ${step}`);
    assert.equal(partition.active.index, index);
  }
  walk.readsLeft = 1;
  assert.equal(rebuild.step(walk), 0);
  assert.notEqual(partition.active.index, index);
  assert.deepEqual(entriesOf(partition.active.index!), entriesOf(index!));
  world.close(partition);
});

test("what a walk saw of a whole segment is its highest timestamp, what is staged is not", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  const { active } = partition;
  for (let i = 0; i < 5; i += 1) {
    world.append(partition, batchOf([new Uint8Array(3000)], { maxTimestamp: 100 + (i * 7) % 10 }));
  }
  active.maxTimestamp = 0;
  active.unseenSize = active.size;
  walkIndexes(world.store, active);
  assert.deepEqual([active.unseenSize, active.maxTimestamp], [0, 108]);
  assert.equal(active.times!.isFromFile, false);
  assert.deepEqual(timesOf(active.times!), [[107, 1], [108, 4]]);
  world.stage(partition, batchOf([new Uint8Array(3000)], { maxTimestamp: 200 }));
  walkIndexes(world.store, active);
  assert.equal(active.times!.isFromFile, true, "its next entries are looked at again");
  assert.equal(active.maxTimestamp, 200, "staged is not forgotten");
  assert.equal(partition.flush(), 0);
  walkIndexes(world.store, active);
  assert.equal(active.times!.isFromFile, false);
  world.close(partition);
});

test("an index of a segment that holds nonsense ends before it", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  for (let i = 0; i < 4; i += 1) world.append(partition, batchOfSize(5000, i));
  const bytes = world.file(FIRST);
  bytes.fill(0, 10000, 10100);
  world.overwrite(FIRST, bytes);
  partition.active.unseenSize = partition.active.size;
  walkIndexes(world.store, partition.active);
  const { index, times, unseenSize } = partition.active;
  assert.deepEqual(entriesOf(index!), [[1, 5000]]);
  assert.deepEqual(timesOf(times!), [[1700000000000, 0]]);
  assert.ok(unseenSize > 0, "what is behind it, nobody has seen");
  world.close(partition);
});
