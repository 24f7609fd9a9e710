/** The control plane over a simulated disk: what is durable when the shard hears or answers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO, ENOSPC } from "../../../ffi/constants.ts";
import { setTraceSink } from "../../../src/base/trace.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import type { SimLibc } from "../../sim/sim_libc.ts";
import { ControlWorld, until } from "../../support/control_world.ts";

test("a topic is on disk before the shard opens it, and open before it is answered", async () => {
  const world = new ControlWorld();
  world.create(1, "a");
  world.create(2, "a");
  world.create(3, "b", 1);
  await world.answered(3);
  assert.deepEqual(world.heard, [
    "add a 0 [a:ready]",
    "answer 1 0 [a:ready]",
    `answer 2 ${ErrorCodes.topic_exists} [a:ready]`,
    "add b 0 [a:ready b:ready:1]",
    "answer 3 0 [a:ready b:ready:1]",
  ]);
  assert.equal(world.answers.get(1)!.topicId, world.keeper.topics[0]!.topicId);
  assert.deepEqual(world.failures, []);
});

test("a topic that the shard cannot open is taken back", async () => {
  const world = new ControlWorld();
  world.refusal = "open a-1: EMFILE";
  world.create(1, "a");
  await world.answered(1);
  assert.deepEqual(world.heard.map((line) => line.split(" [")[0]), [
    "add a 0",
    "remove a",
    `answer 1 ${ErrorCodes.storage_failed}`,
  ]);
  assert.equal(world.answers.get(1)!.message, "open a-1: EMFILE");
  assert.deepEqual(world.keeper.topics, []);
});

test("what the disk refuses is answered, and the name is free again", async () => {
  const world = new ControlWorld();
  world.refuse("mkdirat", ENOSPC, 2);
  world.create(1, "a");
  await world.answered(1);
  assert.equal(world.answers.get(1)!.error, ErrorCodes.storage_failed);
  assert.match(world.answers.get(1)!.message, /a-1.*ENOSPC/);
  assert.equal(world.heard.length, 1, "the shard never heard of it");
  const again = world.again();
  again.create(2, "a");
  assert.equal((await again.answered(2)).error, ErrorCodes.none);
});

test("a deletion is on disk before the shard lets go; its files go after the answer", async () => {
  const world = new ControlWorld();
  world.create(1, "a");
  world.control.deleteTopic(2, "a");
  world.control.deleteTopic(3, "a");
  world.create(4, "a", 1);
  const pause = Promise.withResolvers<void>();
  world.pauseEnds = pause.promise;
  await world.answered(4);
  assert.deepEqual(world.heard.slice(2), [
    "remove a [a:deleting]",
    "answer 2 0 [a:deleting]",
    `answer 3 ${ErrorCodes.topic_not_found} [a:deleting]`,
    "add a 0 [a:ready:1 a:deleting]",
    "answer 4 0 [a:ready:1 a:deleting]",
  ]);
  pause.resolve();
  await world.control.finish();
});

test("files of deleted topics are removed step by step, also those of the last start", async () => {
  const world = new ControlWorld();
  world.create(1, "a");
  world.control.deleteTopic(2, "a");
  world.pauseEnds = new Promise(() => {});
  await world.answered(2);
  const left = world.again();
  assert.equal(left.keeper.deletions.length, 1);
  await until(() => left.keeper.deletions.length === 0);
  assert.ok(left.pauses.length >= 3, "with a pause after each file");
  await left.control.finish();
  assert.deepEqual(left.failures, []);
});

test("a log start is told after it is on disk, where it rose, and never twice", async () => {
  const world = new ControlWorld();
  world.create(1, "a");
  await world.answered(1);
  world.heard.length = 0;
  const told = () => world.heard.splice(0).map((line) => line.split(" [")[0]);
  world.control.checkpoint([world.entry("a", 0, 9, 0), world.entry("a", 1, 9, 4)]);
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
  assert.deepEqual(told(), ["log_start a-1 4 of 4"]);
  world.control.checkpoint([world.entry("a", 0, 9, 5), world.entry("a", 1, 10, 3)]);
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
  assert.deepEqual(told(), ["log_start a-0 5 of 5"]);
  world.control.checkpoint([{ ...world.entry("a", 0, 99, 99), topicId: "of another" }]);
  await world.control.finish();
  assert.deepEqual(told(), []);
  assert.equal(world.keeper.recoveryPoint("a", 0), 9);
});

test("of what arrives while the files are written only the newest is written", async () => {
  const world = new ControlWorld();
  world.create(1, "a");
  await world.answered(1);
  let rounds = 0;
  world.whilePaused = () => {
    rounds += 1;
    if (rounds > 1) return;
    for (let i = 1; i <= 50; i += 1) world.control.checkpoint([world.entry("a", 0, i, 0)]);
    world.control.checkpoint([world.entry("a", 0, 60, 7), world.entry("a", 0, 61, 0)]);
  };
  const before = world.libc.count("renameat");
  world.control.checkpoint([world.entry("a", 0, 0, 0)]);
  for (let i = 0; i < 30; i += 1) await Promise.resolve();
  assert.equal(world.libc.count("renameat") - before, 2, "each file once");
  assert.deepEqual([world.keeper.recoveryPoint("a", 0), world.keeper.logStart("a", 0)], [61, 7]);
  await world.control.finish();
});

test("a checkpoint that the disk refuses is told once and tried again", async () => {
  const world = new ControlWorld();
  const said: string[] = [];
  setTraceSink((_, message) => said.push(message));
  world.create(1, "a");
  await world.answered(1);
  said.length = 0;
  world.refuse("pwrite", ENOSPC);
  let waited = 0;
  world.whilePaused = (milliseconds) => {
    if (milliseconds > 0) waited += 1;
    if (waited === 3) world.libc.plan = null;
  };
  world.control.checkpoint([world.entry("a", 0, 5, 3)]);
  for (let i = 0; i < 200; i += 1) await Promise.resolve();
  assert.equal(waited, 3);
  assert.equal(said.length, 1, said.join("\n"));
  assert.match(said[0]!, /no checkpoint.*ENOSPC/);
  assert.match(world.heard.at(-1)!, /^log_start a-0 3 of 3/);
  setTraceSink(() => {});
});

test("the last offsets of a clean stop go over those that were on their way", async () => {
  const world = new ControlWorld();
  world.create(1, "a");
  await world.answered(1);
  await world.control.finish();
  world.control.checkpoint([world.entry("a", 0, 5, 3), world.entry("a", 1, 1, 1)]);
  assert.equal(world.keeper.recoveryPoint("a", 0), -1, "nothing is begun any more");
  world.control.finishCheckpoints([world.entry("a", 0, 8, 0)]);
  const { keeper } = world;
  const points = [0, 1].map((n) => [keeper.recoveryPoint("a", n), keeper.logStart("a", n)]);
  assert.deepEqual(points, [[8, 3], [1, 1]]);
});

test("a shard that is gone, and a catalogue in doubt, are failures and no crash", async () => {
  const gone = new ControlWorld();
  gone.isGone = true;
  gone.create(1, "a");
  await until(() => gone.failures.length > 0);
  assert.deepEqual(gone.failures.map(({ message }) => message), ["the shard is gone"]);
  const doubtful = new ControlWorld();
  doubtful.refuse("fsync", EIO, 2); // the directory's, after the rename
  doubtful.create(1, "a");
  await until(() => doubtful.failures.length > 0);
  assert.equal(doubtful.keeper.isInDoubt, true);
  assert.match(doubtful.failures[0]!.message, /sync the directory of catalogue.*EIO/);
  assert.equal(doubtful.answers.size, 0, "nobody knows what to answer");
});

test("what is asked for while it stops is answered so, and changes nothing", async () => {
  const world = new ControlWorld();
  world.create(1, "a");
  await world.answered(1);
  world.create(2, "b");
  const finished = world.control.finish();
  world.create(3, "c");
  world.control.deleteTopic(4, "a");
  await finished;
  for (const token of [2, 3, 4]) {
    assert.equal((await world.answered(token)).error, ErrorCodes.shutting_down);
  }
  assert.deepEqual(world.keeper.topics.map(({ name }) => name), ["a"]);
});

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

test("partitions that would keep the broker from starting again are refused", async () => {
  const world = new ControlWorld(); // has room for 8
  world.create(1, "a");
  world.control.createTopic(2, { name: "b", topicId: "", partitions: 7, config: [] });
  world.control.addPartitions(3, "a", 9);
  world.control.addPartitions(4, "a", 6);
  world.create(5, "b");
  const [more, grown] = [await world.answered(2), await world.answered(3)];
  assert.deepEqual([more.error, grown.error], Array(2).fill(ErrorCodes.invalid_partitions));
  assert.match(more.message, /^there is room for 6 partitions: 8 in all/);
  assert.match(grown.message, /^there is room for 8 partitions/);
  assert.equal((await world.answered(4)).error, ErrorCodes.none);
  assert.equal((await world.answered(5)).error, ErrorCodes.none);
  assert.deepEqual(world.keeper.topics.map(({ partitions }) => partitions), [6, 2]);
});

test("a stop in the middle of a deletion leaves no directory open", async () => {
  const world = new ControlWorld();
  const { descriptors } = world.libc.inner as SimLibc;
  world.create(1, "a");
  await world.answered(1);
  const before = descriptors.openCount;
  const pauses = world.pauses.length;
  world.whilePaused = () => {
    if (world.pauses.length === pauses + 2) void world.control.finish();
  };
  world.control.deleteTopic(2, "a");
  await world.answered(2);
  await world.control.finish();
  assert.equal(world.keeper.deletions.length, 1, "the next start goes on");
  assert.equal(descriptors.openCount, before);
});
