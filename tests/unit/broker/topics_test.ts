/** Topics by name and partitions by number. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Topic, Topics } from "../../../src/broker/topics.ts";
import { defaultTopicConfig } from "../../../src/format/topic_config.ts";
import type { Partition } from "../../../src/log/partition.ts";

function topic(name: string, id = `${name}-id`): Topic {
  return new Topic(name, id, defaultTopicConfig(), []);
}

/** A log of which only the syncs in flight are looked at. */
function logWith(syncsPending: number): Partition {
  return { syncsPending } as Partition;
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
  assert.equal(topics.count, 4);
});

test("topics are found by name and listed in its order", () => {
  const topics = new Topics();
  for (const name of ["b", "a", "B", "a.b", "a-b"]) topics.add(topic(name));
  assert.equal(topics.get("a.b")!.name, "a.b");
  assert.equal(topics.get("c"), undefined);
  assert.deepEqual(topics.all().map(({ name }) => name), ["B", "a", "a-b", "a.b", "b"]);
});

test("a removed topic has no name, and its partitions keep their numbers while syncs run", () => {
  const topics = new Topics();
  const [a, b, c] = [topic("a"), topic("b"), topic("c")];
  const logs = [logWith(1), logWith(0)];
  topics.add(a);
  topics.add(b);
  const old = logs.map((log) => topics.addPartition(a, log));
  const other = topics.addPartition(b, logWith(0));
  assert.equal(topics.remove("c"), undefined);
  assert.equal(topics.remove("a"), a);
  assert.equal(topics.remove("a"), undefined);
  assert.equal(topics.get("a"), undefined);
  assert.deepEqual(topics.all(), [b]);
  assert.deepEqual(old.map(({ removed }) => removed), [true, true]);
  assert.equal(other.removed, false);
  assert.deepEqual(topics.partitions, [...old, other]);
  assert.equal(topics.count, 1);
  const made = [topics.addPartition(c, logWith(0)), topics.addPartition(c, logWith(0))];
  assert.deepEqual(made.map(({ number }) => number), [1, 3], "0 still waits for a sync");
  logs[0]!.syncsPending = 0;
  assert.equal(topics.addPartition(c, logWith(0)).number, 0);
  assert.equal(topics.addPartition(c, logWith(0)).number, 4);
  assert.equal(topics.count, 5);
  assert.ok(topics.partitions.every((partition, number) => partition.number === number));
});

test("topics are listed a page at a time, and those that are newer than one", () => {
  const topics = new Topics();
  const all = ["b", "a", "d", "c"].map((name) => topic(name));
  for (const one of all) topics.add(one);
  const names = (list: readonly Topic[]) => list.map(({ name }) => name).join("");
  assert.equal(names(topics.page("", 3)), "abc");
  assert.equal(names(topics.page("c", 3)), "d");
  assert.equal(names(topics.page("bb", 1)), "c", "behind a name that is not there");
  assert.equal(topics.newest, 4);
  assert.equal(names(topics.newerThan(0)), "badc");
  assert.equal(names(topics.newerThan(2)), "dc");
  topics.remove("a");
  topics.add(topic("a", "another"));
  assert.equal(names(topics.newerThan(3)), "ca", "made anew is new");
  assert.equal(topics.withId("a-id"), undefined);
  assert.equal(topics.withId("another")!.name, "a");
  assert.equal(names(topics.all()), "abcd");
});
