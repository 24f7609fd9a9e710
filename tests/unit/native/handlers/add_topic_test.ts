/** Control operation add_topic. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import { answerAddTopic } from "../../../../src/native/handlers/add_topic.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("the shard is told to open the topic, and answers in its own time", () => {
  const world = new NativeWorld();
  const main = world.connect({ control: true });
  const topic = {
    name: "n",
    topicId: "01234567-89ab-4cde-8f01-23456789abcd",
    partitions: 2,
    config: [{ key: "durability", value: "os" }],
    points: [{ recoveryPoint: 9, logStart: 2 }, { recoveryPoint: -1, logStart: -1 }],
  };
  assert.deepEqual(main.feed(frames.control("add_topic", topic, 77)), []);
  const { slot, generation } = main.session;
  assert.deepEqual(world.server.added, [{ request: topic, asker: [slot, generation, 77] }]);
  answerAddTopic(main.session, 77, "");
  answerAddTopic(main.session, 78, "create n-0: ENOSPC");
  const [done, reply] = main.feed(new Uint8Array(0));
  assert.deepEqual([done!.code, done!.correlation, reply!.correlation], [0, 77, 78]);
  assert.equal(reply!.code, ErrorCodes.storage_failed);
  assert.equal(new TextDecoder().decode(reply!.body.slice(2)), "create n-0: ENOSPC");
  world.end();
});
