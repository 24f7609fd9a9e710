/** Operation add_credit: never answered, unless its body is wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { PUSH_FLAG } from "../../../../src/native/frame.ts";
import { operation } from "../../../../src/native/operations.ts";
import { batchOfSize } from "../../../support/batches.ts";
import * as frames from "../../../support/frames.ts";
import { type Client, NativeWorld } from "../../../support/native_world.ts";

function opened(): { world: NativeWorld; client: Client } {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = world.connect();
  client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  for (let i = 0; i < 4; i += 1) client.feed(frames.produce(0, batchOfSize(100, i)));
  return { world, client };
}

test("with a credit of one byte batches come one by one, each for what the last one took", () => {
  const { world, client } = opened();
  const first = client.feed(frames.subscribe(0, 0, { credit: 1 }, 5));
  assert.deepEqual(first.map(({ flags }) => flags), [0, PUSH_FLAG]);
  for (let i = 1; i < 4; i += 1) {
    const pushed = client.feed(frames.addCredit(5, 100));
    const seen = pushed.map(({ flags, body }) => [flags, body.length]);
    assert.deepEqual(seen, [[PUSH_FLAG, 116]]);
  }
  assert.deepEqual(client.feed(frames.addCredit(5, 100)), [], "there is no more");
  world.end();
});

test("without a subscription, and for another one, it changes nothing", () => {
  const { world, client } = opened();
  assert.deepEqual(client.feed(frames.addCredit(5, 100)), []);
  client.feed(frames.subscribe(0, 0, { credit: 0 }, 5));
  assert.deepEqual(client.feed(frames.addCredit(6, 100)), []);
  client.feed(frames.unsubscribe(5, 6));
  assert.deepEqual(client.feed(frames.addCredit(5, 100)), []);
  world.end();
});

test("a body that does not fit is an error", () => {
  const { world, client } = opened();
  const { code } = operation("add_credit");
  for (const size of [0, 7, 9]) {
    const [reply] = client.feed(frames.frame({ operation: code }, new Uint8Array(size)));
    assert.equal(reply!.code, ErrorCodes.invalid_request);
  }
  world.end();
});
