/** A removed topic: everybody who waits is told, and nothing is done for it any more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { deleteRecords } from "../../../src/broker/log_starts.ts";
import { removeTopic } from "../../../src/broker/remove_topic.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Acks, Level } from "../../../src/format/levels.ts";
import { batchOfSize } from "../../support/batches.ts";
import { BrokerWorld } from "../../support/broker_world.ts";

const NOT_FOUND = ErrorCodes.topic_not_found;

function remove(world: BrokerWorld): boolean {
  return removeTopic(world.broker, "orders", "", world.door);
}

for (const durability of [Level.fsync, Level.interval, Level.os]) {
  test(`all who wait are answered, once, at level ${durability}`, () => {
    const world = new BrokerWorld({ durability });
    const { broker, door, partition } = world;
    world.produce(batchOfSize(100, 1), 1);
    world.turn();
    world.sync();
    door.takeAppends();
    world.fetch(1, 2, { maxWaitMs: 60000 });
    world.fetch(0, 3, { minBytes: 1000000, maxWaitMs: 60000 });
    const request = { slot: 8, generation: 1, correlation: 4, handle: 0, offset: 1 };
    deleteRecords(broker, partition, request, door);
    world.produce(batchOfSize(100, 2), 5);
    world.produce(batchOfSize(100, 3), 6, Acks.leader);
    assert.equal(remove(world), true);
    assert.deepEqual(
      door.takeAppends().map(({ correlation, error }) => [correlation, error]).sort(),
      [
        [5, NOT_FOUND],
        [6, NOT_FOUND],
      ],
    );
    const fetches = door.takeFetches().map(({ correlation, error }) => [correlation, error]);
    assert.deepEqual(fetches.sort(), [[2, NOT_FOUND], [3, NOT_FOUND]]);
    assert.deepEqual(door.logStarts, [[4, NOT_FOUND]]);
    assert.equal(broker.waiters.deadlines.size, 0);
    for (const list of [broker.appended, broker.unsynced, broker.moved, broker.attention]) {
      assert.deepEqual(list, []);
    }
    world.turn();
    assert.deepEqual([door.appends, door.fetches], [[], []]);
    assert.equal(world.log.store.counters.writes, 1, "what was staged is not written");
    assert.equal(broker.topics.get("orders"), undefined);
    world.log.end();
  });
}

test("a sync in flight may still report, and nothing follows from it", () => {
  const world = new BrokerWorld();
  world.produce(batchOfSize(100), 1);
  world.turn();
  world.beginSync();
  remove(world);
  const [answer] = world.door.takeAppends();
  assert.deepEqual([answer!.correlation, answer!.error], [1, NOT_FOUND]);
  world.endSync();
  world.turn();
  assert.deepEqual(world.door.appends, []);
  assert.deepEqual(world.broker.unsynced, []);
  assert.equal(world.partition.log.syncsPending, 0);
  world.log.end();
});

test("another topic of the name stays, and a second removal finds none", () => {
  const world = new BrokerWorld();
  assert.equal(removeTopic(world.broker, "orders", "of another one", world.door), false);
  assert.equal(removeTopic(world.broker, "absent", "", world.door), false);
  world.produce(batchOfSize(100), 1);
  world.turn();
  world.sync();
  assert.equal(world.door.takeAppends()[0]!.error, ErrorCodes.none);
  assert.equal(remove(world), true);
  assert.equal(remove(world), false);
  world.log.end();
});
