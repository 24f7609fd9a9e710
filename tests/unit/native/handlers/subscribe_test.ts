/** Operation subscribe: the reply, then pushes that hold what a fetch would have given. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { Level } from "../../../../src/format/levels.ts";
import { PUSH_UNSENT_MAX } from "../../../../src/limits.ts";
import { decodeBody } from "../../../../src/native/codec.ts";
import { PUSH_FLAG } from "../../../../src/native/frame.ts";
import { operation } from "../../../../src/native/operations.ts";
import { batchOfSize, concat, sameBytes } from "../../../support/batches.ts";
import * as frames from "../../../support/frames.ts";
import { type Client, NativeWorld, type WireReply } from "../../../support/native_world.ts";

const SUBSCRIBE = operation("subscribe");

function opened(world: NativeWorld, slot: number = 8): Client {
  const client = world.connect({ slot });
  client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  return client;
}

function worldOf(count: number): { world: NativeWorld; client: Client } {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = opened(world);
  for (let i = 0; i < count; i += 1) client.feed(frames.produce(0, batchOfSize(100, i)));
  return { world, client };
}

function pushOf(
  { body }: WireReply,
): { logStart: number; visibleEnd: number; batches: Uint8Array } {
  return decodeBody(SUBSCRIBE.push, body, 0, body.length);
}

test("the ends come as the reply, the batches as a push of the request's correlation", () => {
  const { world, client } = worldOf(3);
  const [reply, push, ...more] = client.feed(frames.subscribe(0, 1, {}, 4000000000));
  assert.equal(more.length, 0);
  assert.deepEqual([reply!.code, reply!.flags, reply!.correlation], [0, 0, 4000000000]);
  assert.deepEqual(decodeBody(SUBSCRIBE.reply, reply!.body, 0, 16), { logStart: 0, visibleEnd: 3 });
  assert.deepEqual([push!.code, push!.flags, push!.correlation], [0, PUSH_FLAG, 4000000000]);
  const [fetched] = client.feed(frames.fetch(0, 1));
  sameBytes(push!.body, fetched!.body, "as a fetch gives it");
  world.end();
});

test("what is produced later comes when it is durable, beside its own acknowledgement", () => {
  const { world, client } = worldOf(0);
  client.feed(frames.subscribe(0, 0, {}, 5));
  client.give(frames.produce(0, batchOfSize(100), 6));
  world.turn();
  assert.deepEqual(client.replies(), [], "written, not durable");
  world.settle();
  const answers = client.replies();
  const seen = answers.map(({ correlation, flags }) => [correlation, flags]);
  assert.deepEqual(seen, [[6, 0], [5, PUSH_FLAG]]);
  assert.equal(pushOf(answers[1]!).visibleEnd, 1);
  world.end();
});

test("it is no outstanding request: fetch and produce on the handle run beside it", () => {
  const { world, client } = worldOf(0);
  client.feed(frames.subscribe(0, 0, {}, 5));
  assert.equal(client.session.outstanding, 0);
  client.give(frames.fetch(0, 0, { maxWaitMs: 60000 }, 6));
  client.give(frames.subscribe(0, 0, {}, 7));
  client.give(frames.addCredit(7, 1));
  client.give(frames.unsubscribe(7, 8));
  assert.equal(client.paused, false, "none waits for the parked fetch");
  assert.deepEqual(client.replies().map(({ correlation }) => correlation), [7, 8]);
  opened(world, 9).feed(frames.produce(0, batchOfSize(100), 1));
  const seen = client.replies().map(({ correlation }) => correlation).sort();
  assert.deepEqual(seen, [5, 6]);
  assert.equal(client.feed(frames.produce(0, batchOfSize(100), 9)).length, 2);
  world.end();
});

test("its session is subscribed for as long as one lives", () => {
  const { world, client } = worldOf(0);
  const { session } = client;
  assert.equal(session.isSubscribed, false);
  client.feed(frames.subscribe(0, 0, {}, 5));
  assert.equal(session.isSubscribed, true);
  client.feed(frames.unsubscribe(5, 6));
  assert.equal(session.isSubscribed, false);
  world.end();
});

test("nothing is queued above the bound of unsent bytes, and it goes on when they are sent", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1, { durability: Level.os });
  const client = opened(world);
  const size = PUSH_UNSENT_MAX / 4;
  for (let i = 0; i < 16; i += 1) client.feed(frames.produce(0, batchOfSize(size, i)));
  client.give(frames.subscribe(0, 0, { maxBytes: size, credit: 16 * size }, 5));
  const batches: Uint8Array[] = [];
  for (let i = 0; i < 40; i += 1) {
    world.turn();
    assert.ok(client.session.reply.pendingBytes < PUSH_UNSENT_MAX + size + 200);
    const pushes = client.replies().filter(({ flags }) => flags === PUSH_FLAG);
    batches.push(...pushes.map((push) => pushOf(push).batches));
    world.door.roomAgain(8);
  }
  const [fetched] = client.feed(frames.fetch(0, 0, { maxBytes: 16 * size }));
  assert.equal(batches.length, 16);
  sameBytes(concat(batches), fetched!.body.subarray(16), "all of it");
  world.end();
});

test("the last push has the error, its words and the flag", () => {
  const { world, client } = worldOf(2);
  const [reply, last] = client.feed(frames.subscribe(0, 7, {}, 5));
  assert.equal(reply!.code, 0);
  assert.deepEqual([last!.code, last!.flags, last!.correlation], [
    ErrorCodes.offset_out_of_range,
    PUSH_FLAG,
    5,
  ]);
  const words = new TextDecoder().decode(last!.body.subarray(2));
  assert.equal(words, "t-0 holds offsets 0 to 2");
  world.end();
});

test("a correlation that is in use is refused, one of a subscription that ended is free", () => {
  const { world, client } = worldOf(0);
  client.feed(frames.subscribe(0, 0, {}, 5));
  const [again] = client.feed(frames.subscribe(0, 0, {}, 5));
  assert.deepEqual([again!.code, again!.flags], [ErrorCodes.subscription_exists, 0]);
  client.feed(frames.unsubscribe(5, 6));
  assert.deepEqual(client.feed(frames.subscribe(0, 0, {}, 5)).map(({ code }) => code), [0]);
  world.end();
});

test("the next client in the slot hears nothing of it", () => {
  const { world, client } = worldOf(0);
  client.feed(frames.subscribe(0, 0, {}, 5));
  client.close();
  assert.equal(world.broker.subscriptions, 0);
  const next = opened(world);
  opened(world, 9).feed(frames.produce(0, batchOfSize(100), 1));
  assert.deepEqual(next.replies(), []);
  world.end();
});
