/** Operation offsets: the ends of a partition, each for what it is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBody } from "../../../../src/native/codec.ts";
import { operation } from "../../../../src/native/operations.ts";
import { batchOfSize } from "../../../support/batches.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("written, durable and visible are told apart", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = world.connect();
  client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  client.feed(frames.produce(0, batchOfSize(100)));
  client.give(frames.produce(0, batchOfSize(100)));
  world.turn(); // written, and no sync yet
  client.give(frames.request("offsets", { handle: 1 })); // not behind the produce, as on handle 0
  const [reply] = client.replies();
  assert.deepEqual(decodeBody(operation("offsets").reply, reply!.body, 0, 32), {
    logStart: 0,
    visibleEnd: 1,
    durableEnd: 1,
    logEnd: 2,
  });
  world.end();
});

test("on one handle it is answered behind the produce before it", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = world.connect();
  client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  client.give(frames.produce(0, batchOfSize(100), 7));
  world.turn(); // written, and no sync yet
  client.give(frames.request("offsets", { handle: 0 }, 8));
  assert.deepEqual(client.replies(), []);
  world.end();
});
