/**
 * What a consumer is given, in the cache or not: counted as a hit or a miss, and waited for as
 * seldom after a restart as before it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AT_FDCWD, O_RDONLY } from "../../../ffi/constants.ts";
import { MiB } from "../../../src/base/units.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { COLD_KERNEL_AHEAD_MAX, COLD_WINDOW_MAX } from "../../../src/limits.ts";
import { DIRECTORY } from "../../support/log_world.ts";
import { answer, BATCH, ColdWorld, filled, readThrough } from "../../support/cold_world.ts";

test("without the guard nobody waits, and what was in the cache is counted all the same", () => {
  const world = new ColdWorld(4 * MiB, false);
  world.fill(40, BATCH);
  world.evict([".log"], 16 * BATCH, 24 * BATCH);
  for (const offset of [0, 16]) assert.equal(world.fetch(offset, offset), null);
  assert.deepEqual(world.door.takeFetches(), [answer(0, 0, 16), answer(16, 16, 16)]);
  const { cacheHitBytes, cacheMissBytes } = world.partition.topic;
  assert.deepEqual([cacheHitBytes, cacheMissBytes], [16 * BATCH, 16 * BATCH]);
  world.turn();
  assert.deepEqual(world.allJobs, []);
  world.close();
});

test("of a slice that was read in part, only that part is a miss", () => {
  const world = filled(80);
  world.evict([".log"], 0, 48 * BATCH);
  readThrough(world, 0, 32, 1); // and is read ahead of, to where the cache has it
  world.fetch(32, 32, 24 * BATCH);
  world.settle(1);
  assert.deepEqual(world.door.takeFetches(), [answer(32, 32, 24)]);
  const { cacheHitBytes, cacheMissBytes } = world.partition.topic;
  assert.deepEqual([cacheHitBytes, cacheMissBytes], [8 * BATCH, 48 * BATCH]);
  world.close();
});

test("a reader that comes to what is in the cache has nothing read ahead any more", () => {
  for (const syncs of [0, 1]) {
    const world = filled(1000);
    world.evict([".log"], 0, 128 * BATCH);
    readThrough(world, 0, 912, syncs);
    const { hitBytes, missBytes, readBytes } = world.coldReads.counters;
    // Where the kernel reads ahead, what it may have read is no sign of a cache.
    const readMax = 128 * BATCH + (syncs > 0 ? 0 : COLD_KERNEL_AHEAD_MAX + COLD_WINDOW_MAX);
    assert.ok(readBytes >= 128 * BATCH && readBytes <= readMax, `${readBytes} bytes`);
    assert.ok(missBytes >= 128 * BATCH && missBytes <= readMax, `${missBytes} bytes`);
    assert.equal(hitBytes + missBytes, 912 * BATCH);
    world.close();
  }
});

for (const size of [1000, 20000, BATCH, 300000]) {
  test(`after a start a reader of batches of ${size} bytes waits as seldom`, () => {
    const waits = [false, true].map((isStartedAgain) => {
      const world = new ColdWorld();
      world.fill(Math.ceil(32 * MiB / size), size);
      assert.equal(world.partition.log.roll(), ErrorCodes.none);
      world.sync();
      if (isStartedAgain) world.reopen();
      world.evict();
      const before = world.coldReads.counters.waits;
      readAll(world);
      const { waits } = world.coldReads.counters;
      world.close();
      return waits - before;
    });
    assert.ok(waits[0]! <= 4, `${waits[0]} waits with the index in memory`);
    assert.ok(waits[1]! <= 4, `${waits[1]} waits with the index from its file`);
  });
}

/** A reader that follows its answers from the first batch to the last. */
function readAll(world: ColdWorld): void {
  const { visible } = world.partition.log;
  for (let offset = 0; offset < visible.offset;) {
    world.fetch(offset, offset);
    world.settle();
    const [answered] = world.door.takeFetches();
    assert.equal(answered!.error, 0);
    assert.ok(answered!.size > 0, "something comes below the end");
    offset = world.broker.reader.nextOffset;
  }
}

test("whether enough is there for a long poll is asked without waiting for the disk", () => {
  for (const endings of [[".log"], [".log", ".index", ".timeindex"]]) {
    const world = new ColdWorld();
    world.fill(40, BATCH);
    assert.equal(world.partition.log.roll(), ErrorCodes.none);
    world.fill(40, BATCH);
    world.reopen();
    world.evict(endings);
    world.loopReads.length = 0;
    assert.notEqual(world.fetch(5, 5, MiB, 1000), null, "the first read of the shard");
    world.settle();
    assert.deepEqual(world.door.takeFetches(), [answer(5, 5, 15)]);
    assert.deepEqual(world.loopReads, []);
    world.close();
  }
});

test("an index that is gone is made anew from cold headers, while readers wait", () => {
  const world = new ColdWorld();
  world.fill(600, BATCH);
  assert.equal(world.partition.log.roll(), ErrorCodes.none);
  world.fill(1, BATCH);
  world.reopen();
  const index = `/log/${DIRECTORY}/00000000000000000000.index`;
  assert.equal(world.sim.unlinkat(AT_FDCWD, index, 0), 0);
  world.evict();
  world.loopReads.length = 0;
  for (const offset of [500, 70]) assert.notEqual(world.fetch(offset, offset), null);
  world.settle();
  const answers = world.door.takeFetches().sort((a, b) => a.correlation - b.correlation);
  assert.deepEqual(answers, [answer(70, 70, 16), answer(500, 500, 16)]);
  assert.deepEqual(world.loopReads, []);
  const fd = world.sim.openat(AT_FDCWD, index, O_RDONLY, 0);
  assert.ok(fd >= 0, "and its file is there again");
  world.sim.close(fd);
  world.close();
});
