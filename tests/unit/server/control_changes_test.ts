/** Changes of topics and settings: what is durable when the shard hears or answers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ENOSPC } from "../../../ffi/constants.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { ControlWorld } from "../../support/control_world.ts";

test("settings are on disk before the shard has them, and there before the answer", async () => {
  const world = new ControlWorld();
  world.create(1, "a");
  const set = [{ key: "retention.ms", value: "7" }];
  world.control.alterTopic(2, "a", { set, unset: [] });
  world.control.alterTopic(3, "a", { set: [], unset: [{ key: "retention.ms" }] });
  world.control.alterTopic(4, "b", { set, unset: [] });
  world.control.alterTopic(5, "a", { set: [{ key: "retention.ms", value: "x" }], unset: [] });
  await world.answered(5);
  assert.deepEqual(world.heard.slice(2), [
    "change a retention.ms=7 [a:ready:7]",
    "answer 2 0 [a:ready:7]",
    "change a  [a:ready]",
    "answer 3 0 [a:ready]",
    `answer 4 ${ErrorCodes.topic_not_found} [a:ready]`,
    `answer 5 ${ErrorCodes.invalid_config} [a:ready]`,
  ]);
});

test("settings that the disk refuses never reach the shard", async () => {
  const world = new ControlWorld();
  world.create(1, "a");
  await world.answered(1);
  world.refuse("pwrite", ENOSPC);
  world.control.alterTopic(2, "a", { set: [{ key: "retention.ms", value: "7" }], unset: [] });
  assert.equal((await world.answered(2)).error, ErrorCodes.storage_failed);
  assert.deepEqual(world.heard.slice(2), [`answer 2 ${ErrorCodes.storage_failed} [a:ready]`]);
  assert.deepEqual(world.keeper.topics[0]!.config, []);
});

test("partitions are on disk before the shard opens them, with what is known of all", async () => {
  const world = new ControlWorld();
  world.create(1, "a");
  world.control.addPartitions(2, "a", 4);
  world.control.addPartitions(3, "a", 4); // the answer was lost: asked again
  world.control.addPartitions(4, "a", 3);
  await world.answered(4);
  assert.deepEqual(world.heard.slice(2), [
    "add a 4 [a:ready:4]",
    "answer 2 0 [a:ready:4]",
    "add a 4 [a:ready:4]",
    "answer 3 0 [a:ready:4]",
    `answer 4 ${ErrorCodes.invalid_partitions} [a:ready:4]`,
  ]);
  assert.equal(world.again().keeper.topics[0]!.partitions, 4);
});

test("partitions that the disk refuses leave the topic as it was", async () => {
  const world = new ControlWorld();
  world.create(1, "a");
  await world.answered(1);
  world.refuse("mkdirat", ENOSPC, 2);
  world.control.addPartitions(2, "a", 4);
  const answer = await world.answered(2);
  assert.equal(answer.error, ErrorCodes.storage_failed);
  assert.match(answer.message, /a-3.*ENOSPC/);
  assert.deepEqual(world.heard.slice(2), [`answer 2 ${ErrorCodes.storage_failed} [a:ready]`]);
  world.libc.plan = null;
  world.control.addPartitions(3, "a", 3);
  assert.equal((await world.answered(3)).error, ErrorCodes.none);
});

test("partitions that the shard cannot open stay, and are opened when asked again", async () => {
  const world = new ControlWorld();
  world.create(1, "a");
  await world.answered(1);
  world.refusal = "open a-2: EMFILE";
  world.control.addPartitions(2, "a", 3);
  const answer = await world.answered(2);
  assert.equal(answer.error, ErrorCodes.storage_failed);
  assert.match(answer.message, /EMFILE; ask again/);
  world.refusal = "";
  world.control.addPartitions(3, "a", 3);
  assert.equal((await world.answered(3)).error, ErrorCodes.none);
  assert.equal(world.heard.at(-2), "add a 3 [a:ready:3]");
});

test("settings of the broker are on disk before the shard has them", async () => {
  const world = new ControlWorld();
  const three = [{ key: "num.partitions", value: "3" }];
  world.control.alterConfig(1, { set: three, unset: [] });
  world.control.alterConfig(2, { set: [{ key: "sync.method", value: "aio" }], unset: [] });
  world.control.alterConfig(3, { set: [], unset: [{ key: "num.partitions" }] });
  await world.answered(3);
  assert.deepEqual(world.heard, [
    "apply num.partitions=3 of num.partitions=3 []",
    "answer 1 0 []",
    `answer 2 ${ErrorCodes.invalid_config} []`,
    "apply  of  []",
    "answer 3 0 []",
  ]);
  world.refuse("pwrite", ENOSPC);
  world.control.alterConfig(4, { set: three, unset: [] });
  assert.equal((await world.answered(4)).error, ErrorCodes.storage_failed);
  assert.deepEqual(world.keeper.settings, []);
});
