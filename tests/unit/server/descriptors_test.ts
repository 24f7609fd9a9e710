/** Descriptors that are needed against those that may be had. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { ENOENT } from "../../../ffi/constants.ts";
import {
  CONNECTIONS_MIN,
  DESCRIPTORS_SPARE,
  OPEN_SEALED_MAX,
  PARTITIONS_PER_SHARD_MAX,
} from "../../../src/limits.ts";
import {
  judgeDescriptors,
  partitionsMax,
  readDescriptorsMax,
} from "../../../src/server/descriptors.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";

test("the limit of this process is read, and the file is closed again", () => {
  const faulty = new FaultyLibc(libc);
  const limit = readDescriptorsMax(faulty.libc);
  assert.ok(limit >= 64, `${limit} open files`);
  assert.deepEqual([faulty.opened, faulty.count("close")], [1, 1]);
  faulty.failNth("openat", 1, -ENOENT);
  assert.equal(readDescriptorsMax(faulty.libc), Infinity, "nobody says");
});

test("enough is silent, less is a warning that says what is left, too few is an error", () => {
  const others = 100 + OPEN_SEALED_MAX + DESCRIPTORS_SPARE;
  assert.equal(judgeDescriptors(Infinity, 100, 16384).level, "none");
  assert.equal(judgeDescriptors(others + 1000, 100, 1000).level, "none");
  const less = judgeDescriptors(others + 999, 100, 1000);
  assert.equal(less.level, "warning");
  assert.match(less.message, /^999 connections at the most: the limit of open files is 1419;/);
  assert.match(less.message, /100 partitions and 1000 connections need 1420/);
  assert.equal(judgeDescriptors(others + 1049, 100, 1000, 50).level, "warning");
  assert.equal(judgeDescriptors(others + 1050, 100, 1000, 50).level, "none");
  assert.equal(judgeDescriptors(others + CONNECTIONS_MIN, 100, 1000).level, "warning");
  const few = judgeDescriptors(others + CONNECTIONS_MIN - 1, 100, 1000);
  assert.equal(few.level, "error");
  assert.match(few.message, /^too few descriptors: the limit of open files is 435; 100 partitions/);
  assert.match(few.message, /; 436 would do, for \d+ connections$/);
});

test("so many partitions may be made that the next start is not refused, and no more", () => {
  const most = partitionsMax(1024);
  assert.equal(judgeDescriptors(1024, most, 1000).level, "warning");
  assert.equal(judgeDescriptors(1024, most + 1, 1000).level, "error");
  assert.equal(partitionsMax(Infinity), PARTITIONS_PER_SHARD_MAX);
});
