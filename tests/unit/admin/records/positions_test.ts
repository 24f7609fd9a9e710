/** Positions as text: one text for each, and nothing that two readers could read in two ways. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  parsePositions,
  positionsAround,
  positionsText,
  topicTag,
} from "../../../../src/admin/records/positions.ts";
import { HTTP_POSITION_SIZE_MAX, HTTP_STREAM_PARTITIONS_MAX } from "../../../../src/limits.ts";

test("what is written is read", () => {
  for (const text of ["0:0", "0:4711,1:0,1023:9007199254740991", "5:1"]) {
    const { positions, tag } = parsePositions(`${text}@0f1e2d3c`)!;
    assert.equal(positionsText(positions, tag!), `${text}@0f1e2d3c`);
    assert.equal(parsePositions(text)!.tag, null, "by hand it may be left out");
  }
  assert.deepEqual([...parsePositions("0:17,2:4")!.positions], [[0, 17], [2, 4]]);
  assert.equal(topicTag("01234567-89ab-4cde-8f01-23456789abcd"), "01234567");
});

test("around any of its partitions stands what the whole text has there", () => {
  const positions = new Map([[0, 17], [3, 4711], [10, 0], [1023, 9007199254740991]]);
  for (const [partition, offset] of positions) {
    const [before, behind] = positionsAround(positions, "0f1e2d3c", partition);
    assert.equal(`${before}${offset}${behind}`, positionsText(positions, "0f1e2d3c"));
  }
});

test("anything else is none", () => {
  const wrong = [
    "",
    ":",
    "0",
    "0:",
    ":1",
    "0:-1",
    "0:01",
    "00:1",
    "0:1,",
    ",0:1",
    "0:1,0:2",
    "1:0,0:0",
    "1024:0",
    "0:9007199254740992",
    "0: 1",
    "0:1e3",
    "0:1;1:1",
    "０:1",
    "@01234567",
    "0:1@",
    "0:1@0123456",
    "0:1@012345678",
    "0:1@0123456G",
    "0:1@ABCDEF01",
    "0:1@01234567@01234567",
    "0:1@01234567,1:1",
  ];
  for (const text of wrong) assert.equal(parsePositions(text), null, text);
});

test("of so many partitions as a stream may have, and no more, at their longest", () => {
  const of = (count: number) => {
    return Array.from({ length: count }, (_, at) => `${at}:${Number.MAX_SAFE_INTEGER}`).join(",");
  };
  const longest = of(HTTP_STREAM_PARTITIONS_MAX);
  assert.ok(longest.length <= HTTP_STREAM_PARTITIONS_MAX * HTTP_POSITION_SIZE_MAX);
  assert.equal(parsePositions(longest)?.positions.size, HTTP_STREAM_PARTITIONS_MAX);
  assert.equal(parsePositions(of(HTTP_STREAM_PARTITIONS_MAX + 1)), null);
});
