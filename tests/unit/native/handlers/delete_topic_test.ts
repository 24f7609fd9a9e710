/** Operation delete_topic: handed to the main thread, answered when it says so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

const NO_ID = "00000000-0000-0000-0000-000000000000";

test("it is parked until main answers, with an empty body or with why not", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const asker = world.connect();
  const main = world.connect({ slot: 9, control: true });
  for (const [correlation, error] of [[5, 0], [6, ErrorCodes.storage_failed]] as const) {
    assert.deepEqual(asker.feed(frames.request("delete_topic", { name: "t" }, correlation)), []);
    assert.equal(asker.session.outstanding, 1);
    const { token, name } = world.server.deleted.at(-1)!;
    assert.equal(name, "t");
    main.feed(frames.control("answer", { token, error, message: "why", topicId: NO_ID }));
    const [reply] = asker.replies();
    assert.deepEqual([reply!.correlation, reply!.code], [correlation, error]);
    assert.equal(reply!.body.length, error === 0 ? 0 : 5);
    assert.equal(asker.session.outstanding, 0);
  }
  world.end();
});

test("main decides also about a topic that this shard does not have", () => {
  const world = new NativeWorld();
  assert.deepEqual(world.connect().feed(frames.request("delete_topic", { name: "t" })), []);
  assert.equal(world.server.deleted.at(-1)!.name, "t");
  world.end();
});
