/** The record cursor: every field of every record, and nothing of what is malformed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordCursor } from "../../../src/format/record_cursor.ts";
import {
  type BatchShape,
  encodeBatch,
  encodeRecord,
  HEADER_SIZE,
  memoryOf,
  type RecordShape,
  varint,
} from "../../support/batches.ts";
import { forSeeds, type Prng } from "../../support/prng.ts";

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function cursorOver(body: readonly number[], count: number, shape: BatchShape = {}): RecordCursor {
  const batch = encodeBatch(body, count, shape);
  const memory = memoryOf(batch, 9);
  const cursor = new RecordCursor();
  cursor.open(memory, 9, memory.bytes, 9 + HEADER_SIZE, 9 + batch.length);
  return cursor;
}

function problemOf(body: readonly number[], count: number, shape: BatchShape = {}): string {
  const cursor = cursorOver(body, count, shape);
  while (cursor.next());
  return cursor.problem;
}

function slice(cursor: RecordCursor, isNull: boolean, start: number, end: number): number[] | null {
  return isNull ? null : [...cursor.bytes.subarray(start, end)];
}

function randomRecord(prng: Prng): RecordShape {
  const some = () => prng.chance(20) ? null : prng.bytes(prng.below(200));
  const headers = Array.from(
    { length: prng.below(3) },
    (_, at) => ({ key: `h${at}`, value: some() }),
  );
  return { key: some(), value: some(), headers, timestampDelta: prng.between(-5000, 5000000) };
}

test("every record comes out as it went in, and so does every header", () => {
  forSeeds(100, (prng) => {
    const shapes = Array.from({ length: prng.between(1, 20) }, () => randomRecord(prng));
    const body = shapes.flatMap(encodeRecord);
    const cursor = cursorOver(body, shapes.length, {
      baseOffset: 77,
      baseTimestamp: 9000000000000,
    });
    shapes.forEach((shape, at) => {
      assert.ok(cursor.next(), cursor.problem);
      assert.equal(cursor.offset, 77 + at);
      assert.equal(cursor.timestampMs, 9000000000000 + (shape.timestampDelta ?? 0));
      const key = slice(cursor, cursor.keyIsNull, cursor.keyStart, cursor.keyEnd);
      assert.deepEqual(key, shape.key === null ? null : [...shape.key!]);
      const value = slice(cursor, cursor.valueIsNull, cursor.valueStart, cursor.valueEnd);
      assert.deepEqual(value, shape.value === null ? null : [...shape.value!]);
      for (const header of shape.headers ?? []) {
        assert.ok(cursor.nextHeader());
        assert.deepEqual(
          slice(cursor, false, cursor.headerKeyStart, cursor.headerKeyEnd),
          [...utf8(header.key)],
        );
        assert.deepEqual(
          slice(cursor, cursor.headerValueIsNull, cursor.headerValueStart, cursor.headerValueEnd),
          header.value === null ? null : [...header.value],
        );
      }
      assert.ok(!cursor.nextHeader());
    });
    assert.ok(!cursor.next());
    assert.equal(cursor.problem, "");
  });
});

test("headers need not be read", () => {
  const shape = { value: utf8("v"), headers: [{ key: "a", value: utf8("b") }] };
  const cursor = cursorOver([...encodeRecord(shape, 0), ...encodeRecord(shape, 1)], 2);
  assert.ok(cursor.next());
  assert.ok(cursor.next());
  assert.equal(cursor.offset, 1);
  assert.ok(!cursor.next());
  assert.equal(cursor.problem, "");
});

test("timestamps are exact wherever they fit 53 bits", () => {
  for (let bits = 0; bits <= 53; bits += 1) {
    for (const delta of [2 ** bits - 1, -(2 ** bits) + 1, 2 ** Math.min(bits, 52)]) {
      const high = BigInt(delta) < 0n ? -BigInt(delta) * 2n - 1n : BigInt(delta) * 2n;
      const long: number[] = [];
      for (let rest = high; long.length === 0 || rest > 0n; rest >>= 7n) {
        long.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
      }
      const body = [0, ...long, 0, 1, 1, 0];
      const cursor = cursorOver([...varint(body.length), ...body], 1, { baseTimestamp: 0 });
      assert.ok(cursor.next(), cursor.problem);
      assert.equal(cursor.timestampMs, delta);
    }
  }
});

test("with append time all records have that of the batch", () => {
  const body = encodeRecord({ timestampDelta: 5 }, 0);
  const cursor = cursorOver(body, 1, { attributes: 8, baseTimestamp: 100, maxTimestamp: 900 });
  assert.ok(cursor.next());
  assert.equal(cursor.timestampMs, 900);
});

test("a compacted batch has gaps and fewer records than offsets", () => {
  const body = [...encodeRecord({}, 1), ...encodeRecord({}, 6)];
  assert.equal(problemOf(body, 2, { lastOffsetDelta: 9 }), "");
  assert.equal(problemOf([], 0, { lastOffsetDelta: 9, count: 0 }), "");
});

test("what is malformed is refused with its reason", () => {
  const one = encodeRecord({ key: utf8("k"), value: utf8("v") }, 0);
  const refused: readonly [string, readonly number[], number, BatchShape][] = [
    ["a record ends outside its batch", one.slice(0, -1), 1, {}],
    ["a record ends outside its batch", one, 2, {}],
    ["a record ends outside its batch", [...varint(3), 0, 0, 0], 1, {}],
    ["bytes follow the last record", [...one, 0], 1, {}],
    ["the offsets of its records do not increase within it", [...one, ...one], 2, {}],
    [
      "the offsets of its records do not increase within it",
      encodeRecord({}, 3),
      1,
      { lastOffsetDelta: 2 },
    ],
    ["a number does not end", [...varint(7), 0, 255, 255, 255, 255, 255, 255], 1, {}],
    ["a key ends outside its record", [...varint(6), 0, 0, 0, 100, 0, 0], 1, {}],
    ["a key ends outside its record", [...varint(6), 0, 0, 0, 3, 0, 0], 1, {}],
    ["a value ends outside its record", [...varint(6), 0, 0, 0, 1, 100, 0], 1, {}],
    ["a record has no count of headers", [...varint(6), 0, 0, 0, 1, 1, 1], 1, {}],
    ["a header ends outside its record", [...varint(8), 0, 0, 0, 1, 1, 2, 1, 1], 1, {}],
    ["bytes follow the last header of a record", [...varint(7), 0, 0, 0, 1, 1, 0, 0], 1, {}],
    ["the batch counts its records below zero", [], 1, { count: -1 }],
  ];
  for (const [problem, body, count, shape] of refused) {
    assert.equal(problemOf(body, count, shape), problem);
  }
});

test("random bytes end, and are read within the batch", () => {
  forSeeds(2000, (prng) => {
    const body = [...prng.bytes(prng.below(80))];
    const cursor = cursorOver(body, prng.between(0, 5), { lastOffsetDelta: prng.below(6) });
    const end = 9 + HEADER_SIZE + body.length;
    while (cursor.next()) {
      assert.ok(cursor.valueEnd <= end && cursor.keyEnd <= end);
      while (cursor.nextHeader()) assert.ok(cursor.headerValueEnd <= end);
    }
  });
});
