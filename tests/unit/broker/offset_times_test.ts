/** What a door answers to a place: a time, or why there is none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findOffsetTime } from "../../../src/broker/offset_times.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { batchOfSize } from "../../support/batches.ts";
import { BrokerWorld } from "../../support/broker_world.ts";

test("only what is visible has a time; a place that is not there is an error of its own", () => {
  const world = new BrokerWorld();
  const topic = world.partition.topic.name;
  const at = (offset: number, partition = 0, name = topic) => {
    const { error, timestamp } = findOffsetTime(world.broker, { topic: name, partition, offset });
    return [error, timestamp];
  };
  const maxTimestamp = 1700000000000;
  world.produce(batchOfSize(100, 7, { maxTimestamp }), 1);
  world.turn();
  assert.deepEqual(at(0), [0, -1], "it is not visible yet");
  world.sync();
  assert.deepEqual(at(0), [0, maxTimestamp]);
  assert.deepEqual(at(1), [0, -1]);
  assert.deepEqual(at(0, 99), [ErrorCodes.partition_not_found, -1]);
  assert.deepEqual(at(0, 0, "none"), [ErrorCodes.topic_not_found, -1]);
  world.close();
});
