/** Operation offset_times. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { OFFSET_TIMES_MAX } from "../../../../src/limits.ts";
import { decodeBody } from "../../../../src/native/codec.ts";
import { operation, type RequestOf } from "../../../../src/native/operations.ts";
import { batchOfSize } from "../../../support/batches.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

type Place = RequestOf<"offset_times">["places"][number];

test("each place has its time, or says why it has none", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = world.connect();
  client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  const maxTimestamp = 1700000000000;
  client.give(frames.produce(0, batchOfSize(100, 7, { maxTimestamp }), 1));
  client.feed(new Uint8Array(0));
  const ask = (places: Place[]) => client.feed(frames.request("offset_times", { places }))[0]!;
  const place = (offset: number, partition = 0, topic = "t") => ({ topic, partition, offset });
  const { body } = ask([place(0), place(1), place(0, 1), place(0, 0, "none")]);
  assert.deepEqual(decodeBody(operation("offset_times").reply, body, 0, body.length).times, [
    { error: 0, timestamp: maxTimestamp },
    { error: 0, timestamp: -1 },
    { error: ErrorCodes.partition_not_found, timestamp: -1 },
    { error: ErrorCodes.topic_not_found, timestamp: -1 },
  ]);
  const many = Array.from({ length: OFFSET_TIMES_MAX + 1 }, () => place(0));
  assert.equal(ask(many).code, ErrorCodes.invalid_request);
  assert.equal(ask(many.slice(1)).code, 0);
  world.end();
});
