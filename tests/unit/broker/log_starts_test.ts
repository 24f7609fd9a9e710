/** Deleting records: answered when main has the log start on disk, once, and nobody else sooner. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  confirmLogStart,
  deleteRecords,
  refuseLogStarts,
  VISIBLE_END,
} from "../../../src/broker/log_starts.ts";
import { EIO } from "../../../ffi/constants.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Level } from "../../../src/format/levels.ts";
import { batchOfSize } from "../../support/batches.ts";
import { BrokerWorld } from "../../support/broker_world.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";

function ask(world: BrokerWorld, offset: number, correlation: number): number {
  const request = { slot: 8, generation: 1, correlation, handle: 0, offset };
  return deleteRecords(world.broker, world.partition, request, world.door);
}

function confirm(world: BrokerWorld, offset: number): void {
  confirmLogStart(world.broker, world.partition, offset, world.door);
}

/** Ten records, synced. */
function filled(durability: Level = Level.fsync): BrokerWorld {
  const world = new BrokerWorld({ durability });
  for (let i = 0; i < 10; i += 1) world.produce(batchOfSize(100, i), i);
  world.turn();
  if (durability === Level.fsync) world.sync();
  return world;
}

test("a request waits until its offset is confirmed, and is answered once", () => {
  const world = filled();
  const { door } = world;
  assert.equal(ask(world, 4, 1), ErrorCodes.none);
  assert.equal(ask(world, 6, 2), ErrorCodes.none);
  assert.equal(ask(world, 5, 3), ErrorCodes.none);
  assert.deepEqual(door.logStarts, []);
  assert.equal(world.partition.log.logStart, 0, "nothing is shown before it is on disk");
  assert.equal(world.partition.log.logStartWanted, 6);
  assert.deepEqual(world.broker.attention, [world.partition], "main is to be told");
  confirm(world, 5);
  assert.deepEqual(door.logStarts, [[1, 0], [3, 0]]);
  confirm(world, 6);
  confirm(world, 6);
  assert.deepEqual(door.logStarts, [[1, 0], [3, 0], [2, 0]]);
  assert.equal(world.partition.log.logStart, 6);
  world.close();
});

test("what is deleted already is answered at once", () => {
  const world = filled();
  ask(world, 4, 1);
  confirm(world, 4);
  world.broker.attention.length = 0;
  for (const offset of [0, 3, 4]) assert.equal(ask(world, offset, 10 + offset), ErrorCodes.none);
  assert.deepEqual(world.door.logStarts, [[1, 0], [10, 0], [13, 0], [14, 0]]);
  assert.deepEqual(world.broker.attention, []);
  world.close();
});

test("above the visible end and below 0 is refused, and nobody waits", () => {
  const world = filled();
  for (const offset of [11, 2 ** 52, -2]) {
    assert.equal(ask(world, offset, 1), ErrorCodes.offset_out_of_range, String(offset));
  }
  assert.deepEqual(world.partition.logStartWaiters, []);
  assert.equal(world.partition.log.logStartWanted, 0);
  world.close();
});

test("the visible end is that of the request", () => {
  const world = filled();
  ask(world, VISIBLE_END, 1);
  world.produce(batchOfSize(100, 99), 11);
  world.turn();
  world.sync();
  confirm(world, 10);
  assert.deepEqual(world.door.logStarts, [[1, 0]]);
  world.close();
});

test("a fetch that waits below the new log start is out of range", () => {
  const world = filled();
  world.fetch(3, 7, { minBytes: 100000, maxWaitMs: 60000 });
  ask(world, 8, 1);
  world.turn();
  assert.deepEqual(world.door.takeFetches(), []);
  confirm(world, 8);
  world.turn();
  const [answer] = world.door.takeFetches();
  assert.deepEqual([answer!.correlation, answer!.error], [7, ErrorCodes.offset_out_of_range]);
  world.close();
});

test("who waits can be refused", () => {
  const world = filled();
  ask(world, 4, 1);
  ask(world, 5, 2);
  refuseLogStarts(world.partition, ErrorCodes.shutting_down, world.door);
  confirm(world, 5);
  const { shutting_down: code } = ErrorCodes;
  assert.deepEqual(world.door.logStarts, [[1, code], [2, code]]);
  world.close();
});

test("when a write fails for good, who waited for a sync hears it", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new BrokerWorld({ durability: Level.os }, faulty.libc);
  world.produce(batchOfSize(100), 1);
  world.turn();
  assert.equal(ask(world, 1, 7), ErrorCodes.none);
  faulty.failNth("pwritev", 1, -EIO);
  world.produce(batchOfSize(100), 2);
  world.turn();
  assert.deepEqual(world.door.logStarts, [[7, ErrorCodes.storage_failed]]);
  world.close();
});
