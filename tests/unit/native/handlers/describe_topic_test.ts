/** Operation describe_topic: offsets, size and state of each partition. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { METADATA_TOPICS_MAX } from "../../../../src/limits.ts";
import { decodeBody } from "../../../../src/native/codec.ts";
import { operation, type ReplyOf } from "../../../../src/native/operations.ts";
import { batchOf } from "../../../support/batches.ts";
import * as frames from "../../../support/frames.ts";
import { type Client, NativeWorld } from "../../../support/native_world.ts";

type Topics = ReplyOf<"describe_topic">["topics"];

/** Without a sync of what was written before. */
function describe(client: Client, ...names: string[]): Topics {
  const topics = names.map((name) => ({ name }));
  client.give(frames.request("describe_topic", { topics }));
  const reply = client.replies().at(-1);
  assert.equal(reply!.code, ErrorCodes.none);
  return decodeBody(operation("describe_topic").reply, reply!.body, 0, reply!.body.length).topics;
}

test("what is written, durable and visible is told apart, and the size is that of the log", () => {
  const world = new NativeWorld();
  const topic = world.addTopic("t", 2);
  topic.cacheHitBytes = 7;
  topic.cacheMissBytes = 9;
  const client = world.connect();
  client.feed(frames.request("open_partition", { topic: "t", partition: 1 }));
  const batch = batchOf([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]);
  client.give(frames.produce(0, batch));
  world.turn();
  const written = describe(client, "t")[0]!;
  assert.deepEqual([written.cacheHitBytes, written.cacheMissBytes], [7, 9]);
  assert.deepEqual(written.partitions[1], {
    state: 0,
    logStart: 0,
    visibleEnd: 0,
    durableEnd: 0,
    logEnd: 3,
    sizeBytes: batch.length,
    segments: 1,
  });
  world.settle();
  const { visibleEnd, durableEnd } = describe(client, "t")[0]!.partitions[1]!;
  assert.deepEqual([visibleEnd, durableEnd], [3, 3]);
  assert.equal(describe(client, "t")[0]!.partitions[0]!.logEnd, 0);
  world.end();
});

test("all topics, some, and one that there is not", () => {
  const world = new NativeWorld();
  world.addTopic("b", 1);
  world.addTopic("a", 1);
  const client = world.connect();
  assert.deepEqual(describe(client).map(({ name }) => name), ["a", "b"]);
  const some = describe(client, "x", "a", "a");
  assert.deepEqual(some.map(({ name, error }) => [name, error]), [
    ["a", ErrorCodes.none],
    ["x", ErrorCodes.topic_not_found],
  ]);
  const many = Array.from({ length: METADATA_TOPICS_MAX + 1 }, () => ({ name: "" }));
  const [refused] = client.feed(frames.request("describe_topic", { topics: many }));
  assert.equal(refused!.code, ErrorCodes.invalid_request);
  world.end();
});

test("a partition that takes nothing says so", () => {
  const world = new NativeWorld();
  const topic = world.addTopic("t", 1);
  topic.partitions[0]!.log.broken = true;
  assert.equal(describe(world.connect(), "t")[0]!.partitions[0]!.state, 2);
  world.end();
});
