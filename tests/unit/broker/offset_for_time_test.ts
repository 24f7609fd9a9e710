/** What a door answers to a time: a record, or the end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findOffsetForTime } from "../../../src/broker/offset_for_time.ts";
import { batchOfSize } from "../../support/batches.ts";
import { BrokerWorld } from "../../support/broker_world.ts";

test("the first record as new, and the visible end with -1 when there is none", () => {
  const world = new BrokerWorld();
  const at = (timestampMs: number) => findOffsetForTime(world.partition, timestampMs);
  assert.deepEqual(at(0), { offset: 0, timestamp: -1 });
  world.produce(batchOfSize(100), 1);
  world.turn();
  assert.deepEqual(at(0), { offset: 0, timestamp: -1 }, "it is not visible yet");
  world.sync();
  const found = at(0);
  assert.ok(typeof found === "object" && found.offset === 0 && found.timestamp >= 0);
  assert.deepEqual(at(found.timestamp), found);
  assert.deepEqual(at(found.timestamp + 1), { offset: 1, timestamp: -1 });
  world.close();
});
