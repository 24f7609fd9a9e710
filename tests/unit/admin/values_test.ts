/** Values of paths and queries: what is taken, and what it becomes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { groupName, numberText, topicName } from "../../../src/admin/values.ts";

test("a number is digits, written in one way, within its bounds", () => {
  const number = numberText(1, 20);
  assert.deepEqual([number.parse("1"), number.parse("20")], [1, 20]);
  for (const text of ["0", "21", "", "+1", "-1", "01", "1.0", "1e1", "0x1", " 1", "１", "1n"]) {
    assert.equal(number.safeParse(text).success, false, text);
  }
  assert.equal(numberText(0, Number.MAX_SAFE_INTEGER).safeParse("9007199254740992").success, false);
});

test("a topic has a name that a directory can have", () => {
  for (const name of ["a", "A.b_c-9", "...", "a".repeat(249)]) {
    assert.equal(topicName.parse(name), name);
  }
  for (const name of ["", ".", "..", "a/b", "a b", "ä", "a\n", "a".repeat(250)]) {
    assert.equal(topicName.safeParse(name).success, false, name);
  }
});

test("a group is any name, with ~1 for a slash and ~0 for a tilde", () => {
  const names = { "team~1app": "team/app", "~01": "~1", "~00~1": "~0/", "a b\n": "a b\n" };
  for (const [text, name] of Object.entries(names)) assert.equal(groupName.parse(text), name);
  assert.equal(groupName.parse("~1".repeat(255)), "/".repeat(255), "the name counts");
  for (const text of ["", "~", "a~", "a~b", "~2", "g".repeat(256)]) {
    assert.equal(groupName.safeParse(text).success, false, text);
  }
});
