/** Names of groups, and Kafka's partition of each. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { groupPartition, isGroupId } from "../../../src/format/group_ids.ts";

test("a group's partition is by Java's hash of its name", () => {
  // "".hashCode() is 0, "a" 97, "hello" 99162322, "polygenelubricants" the one without absolute.
  assert.equal(groupPartition("", 50), 0);
  assert.equal(groupPartition("a", 50), 97 % 50);
  assert.equal(groupPartition("hello", 50), 99162322 % 50);
  assert.equal(groupPartition("polygenelubricants", 50), 0);
  assert.equal(groupPartition("\u{1f600}", 8), 1772899 % 8); // of UTF-16: 0xd83d * 31 + 0xde00
});

test("a group's name is 1 to 255 bytes", () => {
  assert.ok(isGroupId("g") && isGroupId("é".repeat(127)) && isGroupId("x".repeat(255)));
  assert.ok(!isGroupId("") && !isGroupId("é".repeat(128)) && !isGroupId("x".repeat(256)));
});
