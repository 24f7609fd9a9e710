/** The lists of partitions that a turn has to look at. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { batchOfSize } from "../../support/batches.ts";
import { BrokerWorld } from "../../support/broker_world.ts";

test("a partition is in each list once, and leaves it with its turn", () => {
  const world = new BrokerWorld();
  const { broker, partition } = world;
  for (let i = 0; i < 3; i += 1) world.produce(batchOfSize(100), i);
  assert.deepEqual(broker.appended, [partition]);
  world.turn();
  assert.deepEqual(broker.appended, []);
  assert.deepEqual(broker.unsynced, [partition]);
  assert.equal(partition.syncDueMs, world.nowMs + partition.log.config.flushMs);
  world.nowMs += 10;
  world.produce(batchOfSize(100), 4);
  world.turn();
  assert.deepEqual(broker.unsynced, [partition], "once");
  assert.equal(partition.syncDueMs, 1000 + partition.log.config.flushMs, "the first write counts");
  world.close();
});

test("counters count what was taken and what was refused", () => {
  const world = new BrokerWorld();
  world.produce(batchOfSize(100), 1);
  world.produce(batchOfSize(90), 2);
  world.produce(batchOfSize(90, 1, { crc: 3 }), 3);
  const { appends, appendedBytes, appendedRecords, refusedAppends } = world.broker.counters;
  assert.deepEqual([appends, appendedBytes, appendedRecords, refusedAppends], [2, 190, 2, 1]);
  world.turn();
  world.close();
});
