/** Operation offset_for_time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { decodeBody } from "../../../../src/native/codec.ts";
import { operation } from "../../../../src/native/operations.ts";
import { batchOfSize } from "../../../support/batches.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("a record at or after the time, or the visible end; behind what was asked before", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = world.connect();
  client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  const ask = (timestamp: number) => {
    const [reply] = client.feed(frames.request("offset_for_time", { handle: 0, timestamp }));
    return decodeBody(operation("offset_for_time").reply, reply!.body, 0, reply!.body.length);
  };
  assert.deepEqual(ask(0), { offset: 0, timestamp: -1 });
  client.give(frames.produce(0, batchOfSize(100), 1));
  client.give(frames.request("offset_for_time", { handle: 0, timestamp: -5 }, 2));
  assert.equal(client.paused, true, "it waits for the produce");
  const replies = client.feed(new Uint8Array(0));
  assert.deepEqual(replies.map(({ correlation }) => correlation), [1, 2]);
  const found = ask(0);
  assert.equal(found.offset, 0);
  assert.ok(found.timestamp >= 0);
  assert.deepEqual(ask(found.timestamp + 1), { offset: 1, timestamp: -1 });
  const wrong = frames.request("offset_for_time", { handle: 3, timestamp: 0 });
  assert.equal(client.feed(wrong)[0]!.code, ErrorCodes.unknown_handle);
  world.end();
});
