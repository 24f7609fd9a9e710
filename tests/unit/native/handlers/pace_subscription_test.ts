/** Operation pace_subscription: answered, and of one that is there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { batchOfSize } from "../../../support/batches.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("a paced subscription takes what came meanwhile as one push", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = world.connect();
  client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  client.feed(frames.subscribe(0, 0, {}, 5));
  const [answer] = client.feed(frames.pace(5, 60_000, 6));
  assert.deepEqual([answer!.correlation, answer!.code], [6, 0]);
  const correlations = (): number[] => {
    return client.feed(frames.produce(0, batchOfSize(100), 7)).map((reply) => reply.correlation);
  };
  assert.deepEqual(correlations().sort(), [5, 7], "the first one at once");
  assert.deepEqual(correlations(), [7], "then it rests");
  assert.equal(client.feed(frames.pace(5, 0, 8))[0]!.code, 0);
  assert.deepEqual(correlations(), [7], "a rest that goes on stays as it is");
  world.end();
});

test("one that is not there is unknown", () => {
  const world = new NativeWorld();
  const client = world.connect();
  const codeOf = (): number => client.feed(frames.pace(5, 10))[0]!.code;
  assert.equal(codeOf(), ErrorCodes.unknown_subscription);
  world.addTopic("t", 1);
  client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  client.feed(frames.subscribe(0, 0, {}, 4));
  assert.equal(codeOf(), ErrorCodes.unknown_subscription);
  world.end();
});
