/** Segments and points of the log. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedFile } from "../../../src/base/file_slice.ts";
import { LogPoint, Segment } from "../../../src/log/segment.ts";

test("a segment with a file has an index to fill, a closed one has none", () => {
  const closed = new Segment(7, 100, null);
  assert.equal(closed.index, null);
  const open = new Segment(7, 100, new SharedFile(3, () => {}));
  assert.equal(open.index!.count, 0);
  assert.deepEqual([open.baseOffset, open.size], [7, 100]);
});

test("a point is set as a whole, and copied as a whole", () => {
  const [a, b] = [new Segment(0, 10, null), new Segment(5, 20, null)];
  const point = new LogPoint(a, 1, 2);
  const copy = new LogPoint(b, 3, 4);
  copy.copyFrom(point);
  point.set(b, 6, 7);
  assert.deepEqual([copy.offset, copy.position], [1, 2]);
  assert.equal(copy.segment, a);
  assert.deepEqual([point.offset, point.position], [6, 7]);
  assert.equal(point.segment, b);
});
