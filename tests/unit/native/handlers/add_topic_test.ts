/** Control operation add_topic. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("the shard opens the topic and confirms, or says what the disk refused", () => {
  const world = new NativeWorld();
  const main = world.connect({ control: true });
  const topic = {
    name: "n",
    topicId: "01234567-89ab-4cde-8f01-23456789abcd",
    partitions: 2,
    config: [{ key: "durability", value: "os" }],
    points: [{ recoveryPoint: 9, logStart: 2 }, { recoveryPoint: -1, logStart: -1 }],
  };
  assert.deepEqual(main.feed(frames.control("add_topic", topic)).map(({ code }) => code), [0]);
  assert.deepEqual(world.server.added, [topic]);
  world.server.refusal = "create n-0: ENOSPC";
  const [reply] = main.feed(frames.control("add_topic", topic));
  assert.equal(reply!.code, ErrorCodes.storage_failed);
  assert.equal(new TextDecoder().decode(reply!.body.slice(2)), "create n-0: ENOSPC");
  world.end();
});
