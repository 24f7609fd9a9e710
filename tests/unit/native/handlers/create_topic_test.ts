/** Operation create_topic: refused here by name, or handed to the main thread as it came. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../../src/format/errors.ts";
import * as frames from "../../../support/frames.ts";
import { NativeWorld } from "../../../support/native_world.ts";

test("what is wrong with a topic is refused before anybody else hears of it", () => {
  const world = new NativeWorld();
  world.addTopic("taken", 1);
  const client = world.connect();
  const right = { name: "n", partitions: 1, config: [] as { key: string; value: string }[] };
  const wrong: [Partial<typeof right>, number][] = [
    [{ name: "" }, ErrorCodes.invalid_topic_name],
    [{ name: ".." }, ErrorCodes.invalid_topic_name],
    [{ name: "a/b" }, ErrorCodes.invalid_topic_name],
    [{ name: "a\u0000" }, ErrorCodes.invalid_topic_name],
    [{ name: "x".repeat(250) }, ErrorCodes.invalid_topic_name],
    [{ partitions: 0 }, ErrorCodes.invalid_partitions],
    [{ partitions: 1025 }, ErrorCodes.invalid_partitions],
    [{ partitions: 4294967295 }, ErrorCodes.invalid_partitions],
    [{ config: [{ key: "x", value: "1" }] }, ErrorCodes.invalid_config],
    [{ config: [{ key: "flush.ms", value: "-1" }] }, ErrorCodes.invalid_config],
    [{ name: "taken" }, ErrorCodes.topic_exists],
  ];
  for (const [change, code] of wrong) {
    const [reply] = client.feed(frames.request("create_topic", { ...right, ...change }));
    assert.equal(reply!.code, code, JSON.stringify(change));
  }
  assert.deepEqual(world.server.created, []);
  assert.equal(client.session.outstanding, 0);
  const largest = { name: "x".repeat(249), partitions: 1024, config: [] };
  client.feed(frames.request("create_topic", largest));
  assert.deepEqual(world.server.created.map(({ request }) => request), [largest]);
  world.end();
});

test("a setting that comes twice is kept once: the catalogue does not grow by repetition", () => {
  const world = new NativeWorld();
  const client = world.connect();
  const again = [3, 5, 4].map((value) => ({ key: "flush.ms", value: String(value) }));
  client.feed(frames.request("create_topic", { name: "n", partitions: 1, config: again }));
  const [created] = world.server.created;
  assert.deepEqual(created!.request.config, [{ key: "flush.ms", value: "4" }]);
  world.end();
});
