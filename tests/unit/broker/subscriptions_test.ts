/** Subscriptions over a real log: credit, room, turns, and every way in which one ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO } from "../../../ffi/constants.ts";
import { Broker } from "../../../src/broker/broker.ts";
import { removeTopic } from "../../../src/broker/remove_topic.ts";
import {
  addCredit,
  dropSubscriber,
  endSubscriptions,
  pushBatches,
  roomAgain,
  subscribe,
  Subscriber,
  unsubscribe,
} from "../../../src/broker/subscriptions.ts";
import { Topic } from "../../../src/broker/topics.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Level } from "../../../src/format/levels.ts";
import { defaultTopicConfig } from "../../../src/format/topic_config.ts";
import {
  CREDIT_MAX,
  PUSH_SIZE_MAX,
  PUSHES_PER_TURN,
  SUBSCRIPTIONS_PER_CONNECTION_MAX,
} from "../../../src/limits.ts";
import { batchOfSize, randomBatch } from "../../support/batches.ts";
import { BrokerWorld, Recorder } from "../../support/broker_world.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { LogWorld } from "../../support/log_world.ts";
import { forSeeds } from "../../support/prng.ts";
import { appendMore, begin, MUCH, sizes, step, visibleWorld } from "../../support/subscribing.ts";

test("what is visible is pushed at once, what comes when it becomes visible", () => {
  const world = visibleWorld(3);
  begin(world, { offset: 1 });
  assert.deepEqual(step(world), [200]);
  assert.deepEqual(step(world), [], "once");
  appendMore(world, 2);
  world.turn();
  assert.deepEqual(world.door.takePushes(), [
    { correlation: 7, error: 0, size: 200, position: 300 },
  ]);
  assert.equal(world.broker.counters.pushes, 2);
  assert.equal(world.broker.counters.pushedBytes, 400);
  world.close();
});

test("at level fsync a batch is pushed in the turn in which its sync is reaped, not before", () => {
  const world = new BrokerWorld();
  begin(world);
  appendMore(world, 1);
  world.turn();
  world.beginSync();
  appendMore(world, 1); // belongs to the next group
  world.turn();
  assert.deepEqual(sizes(world), [], "written, not durable");
  world.endSync();
  assert.deepEqual(step(world), [100]);
  world.sync();
  assert.deepEqual(step(world), [100]);
  world.close();
});

test("a push is of whole batches: at most maxBytes and the credit, at least one", () => {
  const world = visibleWorld(10);
  const pushesOf = (credit: number, maxBytes: number): number[] => {
    const subscriber = begin(world, { credit, maxBytes });
    const pushed = step(world);
    dropSubscriber(world.broker, subscriber);
    return pushed;
  };
  assert.deepEqual(pushesOf(MUCH, 350), [300, 300, 300, 100]);
  assert.deepEqual(pushesOf(MUCH, 0), Array(10).fill(100));
  assert.deepEqual(pushesOf(1, MUCH), [100], "one whole batch for the last byte");
  assert.deepEqual(pushesOf(100, MUCH), [100]);
  assert.deepEqual(pushesOf(250, MUCH), [200, 100], "below 0 by the rest of one batch");
  assert.deepEqual(pushesOf(250, 100), [100, 100, 100]);
  assert.deepEqual(pushesOf(0, MUCH), []);
  world.close();
});

test("credit that comes goes on, and only above 0", () => {
  const world = visibleWorld(10);
  const subscriber = begin(world, { credit: 1 });
  assert.deepEqual(step(world), [100]); // the credit is -99
  const give = (bytes: number): number[] => {
    addCredit(world.broker, subscriber, 7, bytes);
    return step(world);
  };
  assert.deepEqual(give(99), [], "it is 0");
  assert.deepEqual(give(1), [100], "it was 1");
  assert.deepEqual(give(100), [100], "what was read is given back: it goes on for ever");
  assert.deepEqual(give(99 + 400), [400]);
  addCredit(world.broker, subscriber, 99, 500);
  assert.deepEqual(step(world), [], "of another subscription");
  assert.deepEqual(give(4294967295), [300]);
  assert.equal(subscriber.byCorrelation.get(7)!.credit, CREDIT_MAX - 300);
  world.close();
});

test("without credit nothing is kept ready, and what becomes visible waits for it", () => {
  const world = visibleWorld(0);
  const subscriber = begin(world, { credit: 0 });
  appendMore(world, 3);
  world.turn();
  assert.deepEqual(sizes(world), []);
  assert.equal(world.broker.pushable.length, 0);
  addCredit(world.broker, subscriber, 7, 200);
  assert.deepEqual(step(world), [200]);
  world.close();
});

test("a full connection gets nothing, and goes on where it was when there is room again", () => {
  const world = visibleWorld(6);
  world.door.room.set(8, 250);
  const subscriber = begin(world, { maxBytes: 100 });
  assert.deepEqual(step(world), [100, 100, 100], "one push may go over");
  assert.equal(world.broker.pushable.length, 0, "nobody looks until there is room");
  appendMore(world, 1);
  world.turn();
  assert.deepEqual(sizes(world), []);
  world.door.room.set(8, 150);
  roomAgain(world.broker, subscriber);
  assert.deepEqual(step(world), [100, 100]);
  world.door.room.set(8, MUCH);
  roomAgain(world.broker, subscriber);
  assert.deepEqual(step(world), [100, 100]);
  roomAgain(world.broker, subscriber);
  assert.equal(world.broker.pushable.length, 0, "there is nothing more");
  world.close();
});

test("subscriptions of a connection take turns", () => {
  const world = visibleWorld(4);
  const subscriber = begin(world, { correlation: 1, maxBytes: 100 });
  begin(world, { subscriber, correlation: 2, maxBytes: 100 });
  begin(world, { subscriber, correlation: 3, maxBytes: 200, offset: 2 });
  world.door.room.set(8, 500);
  const next = (): number[] => {
    pushBatches(world.broker, world.door);
    return world.door.takePushes().map(({ correlation }) => correlation);
  };
  assert.deepEqual(next(), [1, 2, 3, 1]);
  world.door.room.set(8, MUCH);
  roomAgain(world.broker, subscriber);
  assert.deepEqual(next(), [2, 1, 2, 1, 2], "the one whose turn it was is first");
  world.close();
});

test("one connection with many small pushes leaves the turn to the others", () => {
  const world = visibleWorld(PUSHES_PER_TURN + 10);
  begin(world, { maxBytes: 1 });
  begin(world, { subscriber: new Subscriber(9, 1), correlation: 8 });
  pushBatches(world.broker, world.door);
  const first = world.door.takePushes().map(({ correlation }) => correlation);
  assert.deepEqual(first, [...Array(PUSHES_PER_TURN).fill(7), 8]);
  assert.equal(world.broker.pushable.length, 1, "it goes on without being asked");
  assert.deepEqual(step(world), Array(10).fill(100));
  assert.equal(world.broker.pushable.length, 0);
  world.close();
});

test("numbers are used once at a time, and there is a limit to them", () => {
  const world = visibleWorld(0);
  const { broker, partition } = world;
  const subscriber = begin(world, { correlation: 0 });
  const more = (correlation: number): number => {
    return subscribe(broker, subscriber, partition, correlation, 0, 0, 0);
  };
  assert.equal(more(0), ErrorCodes.subscription_exists);
  for (let i = 1; i < SUBSCRIPTIONS_PER_CONNECTION_MAX; i += 1) more(i);
  assert.equal(more(0xffffffff), ErrorCodes.too_many_subscriptions);
  assert.equal(broker.subscriptions, SUBSCRIPTIONS_PER_CONNECTION_MAX);
  assert.equal(unsubscribe(broker, subscriber, 0), true);
  assert.equal(unsubscribe(broker, subscriber, 0), false);
  assert.equal(more(0), ErrorCodes.none);
  dropSubscriber(broker, subscriber);
  assert.deepEqual([broker.subscriptions, partition.firstSubscription], [0, null]);
  world.close();
});

test("after unsubscribe and after the connection's end nothing is pushed", () => {
  const world = visibleWorld(3);
  const subscriber = begin(world, { correlation: 1 });
  begin(world, { subscriber, correlation: 2 });
  assert.equal(unsubscribe(world.broker, subscriber, 1), true, "while it was runnable");
  pushBatches(world.broker, world.door);
  assert.deepEqual(world.door.takePushes().map(({ correlation }) => correlation), [2]);
  begin(world, { subscriber, correlation: 1 });
  dropSubscriber(world.broker, subscriber);
  appendMore(world, 1);
  world.turn();
  assert.deepEqual(world.door.takePushes(), []);
  world.close();
});

test("an offset that the log does not have ends it at once, with one last push", () => {
  for (const offset of [0, 6]) {
    const world = visibleWorld(5);
    world.partition.log.logStart = 1;
    const subscriber = begin(world, { offset });
    pushBatches(world.broker, world.door);
    const heard = world.door.takePushes();
    const error = ErrorCodes.offset_out_of_range;
    assert.deepEqual(heard, [{ correlation: 7, error, size: 0, position: heard[0]!.position }]);
    assert.equal(subscriber.count, 0);
    assert.equal(world.broker.counters.pushes, 0);
    appendMore(world, 3);
    world.turn();
    assert.deepEqual(world.door.takePushes(), [], "it has ended");
    world.close();
  }
});

test("an offset between visible and written end waits until it is visible", () => {
  const world = new BrokerWorld();
  appendMore(world, 4);
  world.turn();
  begin(world, { offset: 2 });
  assert.deepEqual(step(world), []);
  world.sync();
  assert.deepEqual(step(world), [200]);
  world.close();
});

test("retention that passes a slow consumer ends its subscription when it has credit again", () => {
  const world = visibleWorld(5);
  const subscriber = begin(world, { credit: 100 });
  assert.deepEqual(step(world), [100]);
  world.partition.log.logStart = 3;
  addCredit(world.broker, subscriber, 7, 100);
  pushBatches(world.broker, world.door);
  assert.deepEqual(world.door.takePushes().map(({ error }) => error), [
    ErrorCodes.offset_out_of_range,
  ]);
  world.close();
});

test("a deleted topic ends all of its subscriptions, also those without credit or room", () => {
  const world = visibleWorld(2);
  world.door.room.set(8, 0);
  const subscriber = begin(world, { correlation: 1, credit: 0 });
  begin(world, { subscriber, correlation: 2 });
  removeTopic(world.broker, "orders", "", world.door);
  const heard = world.door.takePushes().map(({ correlation, error }) => [correlation, error]);
  const gone = ErrorCodes.topic_not_found;
  assert.deepEqual(heard.sort(), [[1, gone], [2, gone]]);
  assert.deepEqual([subscriber.count, world.broker.subscriptions], [0, 0]);
  world.turn();
  assert.deepEqual(world.door.takePushes(), []);
  world.log.end();
});

test("a stop ends them by name", () => {
  const world = visibleWorld(1);
  begin(world);
  endSubscriptions(world.broker, world.partition, ErrorCodes.shutting_down, world.door);
  assert.deepEqual(world.door.takePushes().map(({ error }) => error), [ErrorCodes.shutting_down]);
  world.close();
});

test("what was visible before a sync failed is pushed, then the subscription ends", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new BrokerWorld({}, faulty.libc);
  appendMore(world, 1);
  world.turn();
  world.sync();
  begin(world, { correlation: 1 });
  assert.deepEqual(step(world), [100]);
  begin(world, { correlation: 2, subscriber: new Subscriber(9, 1) });
  appendMore(world, 1);
  world.turn();
  sizes(world);
  world.beginSync();
  world.endSync(-EIO);
  pushBatches(world.broker, world.door);
  const heard = world.door.takePushes().map(({ correlation, error }) => [correlation, error]);
  assert.deepEqual(heard.sort(), [[1, ErrorCodes.storage_failed], [2, ErrorCodes.storage_failed]]);
  world.close();
});

for (const durability of [Level.fsync, Level.os]) {
  test(`a write that fails for good ends those who waited for more, level ${durability}`, () => {
    const faulty = new FaultyLibc(libcWithoutSyncs);
    const world = new BrokerWorld({ durability }, faulty.libc);
    begin(world);
    assert.deepEqual(step(world), [], "it waits at the end");
    faulty.failNth("pwritev", 1, -EIO);
    appendMore(world, 1);
    world.turn();
    const heard = world.door.takePushes().map(({ error }) => error);
    assert.deepEqual(heard, [ErrorCodes.storage_failed]);
    world.close();
  });
}

test("damage ends a subscription where it begins, and a degraded end ends one too", () => {
  const written = new LogWorld();
  const { partition } = written.open({ segmentBytes: 1024 });
  for (let i = 0; i < 15; i += 1) written.append(partition, batchOfSize(200, i));
  while (!partition.isSynced) written.sync(partition, true);
  written.close(partition);
  const [, second] = [...written.logs().keys()];
  const bytes = written.file(second!);
  written.write(second!, bytes.with(2 * 200 + 8, 255)); // the length of its third batch
  const world = new LogWorld({ root: written.root });
  const { partition: degraded } = world.open({}, { recoveryPoint: 15, logStart: 0 });
  const broker = new Broker(world.reader);
  const topic = new Topic("orders", "", defaultTopicConfig(), []);
  const place = broker.topics.addPartition(topic, degraded);
  const door = new Recorder();
  const bytesFrom = (offset: number): number => {
    subscribe(broker, new Subscriber(8, 1), place, 7, offset, MUCH, 450);
    for (let i = 0; i < 9; i += 1) pushBatches(broker, door);
    const heard = door.takePushes();
    assert.equal(heard.pop()!.error, ErrorCodes.partition_degraded);
    assert.ok(heard.every(({ error, size }) => error === 0 && size > 0));
    return heard.reduce((sum, { size }) => sum + size, 0);
  };
  assert.equal(bytesFrom(0), 7 * 200, "up to the damage");
  assert.equal(bytesFrom(8), 0, "inside of it");
  assert.equal(bytesFrom(10), 5 * 200, "behind it to the end, where nothing will come");
  assert.equal(broker.subscriptions, 0);
  world.close(degraded);
});

test("random credits, rooms, sizes and rolls: every byte once and in order", () => {
  forSeeds(40, (prng) => {
    const world = new BrokerWorld({ durability: Level.os, segmentBytes: 4000 });
    const wanted: number[] = [];
    const produced = (): void => {
      const batch = randomBatch(prng, 3, 300);
      wanted.push(batch.length);
      world.produce(batch, 1);
    };
    const subscribers = [8, 9].map((slot) => new Subscriber(slot, 1));
    const taken = new Map<number, { credit: number; bytes: number; end: number }>();
    for (const correlation of [0, 1, 2, 3]) {
      const credit = prng.pick([0, 1, 100, 5000]);
      const subscriber = subscribers[correlation % 2]!;
      begin(world, { subscriber, correlation, credit, maxBytes: prng.pick([0, 300, 9000]) });
      taken.set(correlation, { credit, bytes: 0, end: 0 });
    }
    const round = (): void => {
      for (const { slot } of subscribers) world.door.room.set(slot, prng.below(3) * 400);
      for (const one of subscribers) roomAgain(world.broker, one);
      world.turn();
      for (const { correlation, error, size, position } of world.door.takePushes()) {
        const state = taken.get(correlation)!;
        assert.equal(error, ErrorCodes.none);
        assert.ok(position === state.end || position === 0, "behind the last, or a new segment");
        state.end = position + size;
        assert.ok(state.credit > 0, "pushed on credit only");
        state.credit -= size;
        state.bytes += size;
      }
    };
    for (let i = 0; i < 60; i += 1) {
      for (let more = prng.below(3); more > 0; more -= 1) produced();
      const correlation = prng.below(4);
      const bytes = prng.below(2000);
      addCredit(world.broker, subscribers[correlation % 2]!, correlation, bytes);
      taken.get(correlation)!.credit += bytes;
      round();
    }
    const total = wanted.reduce((sum, size) => sum + size, 0);
    for (const [correlation, state] of taken) {
      addCredit(world.broker, subscribers[correlation % 2]!, correlation, 2 * total);
      state.credit += 2 * total;
    }
    for (let i = 0; i < 2000 && [...taken.values()].some(({ bytes }) => bytes < total); i += 1) {
      round();
    }
    for (const { bytes } of taken.values()) assert.equal(bytes, total);
    assert.ok(world.log.store.counters.rolls > 0);
    world.close();
  });
});

test("a push stops at its limit, whatever the consumer asks for", () => {
  const world = new BrokerWorld({ durability: Level.os });
  for (let i = 0; i < 3; i += 1) world.produce(batchOfSize(PUSH_SIZE_MAX / 2, i), i);
  world.turn();
  begin(world, { credit: 0xffffffff, maxBytes: 0xffffffff });
  assert.deepEqual(step(world), [PUSH_SIZE_MAX, PUSH_SIZE_MAX / 2]);
  world.close();
});

test("one that ends while it waits for room leaves the queue, wherever it stood", () => {
  for (const gone of [1, 2, 3]) {
    const [world, subscriber] = [visibleWorld(1), new Subscriber(8, 1)];
    for (const correlation of [1, 2, 3]) begin(world, { subscriber, correlation });
    unsubscribe(world.broker, subscriber, gone);
    const left = [1, 2, 3].filter((correlation) => correlation !== gone);
    for (const correlation of left) assert.equal(subscriber.take().correlation, correlation);
    assert.equal(subscriber.hasRunnable, false);
    world.close();
  }
});
