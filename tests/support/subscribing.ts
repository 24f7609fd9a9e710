/** Subscriptions of a broker without sockets: begun with few words, and what was pushed to them. */
import assert from "node:assert/strict";
import { pushBatches, subscribe, Subscriber } from "../../src/broker/subscriptions.ts";
import { ErrorCodes } from "../../src/format/errors.ts";
import { Level } from "../../src/format/levels.ts";
import { batchOfSize } from "./batches.ts";
import { BrokerWorld } from "./broker_world.ts";

export const MUCH = 1048576;

/** A log with `count` visible batches of 100 bytes; at level os a turn makes them visible. */
export function visibleWorld(count: number): BrokerWorld {
  const world = new BrokerWorld({ durability: Level.os });
  appendMore(world, count);
  world.turn();
  return world;
}

export function appendMore(world: BrokerWorld, count: number): void {
  for (let i = 0; i < count; i += 1) world.produce(batchOfSize(100, i), 1000 + i);
}

export interface Shape {
  subscriber?: Subscriber;
  correlation?: number;
  offset?: number;
  credit?: number;
  maxBytes?: number;
}

export function begin(world: BrokerWorld, shape: Shape = {}): Subscriber {
  const { correlation = 7, offset = 0, credit = MUCH, maxBytes = MUCH } = shape;
  const subscriber = shape.subscriber ?? new Subscriber(8, 1);
  const { broker, partition } = world;
  const error = subscribe(broker, subscriber, partition, correlation, offset, credit, maxBytes);
  assert.equal(error, ErrorCodes.none);
  return subscriber;
}

/** Sizes of the pushes since the last call; an error fails. */
export function sizes(world: BrokerWorld): number[] {
  return world.door.takePushes().map(({ error, size }) => {
    assert.equal(error, ErrorCodes.none);
    return size;
  });
}

export function step(world: BrokerWorld): number[] {
  pushBatches(world.broker, world.door);
  return sizes(world);
}
