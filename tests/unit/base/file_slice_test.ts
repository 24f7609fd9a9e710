/** A shared descriptor is closed once, by whoever lets go last. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptySlice, SharedFile } from "../../../src/base/file_slice.ts";

test("closed with the last reference, and not before", () => {
  const closed: number[] = [];
  const file = new SharedFile(7, (fd) => closed.push(fd));
  file.retain();
  file.retain();
  file.release();
  file.release();
  assert.deepEqual(closed, []);
  file.release();
  assert.deepEqual(closed, [7]);
  assert.throws(() => file.release());
  assert.throws(() => file.retain());
  assert.deepEqual(closed, [7]);
});

test("only an open descriptor is shared, and an empty slice has none", () => {
  assert.throws(() => new SharedFile(-9, () => {}));
  assert.deepEqual(emptySlice(), { file: null, position: 0, size: 0 });
});
