/** Names of files, both ways. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  indexFile,
  isTopicName,
  parseSegmentFile,
  partitionDirectory,
  segmentFile,
  shardSocketFile,
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

test("topic names: Kafka's characters, 1 to 249 of them, and never a path", () => {
  for (const name of ["a", "A.b_c-9", "...", "-", "_", "x".repeat(249), "..a"]) {
    assert.equal(isTopicName(name), true, name);
  }
  const wrong = ["", ".", "..", "a/b", "a b", "ü", "a\n", "a\u0000", "\\", "x".repeat(250), "a:b"];
  for (const name of wrong) assert.equal(isTopicName(name), false, JSON.stringify(name));
});
