/** Operation topic_counters: what went in and out of each topic, and in all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBody } from "../../../../src/native/codec.ts";
import { operation, type ReplyOf } from "../../../../src/native/operations.ts";
import { batchOf } from "../../../support/batches.ts";
import * as frames from "../../../support/frames.ts";
import { type Client, NativeWorld } from "../../../support/native_world.ts";

type Counters = ReplyOf<"topic_counters">;

function ask(client: Client): Counters {
  client.give(frames.request("topic_counters", {}));
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
