/** Operation pace_subscription: answered, and what a subscription does that it paces. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addCredit,
  dropSubscriber,
  endSubscriptions,
  pace,
  type Subscriber,
} from "../../../../src/broker/subscriptions.ts";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { PUSH_INTERVAL_MS_MAX } from "../../../../src/limits.ts";
import { batchOfSize } from "../../../support/batches.ts";
import type { BrokerWorld } from "../../../support/broker_world.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";
import {
  appendMore,
  begin,
  type Shape,
  sizes,
  step,
  visibleWorld,
} from "../../../support/subscribing.ts";

test("a paced subscription takes what came meanwhile as one push", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = world.connect();
  client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  client.feed(frames.subscribe(0, 0, {}, 5));
  const [answer] = client.feed(frames.pace(5, 60_000, 6));
  assert.deepEqual([answer!.correlation, answer!.code], [6, 0]);
  const correlations = (): number[] => {
    return client.feed(frames.produce(0, batchOfSize(100), 7)).map((reply) => reply.correlation);
  };
  assert.deepEqual(correlations().sort(), [5, 7], "the first one at once");
  assert.deepEqual(correlations(), [7], "then it rests");
  assert.equal(client.feed(frames.pace(5, 0, 8))[0]!.code, 0);
  assert.deepEqual(correlations(), [7], "a rest that goes on stays as it is");
  world.end();
});

test("one that is not there is unknown", () => {
  const world = new NativeWorld();
  const client = world.connect();
  const codeOf = (): number => client.feed(frames.pace(5, 10))[0]!.code;
  assert.equal(codeOf(), ErrorCodes.unknown_subscription);
  world.addTopic("t", 1);
  client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  client.feed(frames.subscribe(0, 0, {}, 4));
  assert.equal(codeOf(), ErrorCodes.unknown_subscription);
  world.end();
});

/** A subscription of `count` batches that rests for 10 ms behind a push to the end. */
function pacedWorld(count: number, shape: Shape = {}): { world: BrokerWorld; paced: Subscriber } {
  const world = visibleWorld(count);
  const paced = begin(world, shape);
  assert.equal(pace(paced, 7, 10), true);
  return { world, paced };
}

test("a paced one rests behind a push to the end, then takes what came meanwhile at once", () => {
  const { world, paced } = pacedWorld(1);
  const more = (): number[] => {
    appendMore(world, 1);
    world.turn();
    return sizes(world);
  };
  assert.deepEqual(step(world), [100], "nothing came before it");
  assert.deepEqual([...more(), ...more()], []);
  assert.equal(world.broker.resting.nextMs, world.broker.nowMs + 10);
  world.broker.nowMs += 9;
  assert.deepEqual(more(), []);
  world.broker.nowMs += 1;
  assert.deepEqual(step(world), [300]);
  world.broker.nowMs += 10;
  assert.deepEqual(step(world), [], "nothing came");
  assert.equal(world.broker.resting.size, 0);
  assert.deepEqual(more(), [100], "after a quiet time it is pushed at once");
  assert.equal(pace(paced, 7, 0), true);
  world.broker.nowMs += 10;
  assert.deepEqual([...step(world), ...more(), ...more()], [100, 100], "it rests no more");
  world.close();
});

test("who catches up is not held up, neither by its rest nor by credit that was used up", () => {
  const { world, paced } = pacedWorld(10, { maxBytes: 300, credit: 500 });
  assert.deepEqual(step(world), [300, 200]);
  addCredit(world.broker, paced, 7, 500);
  assert.deepEqual(step(world), [300, 200], "here is the end");
  appendMore(world, 1);
  world.turn();
  addCredit(world.broker, paced, 7, 500);
  assert.deepEqual(step(world), [], "it rests, whatever comes");
  world.broker.nowMs += 10;
  assert.deepEqual(step(world), [100]);
  world.close();
});

test("one that rests hears of its end at once, and is forgotten with its connection", () => {
  for (const end of [endSubscriptions, dropSubscriber]) {
    const { world, paced } = pacedWorld(1);
    assert.deepEqual(step(world), [100]);
    if (end === dropSubscriber) dropSubscriber(world.broker, paced);
    else endSubscriptions(world.broker, world.partition, ErrorCodes.shutting_down, world.door);
    assert.equal(world.broker.resting.size, 0);
    const errors = world.door.takePushes().map(({ error }) => error);
    assert.deepEqual(errors, end === dropSubscriber ? [] : [ErrorCodes.shutting_down]);
    assert.equal(pace(paced, 7, 10), false);
    world.close();
  }
});

test("of those that have rested each is pushed in a turn of its own", () => {
  const { world, paced } = pacedWorld(1);
  for (const correlation of [8, 9]) {
    begin(world, { subscriber: paced, correlation });
    pace(paced, correlation, 10);
  }
  assert.deepEqual(step(world), [100, 100, 100], "whose first one it is does not wait");
  appendMore(world, 2);
  world.turn();
  world.broker.nowMs += 10;
  assert.deepEqual([step(world), step(world), step(world)], [[200], [200], [200]]);
  assert.deepEqual(step(world), []);
  world.close();
});

test("a rest is bounded", () => {
  const { world, paced } = pacedWorld(1);
  pace(paced, 7, 4294967295);
  assert.deepEqual(step(world), [100]);
  assert.equal(world.broker.resting.nextMs, world.broker.nowMs + PUSH_INTERVAL_MS_MAX);
  world.close();
});
