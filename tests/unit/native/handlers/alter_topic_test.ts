/** Operation alter_topic: refused here by name, or handed to the main thread as it came. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("what cannot be changed so is refused before anybody else hears of it", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  world.addTopic("__consumer_offsets", 1);
  const client = world.connect();
  const right = { name: "t", set: [{ key: "retention.ms", value: "7" }], unset: [] };
  const wrong: [object, number][] = [
    [{ name: "u" }, ErrorCodes.topic_not_found],
    [{ name: "__consumer_offsets" }, ErrorCodes.topic_is_internal],
    [{ set: [{ key: "retention.ms", value: "-2" }] }, ErrorCodes.invalid_config],
    [{ set: [{ key: "retention", value: "7" }] }, ErrorCodes.invalid_config],
    [{ unset: [{ key: "retention" }] }, ErrorCodes.invalid_config],
  ];
  for (const [change, code] of wrong) {
    const [reply] = client.feed(frames.request("alter_topic", { ...right, ...change }));
    assert.equal(reply!.code, code, JSON.stringify(change));
  }
  assert.deepEqual(world.server.altered, []);
  assert.equal(client.session.outstanding, 0);
  assert.deepEqual(client.feed(frames.request("alter_topic", right)), [], "main decides");
  assert.deepEqual(world.server.altered.map(({ request }) => request), [right]);
  assert.equal(client.session.outstanding, 1);
  world.end();
});

test("its answer is an empty body", () => {
  const world = new NativeWorld();
  world.addTopic("t", 1);
  const client = world.connect();
  const main = world.connect({ slot: 9, control: true });
  client.feed(frames.request("alter_topic", { name: "t", set: [], unset: [] }, 5));
  const { token } = world.server.altered[0]!;
  const topicId = "00000000-0000-0000-0000-000000000000";
  main.feed(frames.control("answer", { token, error: 0, message: "", topicId }));
  const [reply] = client.replies();
  assert.deepEqual([reply!.correlation, reply!.code, reply!.body.length], [5, 0, 0]);
  world.end();
});
