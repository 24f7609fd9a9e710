/** Lists that are emptied, or cut to what is kept. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { shorten } from "../../../src/base/shorten.ts";

test("a list keeps its first items", () => {
  const list: number[] = [1, 2, 3, 4];
  shorten(list, 5);
  assert.deepEqual(list, [1, 2, 3, 4]);
  shorten(list, 3);
  assert.deepEqual(list, [1, 2, 3]);
  shorten(list, 0);
  assert.equal(list.length, 0);
  list.push(7);
  assert.deepEqual(list, [7]);
});
