/** What a door answers to a time: a record, or the end; at once, or when it has been read. */
import assert from "node:assert/strict";
import { AT_FDCWD } from "../../../ffi/constants.ts";
import { test } from "node:test";
import { findOffsetForTime, refuseLookups } from "../../../src/broker/offset_for_time.ts";
import { removeTopic } from "../../../src/broker/remove_topic.ts";
import type { TopicPartition } from "../../../src/broker/topics.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { COLD_WAIT_MS } from "../../../src/limits.ts";
import { batchOfSize } from "../../support/batches.ts";
import { BrokerWorld } from "../../support/broker_world.ts";
import { BATCH, ColdWorld, timedBatches } from "../../support/cold_world.ts";
import { DIRECTORY } from "../../support/log_world.ts";

const TIME = 1700000000000;

/** What was answered, if it was answered. */
function ask(world: BrokerWorld | ColdWorld, timestampMs: number, partition?: TopicPartition) {
  const request = { slot: 8, generation: 1, correlation: 5, handle: 0, timestampMs };
  const { broker, nowMs, door } = world;
  const waiter = findOffsetForTime(broker, partition ?? world.partition, request, nowMs, door);
  assert.equal(waiter === null, door.times.length === 1, "answered or parked");
  return door.times.splice(0)[0]?.[1];
}

test("the first record as new, and the visible end with -1 when there is none", () => {
  const world = new BrokerWorld();
  assert.deepEqual(ask(world, 0), { offset: 0, timestamp: -1 });
  world.produce(batchOfSize(100), 1);
  world.turn();
  assert.deepEqual(ask(world, 0), { offset: 0, timestamp: -1 }, "it is not visible yet");
  world.sync();
  const found = ask(world, 0);
  assert.ok(typeof found === "object" && found.offset === 0 && found.timestamp >= 0);
  assert.deepEqual(ask(world, found.timestamp), found);
  assert.deepEqual(ask(world, found.timestamp + 1), { offset: 1, timestamp: -1 });
  world.close();
});

/** Two sealed segments and an active one, a second between records of 64 KiB; nothing cached. */
function coldLog(): ColdWorld {
  const world = new ColdWorld();
  for (const first of [0, 200, 400]) {
    if (first > 0) assert.equal(world.partition.log.roll(), 0);
    world.append(timedBatches(Array.from({ length: 200 }, (_, i) => TIME + 1000 * (first + i))));
  }
  world.reopen();
  world.evict([".log", ".index", ".timeindex"]);
  world.loopReads.length = 0;
  return world;
}

test("in a cold log the worker reads what the lookup needs, and no read waits in the loop", () => {
  for (const [offset, segments] of [[0, 1], [77, 1], [199, 1], [200, 2], [311, 2], [599, 3]]) {
    const world = coldLog();
    assert.equal(ask(world, TIME + 1000 * offset! - 500), undefined);
    world.settle();
    const found = { offset: offset!, timestamp: TIME + 1000 * offset! };
    assert.deepEqual(world.door.times, [[5, found]]);
    assert.deepEqual(world.loopReads, []);
    const { readBytes } = world.coldReads.counters;
    assert.ok(readBytes < segments! * 20 * BATCH, `${readBytes} bytes for ${offset}`);
    world.door.times.length = 0;
    world.close();
  }
});

test("indexes that are gone are made anew from cold headers, a piece after another", () => {
  const world = coldLog();
  for (const base of [0, 200]) {
    for (const kind of ["index", "timeindex"]) {
      const name = `${String(base).padStart(20, "0")}.${kind}`;
      assert.equal(world.sim.unlinkat(AT_FDCWD, `/log/${DIRECTORY}/${name}`, 0), 0);
    }
  }
  assert.equal(ask(world, TIME + 1000 * 311 - 500), undefined);
  world.settle();
  assert.deepEqual(world.door.times, [[5, { offset: 311, timestamp: TIME + 311000 }]]);
  assert.deepEqual(world.loopReads, []);
  assert.ok(world.coldReads.counters.waits > 20, "many steps");
  const [first, second] = world.partition.log.segments;
  assert.deepEqual([first!.rebuild, second!.rebuild], [null, null]);
  world.close();
});

test("a disk that is too slow, cannot read or is evicted too fast ends the lookup", () => {
  const world = coldLog();
  ask(world, TIME + 1000);
  world.turn();
  world.nowMs += COLD_WAIT_MS;
  world.turn();
  assert.deepEqual(world.door.times.splice(0), [[5, ErrorCodes.storage_slow]]);
  world.work();
  ask(world, TIME + 1000);
  world.faulty.plan = (call) => call === "pread" ? -5 : undefined;
  world.settle();
  assert.deepEqual(world.door.times.splice(0), [[5, ErrorCodes.storage_failed]]);
  world.faulty.heal();
  ask(world, TIME + 1000);
  for (let i = 0; world.door.times.length === 0; i += 1) {
    assert.ok(i < 100, "it ends");
    world.turn();
    world.work();
    world.evict([".log", ".index", ".timeindex"]);
  }
  assert.deepEqual(world.door.times, [[5, { offset: 1, timestamp: TIME + 1000 }]]);
  world.close();
});

test("a lookup that waits is refused when its topic goes, or the shard stops", () => {
  const world = coldLog();
  ask(world, TIME + 1000);
  refuseLookups(world.broker, null, ErrorCodes.shutting_down, world.door);
  assert.deepEqual(world.door.times.splice(0), [[5, ErrorCodes.shutting_down]]);
  ask(world, TIME + 1000);
  assert.equal(removeTopic(world.broker, "orders", "", world.door), true);
  assert.deepEqual(world.door.times.splice(0), [[5, ErrorCodes.topic_not_found]]);
  world.settle();
  assert.deepEqual(world.door.times, [], "once");
  world.coldReads.close();
});
