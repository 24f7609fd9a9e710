/** Operation unsubscribe: its answer is behind the last push. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { batchOfSize, concat } from "../../../support/batches.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("what is queued goes out before the answer, nothing after it", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = world.connect();
  client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  client.feed(frames.produce(0, batchOfSize(100)));
  client.give(frames.subscribe(0, 0, { maxBytes: 1 }, 5));
  world.turn();
  client.give(concat([frames.unsubscribe(5, 6), frames.produce(0, batchOfSize(100), 7)]));
  world.settle();
  assert.deepEqual(client.replies().map(({ correlation }) => correlation), [5, 5, 6, 7]);
  assert.deepEqual(client.feed(frames.produce(0, batchOfSize(100), 8)).length, 1);
  world.end();
});

test("one that is not there, or has ended, is unknown", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = world.connect();
  client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  const codeOf = (): number => client.feed(frames.unsubscribe(5, 6))[0]!.code;
  assert.equal(codeOf(), ErrorCodes.unknown_subscription);
  client.feed(frames.subscribe(0, 99, {}, 5)); // ends at once
  assert.equal(codeOf(), ErrorCodes.unknown_subscription);
  client.feed(frames.subscribe(0, 0, {}, 5));
  assert.equal(codeOf(), 0);
  assert.equal(codeOf(), ErrorCodes.unknown_subscription);
  world.end();
});
