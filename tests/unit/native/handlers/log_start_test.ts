/** Control operation log_start. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("the server is told, and main gets its confirmation", () => {
  const world = new NativeWorld();
  const main = world.connect({ control: true });
  const topicId = "01234567-89ab-4cde-8f01-23456789abcd";
  const entry = { topic: "t", topicId, partition: 3, offset: 2 ** 40 };
  assert.deepEqual(main.feed(frames.control("log_start", entry)).map(({ code }) => code), [0]);
  assert.deepEqual(world.server.logStarts, [entry]);
  world.end();
});
