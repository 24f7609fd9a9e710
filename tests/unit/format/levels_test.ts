/** Levels and acks are one byte on the wire, and never change. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Acks, Level, LEVEL_NAMES, levelName } from "../../../src/format/levels.ts";

test("codes of levels and acks", () => {
  assert.deepEqual({ ...Level }, { none: 0, os: 1, interval: 2, fsync: 3 });
  assert.deepEqual({ ...Acks }, { none: 0, leader: 1, all: 255 });
});

test("every level has its name, and an unknown one promises nothing", () => {
  for (const [name, code] of Object.entries(Level)) {
    assert.equal(levelName(code), name);
    assert.equal(LEVEL_NAMES[code], name);
  }
  for (const code of [4, 255, -1]) assert.equal(levelName(code), "none");
});
