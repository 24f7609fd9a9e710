/** Topics opened while the shard serves: some partitions in a turn, one answer at the end. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { OPENS_PER_TURN } from "../../../src/limits.ts";
import { SerialSyncs } from "../../../src/log/sync_group.ts";
import { makeDirectories } from "../../../src/log/topic_directories.ts";
import { waitMs } from "../../../src/server/timers.ts";
import * as frames from "../../support/frames.ts";
import { type NodeClient, NodeWorld } from "../../support/node_world.ts";

const PARTITIONS = 2 * OPENS_PER_TURN + 3;
const TOPIC = {
  name: "u",
  topicId: "01234567-89ab-4cde-8f01-23456789abcd",
  partitions: PARTITIONS,
  config: [],
};

function control(made: NodeWorld): NodeClient {
  const main = made.connect(true);
  main.ask(frames.hello());
  return main;
}

function add(name: string, correlation: number): Uint8Array {
  return frames.control("add_topic", { ...TOPIC, name, points: [] }, correlation);
}

test("partitions are opened some in a turn, and the answer comes last", () => {
  const made = new NodeWorld();
  const { node } = made;
  const { nodeEpoch, dataFd } = node.start;
  makeDirectories(libc, dataFd, TOPIC, nodeEpoch, new SerialSyncs(libc));
  const main = control(made);
  const opened: number[] = [];
  main.send(add("u", 5));
  made.until(() => node.addedTopics.length > 0, "it is told");
  while (node.addedTopics.length > 0) {
    assert.equal(node.broker.topics.get("u"), undefined, "not before all are open");
    assert.equal(waitMs(node), 0, "the poll waits for nothing");
    const before = made.faulty.count("readDirectory");
    made.turns(1);
    opened.push(made.faulty.count("readDirectory") - before);
  }
  assert.ok(opened.every((count) => count <= OPENS_PER_TURN), `${opened}`);
  assert.equal(node.broker.topics.get("u")!.partitions.length, PARTITIONS);
  assert.deepEqual(main.receive(1).map(({ code, correlation }) => [code, correlation]), [[0, 5]]);
  made.end();
});

test("one after another; what the disk refuses leaves nothing open, the next goes on", () => {
  const made = new NodeWorld();
  mkdirSync(join(made.root, "u-0"));
  writeFileSync(join(made.root, `u-${PARTITIONS - 1}`), "a file where a directory belongs");
  const main = control(made);
  main.send(add("u", 6));
  main.send(add("v", 7));
  made.until(() => made.node.broker.topics.get("v") !== undefined, "the second is open");
  const answers = main.receive(2).map(({ code, correlation }) => [code, correlation]);
  assert.deepEqual(answers, [[ErrorCodes.storage_failed, 6], [0, 7]]);
  assert.equal(made.node.broker.topics.get("u"), undefined);
  assert.equal(made.node.broker.topics.partitions.length, PARTITIONS);
  made.end();
});

test("a shard that is to stop opens what it was told to first", () => {
  const made = new NodeWorld();
  const main = control(made);
  main.send(add("u", 8));
  main.send(frames.control("stop", {}, 9));
  made.until(() => !made.node.running, "it stops");
  assert.equal(made.node.broker.topics.get("u")!.partitions.length, PARTITIONS);
  made.end();
});
