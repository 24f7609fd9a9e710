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
