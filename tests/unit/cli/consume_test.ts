import assert from "node:assert/strict";
import { test } from "node:test";
import { firstOffset } from "../../../src/cli/consume.ts";

test("--from names an offset", () => {
  const partition = { logStart: 5, visibleEnd: 9 };
  assert.equal(firstOffset("beginning", partition), 5);
  assert.equal(firstOffset("end", partition), 9);
  assert.equal(firstOffset(7, partition), 7);
});
