/** Offsets of groups over a real log: when they count, what refuses them, what a start finds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { GroupOffsets, type OffsetCommit } from "../../../src/broker/group_offsets.ts";
import { completeSync } from "../../../src/broker/produce.ts";
import { Topic } from "../../../src/broker/topics.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { OFFSETS_TOPIC } from "../../../src/format/internal_topics.ts";
import { defaultTopicConfig } from "../../../src/format/topic_config.ts";
import { Recorder } from "../../support/broker_world.ts";
import { NativeWorld } from "../../support/native_world.ts";

const NONE = ErrorCodes.none;

class OffsetsWorld extends NativeWorld {
  readonly recorder = new Recorder();
  readonly offsets: GroupOffsets = this.broker.offsets;
  readonly topic: Topic;

  constructor() {
    super();
    this.topic = this.addTopic(OFFSETS_TOPIC, 2, { cleanupCompact: true, cleanupDelete: false });
    this.addTopic("orders", 3);
  }

  commit(token: number, change: Partial<OffsetCommit>, offset = 7, metadata = "m"): void {
    const offsets = [{ topic: "orders", partition: 1, offset, leaderEpoch: 2, metadata }];
    const commit = { group: "g", memberId: "", generation: -1, offsets, ...change };
    this.offsets.commit(token, commit, this.recorder);
  }

  /** What a start would find in the log as it is. */
  reloaded(): GroupOffsets {
    const again = new GroupOffsets(this.broker);
    again.opened(this.topic);
    for (let step = 0; again.isLoading; step += 1) {
      assert.ok(step < 1000, "loading ends");
      again.load(null);
    }
    return again;
  }

  sync(): void {
    for (const partition of this.broker.unsynced.splice(0)) {
      partition.syncQueued = false;
      const fds: number[] = [];
      partition.log.beginSync(fds, false);
      for (let i = 0; i < fds.length; i += 1) partition.log.endSync(0);
      completeSync(this.broker, partition, this.recorder);
    }
  }

  step(): void {
    this.turnWith(this.recorder);
  }

  settleAll(): void {
    this.step();
    this.sync();
  }
}

function committed(offsets: GroupOffsets, group = "g", topic = "orders", partition = 1) {
  return offsets.group(group)?.get(topic, partition)?.durable?.offset;
}

test("a commit is answered and shown when it is durable, and a start finds it", () => {
  const world = new OffsetsWorld();
  world.commit(5, {});
  world.step();
  assert.deepEqual(world.recorder.offsets, []);
  assert.equal(committed(world.offsets), undefined);
  world.commit(6, {}, 8, "later");
  world.sync();
  assert.deepEqual(world.recorder.offsets, [{ token: 5, error: NONE, results: [NONE] }]);
  assert.equal(committed(world.offsets), 7);
  world.settleAll();
  assert.equal(world.recorder.offsets.length, 2);
  const again = world.reloaded();
  const { durable } = again.group("g")!.get("orders", 1)!;
  assert.equal(durable!.offset, 8);
  assert.equal(durable!.metadata, "later");
  assert.equal(durable!.leaderEpoch, 2);
  assert.equal(durable!.timestampMs, world.log.store.wallMs);
  world.end();
});

test("each offset has its own result; without a good one nothing is written", () => {
  const world = new OffsetsWorld();
  const entry = { topic: "orders", partition: 0, offset: 1, leaderEpoch: -1, metadata: "" };
  const offsets = [
    entry,
    { ...entry, topic: "absent" },
    { ...entry, partition: 3 },
    { ...entry, metadata: "é".repeat(2049) },
    { ...entry, partition: 2, metadata: "é".repeat(2048) },
  ];
  world.commit(1, { offsets });
  world.settleAll();
  const { topic_not_found, partition_not_found, offset_metadata_too_large } = ErrorCodes;
  const results = [NONE, topic_not_found, partition_not_found, offset_metadata_too_large, NONE];
  assert.deepEqual(world.recorder.offsets.splice(0), [{ token: 1, error: NONE, results }]);
  world.commit(2, { offsets: [offsets[1]!] });
  assert.deepEqual(world.recorder.offsets.splice(0), [
    { token: 2, error: NONE, results: [topic_not_found] },
  ]);
  assert.equal(world.broker.appended.length, 0);
  world.end();
});

test("members, generations and names of no group are refused", () => {
  const world = new OffsetsWorld();
  world.commit(1, { memberId: "m" });
  world.commit(2, { generation: 0 });
  world.commit(3, { group: "" });
  world.commit(4, { group: "é".repeat(128) });
  assert.deepEqual(world.recorder.offsets.map(({ token, error }) => [token, error]), [
    [1, ErrorCodes.unknown_member],
    [2, ErrorCodes.illegal_generation],
    [3, ErrorCodes.invalid_group_id],
    [4, ErrorCodes.invalid_group_id],
  ]);
  assert.equal(world.offsets.counters.refusedCommits, 4);
  world.end();
});

test("a deleted group is gone after a start too; a commit behind it is not", () => {
  const world = new OffsetsWorld();
  world.offsets.remove(1, "g", [], world.recorder);
  assert.deepEqual(world.recorder.offsets.splice(0), [
    { token: 1, error: ErrorCodes.group_not_found, results: [] },
  ]);
  world.commit(2, {});
  world.step(); // not durable yet: it is deleted all the same
  world.offsets.remove(3, "g", [], world.recorder);
  world.settleAll();
  world.settleAll();
  assert.deepEqual(world.recorder.offsets.splice(0).map(({ token }) => token), [2, 3]);
  assert.equal(world.offsets.group("g"), undefined);
  assert.equal(world.offsets.store.bytes, 0);
  assert.equal(world.reloaded().group("g"), undefined);
  world.commit(4, {}, 9);
  world.settleAll();
  assert.equal(committed(world.reloaded()), 9);
  const places = [{ topic: "orders", partition: 0 }, { topic: "orders", partition: 1 }];
  world.offsets.remove(5, "g", places, world.recorder);
  world.settleAll();
  assert.equal(world.reloaded().group("g"), undefined);
  world.end();
});

test("offsets of a deleted topic do not count for a new one of its name", () => {
  const world = new OffsetsWorld();
  world.commit(1, {});
  world.settleAll();
  // A crash comes before the tombstones: the log holds the commit, the catalogue another topic.
  world.broker.topics.remove("orders");
  const config = defaultTopicConfig();
  const id = "76543210-89ab-4cde-8f01-23456789abcd";
  const other = new Topic("orders", id, config, []);
  const [old] = world.topic.partitions;
  for (let i = 0; i < 3; i += 1) other.partitions.push(old!);
  world.broker.topics.add(other);
  const again = world.reloaded();
  assert.equal(committed(again), undefined);
  const partition = world.topic.partitions.find(({ log }) => log.hasStaged)!;
  world.settleAll();
  assert.equal(partition.log.durable.offset, 2); // the commit and its tombstone
  assert.equal(world.reloaded().group("g"), undefined);
  world.commit(2, {}, 3);
  world.settleAll();
  assert.equal(committed(world.reloaded()), 3);
  world.end();
});

test("deleting a topic deletes what was committed in it", () => {
  const world = new OffsetsWorld();
  world.addTopic("other", 1);
  world.commit(1, {});
  const offsets = [{ topic: "other", partition: 0, offset: 4, leaderEpoch: -1, metadata: "" }];
  world.commit(2, { offsets });
  world.settleAll();
  world.broker.topics.remove("orders");
  world.offsets.forgetTopic("orders");
  world.settleAll();
  for (const known of [world.offsets, world.reloaded()]) {
    assert.equal(committed(known), undefined);
    assert.equal(committed(known, "g", "other", 0), 4);
  }
  world.end();
});

test("while it loads, a partition serves nobody, and others do", () => {
  const world = new OffsetsWorld();
  world.commit(1, {});
  world.settleAll();
  const again = new GroupOffsets(world.broker);
  again.opened(world.topic);
  assert.ok(again.isLoading);
  assert.equal(again.refusal("g"), ErrorCodes.group_loading);
  assert.equal(again.refusal("h"), NONE); // of the other partition, which is empty
  assert.equal(again.listRefusal, ErrorCodes.group_loading);
  while (again.isLoading) again.load(null);
  assert.equal(again.refusal("g"), NONE);
  world.end();
});

test("commits wait for the topic, and hear why there is none", () => {
  const world = new NativeWorld();
  const recorder = new Recorder();
  world.addTopic("orders", 1);
  const { offsets } = world.broker;
  let asked = 0;
  offsets.askForTopic = () => (asked += 1);
  const entry = { topic: "orders", partition: 0, offset: 1, leaderEpoch: -1, metadata: "" };
  const commit = { group: "g", memberId: "", generation: -1, offsets: [entry] };
  offsets.commit(1, commit, recorder);
  offsets.commit(2, commit, recorder);
  assert.equal(asked, 1);
  assert.deepEqual(recorder.offsets, []);
  offsets.topicAnswered(ErrorCodes.disk_full, recorder);
  assert.deepEqual(recorder.offsets.splice(0).map(({ token, error }) => [token, error]), [
    [1, ErrorCodes.disk_full],
    [2, ErrorCodes.disk_full],
  ]);
  offsets.commit(3, commit, recorder);
  assert.equal(asked, 2);
  world.addTopic(OFFSETS_TOPIC, 1);
  offsets.topicAnswered(NONE, recorder);
  assert.deepEqual(recorder.offsets, []); // it is written now, and answered when it is durable
  assert.equal(world.broker.appended.length, 1);
  world.turnWith(recorder);
  world.end();
});
