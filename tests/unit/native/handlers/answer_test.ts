/** Control operation answer: what the main thread decided reaches who asked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBody } from "../../../../src/native/codec.ts";
import { ERROR_REPLY, operation } from "../../../../src/native/operations.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

const ID = "01234567-89ab-4cde-8f01-23456789abcd";

test("answers reach their requests, in whatever order they come, as success or as an error", () => {
  const world = new NativeWorld();
  const asker = world.connect();
  const main = world.connect({ slot: 9, control: true });
  for (const correlation of [1, 2]) {
    const topic = { name: `n${correlation}`, partitions: 1, config: [] };
    asker.feed(frames.request("create_topic", topic, correlation));
  }
  const [first, second] = world.server.created.map(({ token }) => token) as [number, number];
  assert.notEqual(first, second);
  main.feed(
    frames.control("answer", { token: second, error: 61, message: "no room", topicId: ID }),
  );
  main.feed(frames.control("answer", { token: first, error: 0, message: "", topicId: ID }));
  const [failed, created] = asker.replies();
  assert.deepEqual([failed!.correlation, failed!.code], [2, 61]);
  const { message } = decodeBody(ERROR_REPLY, failed!.body, 0, failed!.body.length);
  assert.equal(message, "no room");
  assert.deepEqual([created!.correlation, created!.code], [1, 0]);
  const reply = decodeBody(operation("create_topic").reply, created!.body, 0, 16);
  assert.equal(reply.topicId, ID);
  world.end();
});

test("an answer to nothing is confirmed all the same", () => {
  const world = new NativeWorld();
  const main = world.connect({ slot: 9, control: true });
  const nobody = { token: 4294967295, error: 0, message: "", topicId: ID };
  assert.deepEqual(main.feed(frames.control("answer", nobody)).map(({ code }) => code), [0]);
  world.end();
});
