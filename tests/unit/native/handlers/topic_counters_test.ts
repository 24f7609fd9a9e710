/** Operation topic_counters: what went in and out of topics and in all; of many the busiest. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Topic } from "../../../../src/broker/topics.ts";
import { defaultTopicConfig } from "../../../../src/format/topic_config.ts";
import { decodeBody } from "../../../../src/native/codec.ts";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { TOPICS_LISTED_MAX } from "../../../../src/limits.ts";
import { operation, type ReplyOf, type RequestOf } from "../../../../src/native/operations.ts";
import { batchOf } from "../../../support/batches.ts";
import * as frames from "../../../support/frames.ts";
import { type Client, NativeWorld } from "../../../support/native_world.ts";

type Counters = ReplyOf<"topic_counters">;

const ALL = { named: [], newerThan: 0, limit: 1000 };

function ask(client: Client, wanted: RequestOf<"topic_counters"> = ALL): Counters {
  client.give(frames.request("topic_counters", wanted));
  const { body } = client.replies().at(-1)!;
  return decodeBody(operation("topic_counters").reply, body, 0, body.length);
}

const THREE = batchOf([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]);

test("records and bytes of each topic add up to those of all", () => {
  const world = new NativeWorld();
  world.addTopic("b", 1);
  const { cacheHitBytes } = Object.assign(world.addTopic("a", 2), { cacheHitBytes: 7 });
  const client = world.connect();
  for (const [topic, partition] of [["a", 0], ["a", 1], ["b", 0]] as const) {
    client.feed(frames.request("open_partition", { topic, partition }));
  }
  for (const handle of [0, 0, 1, 2]) client.give(frames.produce(handle, THREE));
  world.turn();
  world.settle();
  const { topics, ...all } = ask(client);
  const size = THREE.length;
  const found = topics.map(({ name, recordsIn, bytesIn }) => [name, recordsIn, bytesIn]);
  assert.deepEqual(found.sort(), [["a", 9, 3 * size], ["b", 3, size]]);
  assert.deepEqual([all.recordsIn, all.bytesIn], [12, 4 * size]);
  assert.deepEqual([all.recordsOut, all.bytesOut], [0, 0]);
  assert.equal(topics.find(({ name }) => name === "a")!.cacheHitBytes, cacheHitBytes);
  world.end();
});

test("what is fetched is counted by record, also where a slice ends between batches", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = world.connect();
  client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  for (let i = 0; i < 4; i += 1) client.give(frames.produce(0, THREE));
  world.turn();
  world.settle();
  for (const offset of [0, 6, 3]) {
    client.give(frames.fetch(0, offset, { maxBytes: 2 * THREE.length }));
    world.turn();
  }
  const [counted] = ask(client).topics;
  assert.deepEqual([counted!.recordsOut, counted!.bytesOut], [18, 6 * THREE.length]);
  world.end();
});

test("a reader that goes on is never counted twice, wherever its reads end", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = world.connect();
  client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  // Far more than an index entry covers, so that a read ends where the index says.
  const large = batchOf(Array.from({ length: 50 }, () => new Uint8Array(100)));
  for (let i = 0; i < 40; i += 1) client.give(frames.produce(0, large));
  world.turn();
  world.settle();
  let offset = 0;
  while (offset < 2000) {
    client.give(frames.fetch(0, offset, { maxBytes: 5 * large.length }));
    world.turn();
    const { body } = client.replies().at(-1)!;
    offset += 50 * Math.floor((body.length - 16) / large.length);
  }
  const [counted] = ask(client).topics;
  assert.deepEqual([counted!.recordsOut, counted!.bytesOut], [2000, 40 * large.length]);
  world.end();
});

test("those named, and the busiest of those that are newer", () => {
  const world = new NativeWorld();
  const topics = ["a", "b", "c", "d", "e"].map((name, index) => {
    return Object.assign(world.addTopic(name, 1), { bytesIn: [9, 1, 5, 5, 7][index] });
  });
  const client = world.connect();
  const told = (named: readonly string[], newerThan: number, limit: number): string => {
    const ids = named.map((topicId) => ({ topicId }));
    const { topics, newest } = ask(client, { named: ids, newerThan, limit });
    assert.equal(newest, 5);
    return topics.map(({ name }) => name).join("");
  };
  assert.equal(told([], 0, 2), "ae");
  assert.equal(told([], 0, 3), "aec", "of equals the older one");
  assert.equal(told([], 1, 1), "e");
  assert.equal(told([], 5, 9), "");
  assert.equal(told([], 0, 0), "");
  const unknown = "00000000-0000-4000-8000-00000000dead";
  assert.equal(told([topics[1]!.topicId, unknown], 3, 9), "bde");
  assert.equal(told([topics[4]!.topicId], 0, 1), "ea", "none twice");
  world.end();
});

test("of 10,000 topics no more are told than may be asked for", () => {
  const world = new NativeWorld();
  const { topics } = world.broker;
  const config = defaultTopicConfig();
  for (let number = 0; number < 10_000; number += 1) {
    const id = `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
    topics.add(Object.assign(new Topic(`t${number}`, id, config, []), { bytesIn: number }));
  }
  const client = world.connect();
  const found = ask(client, { named: [], newerThan: 0, limit: 200 });
  const names = found.topics.map(({ name }) => name).sort();
  assert.deepEqual(names, Array.from({ length: 200 }, (_, index) => `t${9800 + index}`));
  assert.equal(ask(client, { ...ALL, limit: 4_000_000_000 }).topics.length, TOPICS_LISTED_MAX);
  const named = Array.from({ length: TOPICS_LISTED_MAX + 1 }, () => {
    return { topicId: found.topics[0]!.topicId };
  });
  client.give(frames.request("topic_counters", { named, newerThan: 0, limit: 0 }));
  assert.equal(client.replies().at(-1)!.code, ErrorCodes.invalid_request);
  world.end();
});
