/** Topics by name and partitions by number. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Topic, Topics } from "../../../src/broker/topics.ts";
import { defaultTopicConfig } from "../../../src/format/topic_config.ts";
import type { Partition } from "../../../src/log/partition.ts";

function topic(name: string): Topic {
  return new Topic(name, "id", defaultTopicConfig(), []);
}

test("partitions count from 0 in their topic and on through the shard", () => {
  const topics = new Topics();
  const log = {} as Partition;
  const [a, b] = [topic("a"), topic("b")];
  topics.add(a);
  topics.add(b);
  const made = [a, a, b, a].map((of) => topics.addPartition(of, log));
  assert.deepEqual(made.map(({ index }) => index), [0, 1, 0, 2]);
  assert.deepEqual(made.map(({ number }) => number), [0, 1, 2, 3]);
  assert.deepEqual(topics.partitions, made);
  assert.deepEqual(a.partitions, [made[0], made[1], made[3]]);
  assert.equal(made[2]!.topic, b);
});

test("topics are found by name and listed in its order", () => {
  const topics = new Topics();
  for (const name of ["b", "a", "B", "a.b", "a-b"]) topics.add(topic(name));
  assert.equal(topics.get("a.b")!.name, "a.b");
  assert.equal(topics.get("c"), undefined);
  assert.deepEqual(topics.all().map(({ name }) => name), ["B", "a", "a-b", "a.b", "b"]);
});
