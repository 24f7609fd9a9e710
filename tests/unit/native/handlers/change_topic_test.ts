/** Control operation change_topic: handed to the server, confirmed, and not for clients. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("main changes a topic, nobody else does", () => {
  const world = new NativeWorld();
  const topicId = "01234567-89ab-4cde-8f01-23456789abcd";
  const change = { name: "t", topicId, config: [{ key: "flush.ms", value: "7" }] };
  const [refused] = world.connect().feed(frames.control("change_topic", change));
  assert.equal(refused!.code, ErrorCodes.not_permitted);
  assert.deepEqual(world.server.changed, []);
  const main = world.connect({ slot: 9, control: true });
  assert.deepEqual(main.feed(frames.control("change_topic", change)).map(({ code }) => code), [0]);
  assert.deepEqual(world.server.changed, [change]);
  world.end();
});
