/** Answers reach the session that asked, and no other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { REPLY_BYTES_PAUSE } from "../../../src/limits.ts";
import { decodeBody } from "../../../src/native/codec.ts";
import { NativeDoor } from "../../../src/native/door.ts";
import { operation } from "../../../src/native/operations.ts";
import { batchOfSize, concat, sameBytes, stamped } from "../../support/batches.ts";
import * as frames from "../../support/frames.ts";
import { type Client, NativeWorld } from "../../support/native_world.ts";

function opened(world: NativeWorld, slot: number = 8): Client {
  const client = world.connect({ slot });
  client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  return client;
}

function world(): NativeWorld {
  const made = new NativeWorld();
  made.addTopic("t", 1);
  return made;
}

test("the reply of a produce says what was appended where, and how far it got", () => {
  const made = world();
  const client = opened(made);
  const [reply] = client.feed(frames.produce(0, batchOfSize(100), 77));
  assert.equal(reply!.correlation, 77);
  assert.deepEqual(decodeBody(operation("produce").reply, reply!.body, 0, reply!.body.length), {
    baseOffset: 0,
    level: 3,
    reserved: 0,
    reserved2: 0,
    leaderEpoch: 4,
  });
  made.end();
});

test("the reply of a fetch is its header and then the bytes as they lie on disk", () => {
  const made = world();
  const client = opened(made);
  client.feed(frames.produce(0, batchOfSize(100, 1)));
  client.feed(frames.produce(0, batchOfSize(90, 2)));
  const [reply] = client.feed(frames.fetch(0, 0));
  const body = decodeBody(operation("fetch").reply, reply!.body, 0, reply!.body.length);
  assert.deepEqual([body.logStart, body.visibleEnd], [0, 2]);
  const expected = concat([stamped(batchOfSize(100, 1), 0, 4), stamped(batchOfSize(90, 2), 1, 4)]);
  sameBytes(body.batches, expected, "batches");
  const [empty] = client.feed(frames.fetch(0, 2));
  assert.equal(empty!.body.length, 16);
  made.end();
});

test("answers for a connection that is gone are dropped, also when its slot serves another", () => {
  const made = world();
  const first = opened(made);
  first.give(frames.produce(0, batchOfSize(100), 1));
  first.close();
  const second = opened(made); // the same slot
  assert.equal(second.session.slot, first.session.slot);
  made.settle();
  assert.deepEqual(first.replies(), []);
  assert.deepEqual(second.replies(), [], "the answer is not the second client's");
  assert.equal(second.session.outstanding, 0);
  assert.equal(made.broker.topics.partitions[0]!.log.durable.offset, 1, "the batch is written");
  made.end();
});

test("a fetch whose connection ends is cancelled", () => {
  const made = world();
  const first = opened(made);
  first.give(frames.fetch(0, 0, { maxWaitMs: 10000 }, 5));
  assert.equal(made.broker.waiters.deadlines.size, 1);
  first.close();
  assert.equal(made.broker.waiters.deadlines.size, 0);
  first.close(); // closing twice does no harm
  const second = opened(made);
  second.feed(frames.produce(0, batchOfSize(100)));
  assert.deepEqual(second.replies(), []);
  made.end();
});

test("a parked fetch lets other handles and sessions go on, and is answered when true", () => {
  const made = world();
  const reader = opened(made);
  const writer = opened(made, 9);
  reader.give(frames.fetch(0, 0, { maxWaitMs: 10000 }, 5));
  assert.deepEqual(reader.feed(frames.request("ping", {}, 6)).map((r) => r.correlation), [6]);
  writer.feed(frames.produce(0, batchOfSize(100)));
  assert.deepEqual(reader.replies().map((reply) => reply.correlation), [5]);
  made.end();
});

test("a session whose client does not read is left unread", () => {
  const made = world();
  const client = opened(made);
  const ask = frames.request("metadata", { topics: [] });
  for (let i = 0; i < REPLY_BYTES_PAUSE && !client.paused; i += 1) client.give(ask);
  assert.equal(client.paused, true);
  assert.ok(client.sent().length < REPLY_BYTES_PAUSE + 1000, "no more than one reply above it");
  assert.equal(client.feed(new Uint8Array(0)).length, 1, "then the frame that waited is answered");
  made.end();
});

test("create_topic is parked under a token and answered once, to who asked", () => {
  const made = world();
  const asker = made.connect();
  const main = made.connect({ slot: 9, control: true });
  const ask = frames.request("create_topic", { name: "n", partitions: 1, config: [] }, 44);
  assert.deepEqual(asker.feed(ask), []);
  assert.equal(asker.session.outstanding, 1);
  const token = made.server.created[0]!.token;
  const topicId = "01234567-89ab-4cde-8f01-23456789abcd";
  const answer = frames.control("answer", { token, error: 0, message: "", topicId });
  assert.deepEqual(main.feed(answer).map(({ code }) => code), [0]);
  const [reply] = asker.replies();
  assert.deepEqual([reply!.code, reply!.correlation], [0, 44]);
  assert.equal(asker.session.outstanding, 0);
  assert.deepEqual(main.feed(answer).map(({ code }) => code), [0], "a second answer is harmless");
  assert.deepEqual(asker.replies(), []);
  made.end();
});

test("the answer to a parked request of a closed connection goes nowhere", () => {
  const made = world();
  const asker = made.connect();
  const main = made.connect({ slot: 9, control: true });
  asker.feed(frames.request("create_topic", { name: "n", partitions: 1, config: [] }, 44));
  asker.close();
  const next = made.connect();
  const token = made.server.created[0]!.token;
  const topicId = "01234567-89ab-4cde-8f01-23456789abcd";
  main.feed(frames.control("answer", { token, error: ErrorCodes.internal, message: "", topicId }));
  assert.deepEqual(next.replies(), []);
  assert.equal(next.session.outstanding, 0);
  made.end();
});

test("a refused batch says which limit it broke, a refused offset which offsets there are", () => {
  const made = new NativeWorld();
  made.addTopic("t", 1, { maxMessageBytes: 100 });
  const client = opened(made);
  const text = (body: Uint8Array) => new TextDecoder().decode(body.slice(2));
  const [large] = client.feed(frames.produce(0, batchOfSize(101)));
  assert.equal(large!.code, ErrorCodes.batch_too_large);
  assert.equal(text(large!.body), "the limit of t is max.message.bytes=100");
  const [outside] = client.feed(frames.fetch(0, 5));
  assert.equal(text(outside!.body), "t-0 holds offsets 0 to 0");
  made.end();
});

test("tokens fit the 32 bits in which main gives them back, and 0 is nobody's", () => {
  const made = world();
  const { session } = opened(made);
  const door = new NativeDoor(made.broker, made.server, 4294967293);
  const tokens = [1, 2, 3, 4].map((correlation) => {
    return door.park(session, correlation, "commit_offsets");
  });
  assert.deepEqual(tokens, [4294967294, 4294967295, 1, 2]);
  made.end();
});
