/** Control operation remove_topic, and what handles of a removed topic are told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { removeTopic } from "../../../../src/broker/remove_topic.ts";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { batchOfSize } from "../../../support/batches.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

const ID = "01234567-89ab-4cde-8f01-23456789abcd";

test("the server is told, and main gets its confirmation", () => {
  const world = new NativeWorld();
  const main = world.connect({ control: true });
  const topic = { name: "t", topicId: ID };
  assert.deepEqual(main.feed(frames.control("remove_topic", topic)).map(({ code }) => code), [0]);
  assert.deepEqual(world.server.removed, [topic]);
  world.end();
});

test("those who wait and those who ask later are told that the topic is not there", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = world.connect();
  for (let i = 0; i < 3; i += 1) {
    client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  }
  client.feed(frames.produce(0, batchOfSize(100)));
  client.give(frames.produce(0, batchOfSize(100), 1));
  client.give(frames.request("delete_records", { handle: 1, offset: 1 }, 2));
  client.give(frames.fetch(2, 1, { maxWaitMs: 60000 }, 3));
  assert.equal(removeTopic(world.broker, "t", ID, world.door), true);
  const replies = client.replies().map(({ correlation, code }) => [correlation, code]);
  const code = ErrorCodes.topic_not_found;
  assert.deepEqual(replies.sort(), [[1, code], [2, code], [3, code]]);
  assert.equal(client.session.outstanding, 0);
  const later = [
    frames.produce(0, batchOfSize(100)),
    frames.fetch(0, 0),
    frames.request("offsets", { handle: 0 }),
    frames.request("offset_for_time", { handle: 0, timestamp: 0 }),
    frames.request("delete_records", { handle: 0, offset: 0 }),
    frames.request("open_partition", { topic: "t", partition: 0 }),
  ];
  for (const frame of later) {
    assert.deepEqual(client.feed(frame).map((reply) => reply.code), [code]);
  }
  assert.deepEqual(client.feed(frames.produce(0, batchOfSize(100), 9, 0)), [], "acks=0 is silent");
  world.addTopic("t", 1);
  assert.deepEqual(client.feed(frames.fetch(0, 0)).map((reply) => reply.code), [code]);
  const open = frames.request("open_partition", { topic: "t", partition: 0 });
  assert.deepEqual(client.feed(open).map((reply) => reply.code), [0], "the new one is another");
  world.end();
});
