/** Operation delete_records: in order on its handle, answered when the log start is on disk. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { confirmLogStart } from "../../../../src/broker/log_starts.ts";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { decodeBody } from "../../../../src/native/codec.ts";
import { ERROR_REPLY, operation } from "../../../../src/native/operations.ts";
import { batchOfSize } from "../../../support/batches.ts";
import * as frames from "../../../support/frames.ts";
import { type Client, NativeWorld, type WireReply } from "../../../support/native_world.ts";

function opened(records: number): [NativeWorld, Client] {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = world.connect();
  for (let i = 0; i < 2; i += 1) {
    client.feed(frames.request("open_partition", { topic: "t", partition: 0 }));
  }
  for (let i = 0; i < records; i += 1) client.feed(frames.produce(0, batchOfSize(100, i)));
  return [world, client];
}

function confirm(world: NativeWorld, offset: number): void {
  confirmLogStart(world.broker, world.broker.topics.partitions[0]!, offset, world.door);
}

function logStartOf(reply: WireReply | undefined): number {
  return decodeBody(operation("delete_records").reply, reply!.body, 0, 8).logStart;
}

function ask(offset: number, correlation: number, handle: number = 0): Uint8Array {
  return frames.request("delete_records", { handle, offset }, correlation);
}

test("the answer is the first offset, when it is confirmed", () => {
  const [world, client] = opened(5);
  assert.deepEqual(client.feed(ask(3, 7)), []);
  confirm(world, 3);
  const [reply] = client.replies();
  assert.deepEqual([reply!.correlation, reply!.code, logStartOf(reply)], [7, 0, 3]);
  assert.equal(client.session.outstanding, 0);
  const [again] = client.feed(ask(1, 8));
  assert.deepEqual([again!.correlation, again!.code, logStartOf(again)], [8, 0, 3]);
  world.end();
});

test("all bits set are the visible end", () => {
  const [world, client] = opened(5);
  const frame = ask(0, 7);
  frame.fill(0xff, frame.length - 8);
  assert.deepEqual(frame, ask(-1, 7));
  client.feed(frame);
  confirm(world, 5);
  assert.equal(logStartOf(client.replies()[0]), 5);
  world.end();
});

test("what follows on the handle waits for it, another handle does not", () => {
  const [world, client] = opened(5);
  client.give(ask(3, 1));
  client.give(frames.request("offsets", { handle: 1 }, 2));
  client.give(frames.fetch(0, 4, {}, 3));
  assert.deepEqual(client.replies().map(({ correlation }) => correlation), [2]);
  assert.equal(client.paused, true);
  confirm(world, 3);
  client.give(new Uint8Array(0));
  assert.deepEqual(client.replies().map(({ correlation }) => correlation), [1, 3]);
  world.end();
});

test("it waits for the produce before it", () => {
  const [world, client] = opened(1);
  client.give(frames.produce(0, batchOfSize(100), 1));
  client.give(ask(-1, 2));
  assert.equal(client.paused, true);
  assert.deepEqual(client.feed(new Uint8Array(0)).map(({ correlation }) => correlation), [1]);
  confirm(world, 2);
  assert.equal(logStartOf(client.replies()[0]), 2, "the produced record is deleted too");
  world.end();
});

test("a refusal names what there is, and leaves the handle free", () => {
  const [world, client] = opened(5);
  for (const offset of [6, -2]) {
    const [reply] = client.feed(ask(offset, 1));
    assert.equal(reply!.code, ErrorCodes.offset_out_of_range);
    const { message } = decodeBody(ERROR_REPLY, reply!.body, 0, reply!.body.length);
    assert.equal(message, "t-0 holds offsets 0 to 5");
  }
  assert.equal(client.session.outstanding, 0);
  assert.equal(client.feed(frames.produce(0, batchOfSize(100)))[0]!.code, 0);
  world.end();
});

test("an answer for a connection that is gone is dropped, whoever has its slot", () => {
  const [world, client] = opened(5);
  client.feed(ask(3, 7));
  client.close();
  const second = world.connect();
  confirm(world, 3);
  assert.deepEqual(second.replies(), []);
  world.end();
});
