/** Names of files, both ways. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  deletedDirectory,
  indexFile,
  isTopicName,
  parsePartitionDirectory,
  parseSegmentFile,
  parseSnapshotFile,
  partitionDirectory,
  segmentFile,
  shardSocketFile,
  snapshotFile,
  timeIndexFile,
} from "../../../src/format/file_names.ts";
import { forSeeds } from "../../support/prng.ts";

test("a segment's name gives back its offset, and names sort like offsets", () => {
  const offsets = [0, 1, 9, 10, 2 ** 31, 2 ** 32, 2 ** 53 - 1];
  forSeeds(50, (prng) => offsets.push(prng.below(2 ** 20) * 2 ** 32 + prng.next()));
  for (const offset of offsets) {
    assert.equal(parseSegmentFile(segmentFile(offset)), offset);
    assert.equal(segmentFile(offset).length, 24);
  }
  const sorted = [...offsets].sort((a, b) => a - b).map(segmentFile);
  assert.deepEqual([...sorted].sort(), sorted);
  assert.equal(segmentFile(1234), "00000000000000001234.log");
  assert.equal(indexFile(1234), "00000000000000001234.index");
  assert.equal(timeIndexFile(1234), "00000000000000001234.timeindex");
});

test("a snapshot's name gives back its offset", () => {
  assert.equal(snapshotFile(1234), "00000000000000001234.snapshot");
  for (const offset of [0, 1, 2 ** 32, 2 ** 53 - 1]) {
    assert.equal(parseSnapshotFile(snapshotFile(offset)), offset);
  }
  for (
    const name of ["0.snapshot", segmentFile(1), `${snapshotFile(1)}.tmp`, `${"9".repeat(20)}`]
  ) {
    assert.equal(parseSnapshotFile(name), null, name);
  }
});

test("other names are no segments", () => {
  const names = [
    "",
    "0.log",
    "0000000000000000000.log",
    "000000000000000000000.log",
    "00000000000000000000.index",
    "00000000000000000000.log.deleted",
    " 00000000000000000000.log",
    "0000000000000000000a.log",
    "-0000000000000000001.log",
    "00000000000000000000.LOG",
    "00009007199254740992.log", // 2^53
    "99999999999999999999.log",
    "00000000000000000000.log\n",
  ];
  for (const name of names) assert.equal(parseSegmentFile(name), null, JSON.stringify(name));
});

test("directories and sockets", () => {
  assert.equal(partitionDirectory("a-b", 3), "a-b-3");
  assert.equal(shardSocketFile(0), "shard-0.sock");
});

test("a partition's directory gives back its topic and number", () => {
  assert.deepEqual(parsePartitionDirectory("a-b.c_d-12"), { topic: "a-b.c_d", partition: 12 });
  for (
    const name of ["orders", "orders-", "-1", "orders-01", "orders-1x", "a b-1", "..-0", "x-0/.."]
  ) {
    assert.equal(parsePartitionDirectory(name), null, name);
  }
});

test("the directory of a deleted topic is no partition's, and fits a file system", () => {
  const id = "00112233-4455-6677-8899-aabbccddeeff";
  const name = deletedDirectory("a-b", 3, id);
  assert.equal(name, "a-b-3.00112233445566778899aabbccddeeff-delete");
  assert.equal(parsePartitionDirectory(name), null);
  const long = "x".repeat(249);
  for (const partition of [0, 1023]) {
    assert.equal(deletedDirectory(long, partition, id).length, 255);
    assert.ok(deletedDirectory(long, partition, id).endsWith(`x-${partition}.${name.slice(6)}`));
  }
});

test("topic names: Kafka's characters, 1 to 249 of them, and never a path", () => {
  for (const name of ["a", "A.b_c-9", "...", "-", "_", "x".repeat(249), "..a"]) {
    assert.equal(isTopicName(name), true, name);
  }
  const wrong = ["", ".", "..", "a/b", "a b", "ü", "a\n", "a\u0000", "\\", "x".repeat(250), "a:b"];
  for (const name of wrong) assert.equal(isTopicName(name), false, JSON.stringify(name));
});
