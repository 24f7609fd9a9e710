/** Operation open_partition: handles count from 0 and are the session's own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { Level } from "../../../../src/format/levels.ts";
import { HANDLES_PER_CONNECTION_MAX } from "../../../../src/limits.ts";
import { decodeBody } from "../../../../src/native/codec.ts";
import { operation } from "../../../../src/native/operations.ts";
import { batchOfSize } from "../../../support/batches.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("the reply gives a handle and what there is to know of the partition", () => {
  const world = new NativeWorld();
  world.addTopic("t", 2, { durability: Level.os, maxMessageBytes: 7777 });
  const client = world.connect();
  const open = () => {
    const [reply] = client.feed(frames.request("open_partition", { topic: "t", partition: 1 }));
    return decodeBody(operation("open_partition").reply, reply!.body, 0, reply!.body.length);
  };
  const known = { leaderEpoch: 4, logStart: 0, maxMessageBytes: 7777, durability: Level.os };
  assert.deepEqual(open(), { handle: 0, visibleEnd: 0, ...known });
  client.feed(frames.produce(0, batchOfSize(100)));
  assert.deepEqual(open(), { handle: 1, visibleEnd: 1, ...known });
  const other = world.connect({ slot: 9 });
  assert.equal(other.feed(frames.fetch(0, 0))[0]!.code, ErrorCodes.unknown_handle);
  world.end();
});

test("a topic or partition that is not there is refused by name", () => {
  const world = new NativeWorld();
  world.addTopic("t", 2);
  const client = world.connect();
  const codeOf = (topic: string, partition: number) => {
    return client.feed(frames.request("open_partition", { topic, partition }))[0]!.code;
  };
  assert.equal(codeOf("u", 0), ErrorCodes.topic_not_found);
  assert.equal(codeOf("t", 2), ErrorCodes.partition_not_found);
  assert.equal(codeOf("t", 4294967295), ErrorCodes.partition_not_found);
  world.end();
});

test("a session holds a bounded number of handles", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = world.connect();
  const ask = frames.request("open_partition", { topic: "t", partition: 0 });
  client.feed(ask);
  const [handle] = client.session.handles;
  while (client.session.handles.length < HANDLES_PER_CONNECTION_MAX) {
    client.session.handles.push(handle!);
  }
  assert.equal(client.feed(ask)[0]!.code, ErrorCodes.too_many_handles);
  world.end();
});

test("where topics are created as they are wanted, the request waits for its topic", () => {
  const world = new NativeWorld();
  world.broker.settings = {
    createsTopics: true,
    partitions: 2,
    ofTopics: [],
    segmentBytesMax: Infinity,
  };
  const client = world.connect();
  const main = world.connect({ slot: 9, control: true });
  const open = (topic: string, partition: number, correlation = 1) => {
    return client.feed(frames.request("open_partition", { topic, partition }, correlation));
  };
  const refused: [string, number, number][] = [
    ["a/b", 0, ErrorCodes.invalid_topic_name],
    ["__consumer_offsets", 0, ErrorCodes.topic_is_internal],
    ["new", 2, ErrorCodes.partition_not_found],
  ];
  for (const [topic, partition, code] of refused) {
    assert.equal(open(topic, partition)[0]!.code, code, topic);
  }
  assert.equal(world.server.created.length, 0);
  assert.deepEqual([open("new", 1, 5), open("new", 0, 6), open("never", 0, 7)], [[], [], []]);
  const asked = world.server.created.map(({ request }) => request);
  assert.deepEqual(asked[0], { name: "new", partitions: 2, config: [] });
  world.addTopic("new", 2);
  const topicId = "01234567-89ab-4cde-8f01-23456789abcd";
  const codes = [ErrorCodes.none, ErrorCodes.topic_exists, ErrorCodes.storage_failed];
  world.server.created.forEach(({ token }, index) => {
    main.feed(frames.control("answer", { token, error: codes[index]!, message: "", topicId }));
  });
  const replies = client.replies().map(({ correlation, code }) => [correlation, code]);
  assert.deepEqual(replies, [[5, 0], [6, 0], [7, ErrorCodes.storage_failed]]);
  assert.deepEqual(client.session.handles.map((handle) => handle?.partition.index), [1, 0]);
  assert.equal(client.session.outstanding, 0);
  world.end();
});
