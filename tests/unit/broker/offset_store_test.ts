/** The offsets of groups in memory: settled in order, bounded, and counted to the byte. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OffsetStore } from "../../../src/broker/offset_store.ts";
import type { OffsetRecord } from "../../../src/format/offset_records.ts";
import { OFFSETS_BYTES_MAX, OFFSETS_PER_GROUP_MAX } from "../../../src/limits.ts";

function record(offset: number | null, partition = 0, group = "g", metadata = ""): OffsetRecord {
  const commit = offset === null
    ? null
    : { offset, leaderEpoch: -1, metadata, timestampMs: 0, topicId: "" };
  return { group, topic: "t", partition, commit };
}

function shown(store: OffsetStore, partition = 0): number | undefined {
  return store.groups.get("g")?.get("t", partition)?.durable?.offset;
}

test("what is staged is shown when it is settled, in order", () => {
  const store = new OffsetStore();
  const [first, second] = [record(1), record(2)];
  store.stage(first);
  store.stage(second);
  assert.equal(shown(store), undefined);
  assert.equal(store.groups.get("g")!.committed, 0);
  store.settle(first, true);
  assert.equal(shown(store), 1);
  store.settle(second, false);
  assert.equal(shown(store), 1);
  assert.equal(store.groups.get("g")!.committed, 1);
});

test("a tombstone takes the entry, unless something is on its way behind it", () => {
  const store = new OffsetStore();
  store.load(record(1));
  const [tombstone, later] = [record(null), record(3)];
  store.stage(tombstone);
  store.stage(later);
  store.settle(tombstone, true);
  assert.equal(shown(store), undefined);
  store.settle(later, true);
  assert.equal(shown(store), 3);
  store.load(record(null));
  assert.equal(store.groups.size, 0);
});

test("the bytes are those of what is there", () => {
  const store = new OffsetStore();
  store.load(record(1, 0, "g", "abc"));
  const before = store.bytes;
  store.load(record(2, 0, "g", "abc"));
  assert.equal(store.bytes, before);
  const refused = record(3, 1, "h", "x".repeat(100));
  store.stage(refused);
  store.settle(refused, false);
  assert.equal(store.bytes, before);
  store.load(record(null));
  assert.equal(store.bytes, 0);
});

test("no group passes its limit, and all together not theirs; what is there may change", () => {
  const store = new OffsetStore();
  for (let i = 0; i < OFFSETS_PER_GROUP_MAX; i += 1) store.load(record(i, i));
  assert.ok(store.hasRoom("g", [record(7, 5)]));
  assert.ok(!store.hasRoom("g", [record(7, OFFSETS_PER_GROUP_MAX)]));
  assert.ok(store.hasRoom("h", [record(7)]));
  store.bytes = OFFSETS_BYTES_MAX;
  assert.ok(store.hasRoom("g", [record(8, 5)]));
  assert.ok(!store.hasRoom("h", [record(7)]));
});

test("tombstones name every key, of one topic or of all", () => {
  const store = new OffsetStore();
  store.load(record(1, 0));
  store.stage(record(2, 4));
  store.load({ ...record(3, 1), topic: "u" });
  const group = store.groups.get("g")!;
  assert.equal([...store.tombstones(group)].length, 3);
  assert.deepEqual([...store.tombstones(group, "t")], [record(null, 0), record(null, 4)]);
});
