/** Opening topics: what recovery dropped is told, and a refusal leaves nothing known. */
import assert from "node:assert/strict";
import { appendFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTraceSink } from "../../../src/base/trace.ts";
import { StorageError } from "../../../src/log/files.ts";
import { openTopic } from "../../../src/server/open_topic.ts";
import { batchOfSize, concat, stamped } from "../../support/batches.ts";
import * as frames from "../../support/frames.ts";
import { NodeWorld } from "../../support/node_world.ts";

const TOPIC = {
  name: "u",
  topicId: "01234567-89ab-4cde-8f01-23456789abcd",
  partitions: 3,
  config: [{ key: "segment.bytes", value: "2048" }],
  points: [],
};

test("a topic has its settings and as many partitions as the catalogue says, once", () => {
  const made = new NodeWorld();
  for (let i = 0; i < 2; i += 1) openTopic(made.node, TOPIC, true);
  const { topics } = made.node.broker;
  assert.equal(topics.partitions.length, 3);
  assert.equal(topics.get("u")!.config.segmentBytes, 2048);
  assert.deepEqual(topics.partitions.map(({ log }) => log.directory), ["u-0", "u-1", "u-2"]);
  assert.equal(topics.partitions[0]!.log.leaderEpoch, made.node.start.nodeEpoch);
  made.end();
});

test("partitions that a topic got later are opened beside those that it has", () => {
  const made = new NodeWorld();
  openTopic(made.node, { ...TOPIC, partitions: 1 }, true);
  const [first] = made.node.broker.topics.partitions;
  openTopic(made.node, TOPIC, true);
  const { topics } = made.node.broker;
  const topic = topics.get("u")!;
  assert.deepEqual(topics.partitions.map(({ log }) => log.directory), ["u-0", "u-1", "u-2"]);
  assert.deepEqual(topic.partitions.map(({ index }) => index), [0, 1, 2]);
  assert.equal(topic.partitions[0], first, "whoever has it open goes on");
  for (const { log } of topic.partitions) assert.equal(log.config, topic.config);
  made.end();
});

test("bytes that recovery drops are told, with the place", () => {
  const first = new NodeWorld();
  first.addTopic("t");
  first.client().ask(frames.produce(0, batchOfSize(100)));
  first.end();
  appendFileSync(join(first.root, "t-0", "00000000000000000000.log"), new Uint8Array(33).fill(7));
  const said: string[] = [];
  setTraceSink((level, message) => said.push(`${level} ${message}`));
  const again = new NodeWorld(first.root);
  openTopic(again.node, { ...TOPIC, name: "t", partitions: 1 }, false);
  setTraceSink(() => {});
  assert.deepEqual(said, [
    "warning t-0: dropped 33 unfinished bytes (00000000000000000000.log at 100: short)",
  ]);
  assert.equal(again.node.broker.topics.partitions[0]!.log.written.offset, 1);
  again.end();
});

test("zeros behind the log are cut off without a word: they were written ahead", () => {
  const first = new NodeWorld();
  first.addTopic("t");
  first.client().ask(frames.produce(0, batchOfSize(100)));
  first.end();
  const file = join(first.root, "t-0", "00000000000000000000.log");
  appendFileSync(file, new Uint8Array(70000));
  const said: string[] = [];
  setTraceSink((level, message) => said.push(`${level} ${message}`));
  const again = new NodeWorld(first.root);
  openTopic(again.node, { ...TOPIC, name: "t", partitions: 1 }, false);
  setTraceSink(() => {});
  assert.deepEqual(said, []);
  assert.equal(statSync(file).size, 100);
  again.end();
});

test("what main knows of a partition reaches its recovery", () => {
  const first = new NodeWorld();
  first.addTopic("t", 2);
  const client = first.client();
  for (let i = 0; i < 4; i += 1) client.ask(frames.produce(0, batchOfSize(100, i)));
  first.end();
  const again = new NodeWorld(first.root);
  const points = [{ recoveryPoint: 2, logStart: 1 }];
  openTopic(again.node, { ...TOPIC, name: "t", partitions: 2, points }, false);
  const [known, unknown] = again.node.broker.topics.get("t")!.partitions;
  assert.deepEqual([known!.log.recoveryPoint, known!.log.logStart], [2, 1]);
  assert.deepEqual([unknown!.log.recoveryPoint, unknown!.log.logStart], [0, 0]);
  again.end();
});

test("a topic whose directory cannot be made is not known afterwards", () => {
  const made = new NodeWorld();
  writeFileSync(join(made.root, "u-2"), "a file where a directory belongs");
  assert.throws(() => openTopic(made.node, TOPIC, true), StorageError);
  assert.equal(made.node.broker.topics.get("u"), undefined);
  assert.deepEqual(made.node.broker.topics.partitions, []);
  made.end();
});

test("gaps of a topic that was compacted are no damage, although it is not any more", () => {
  const first = new NodeWorld();
  first.addTopic("t");
  first.end();
  const batches = [3, 10, 11].map((base) => stamped(batchOfSize(200), base, 1));
  writeFileSync(join(first.root, "t-0", "00000000000000000000.log"), concat(batches));
  const points = [{ recoveryPoint: 12, logStart: 0 }];
  const topic = { ...TOPIC, name: "t", partitions: 1, points };
  for (const [more, isWhole] of [[{ wasCompacted: true }, true], [{}, false]] as const) {
    const again = new NodeWorld(first.root);
    openTopic(again.node, { ...topic, ...more }, false);
    const { degraded, written } = again.node.broker.topics.partitions[0]!.log;
    assert.equal(degraded === "", isWhole, degraded);
    if (isWhole) assert.equal(written.offset, 12);
    again.end();
  }
});
