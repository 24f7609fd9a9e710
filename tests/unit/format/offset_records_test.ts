/** Records of `__consumer_offsets` against bytes as Kafka writes them, and back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { heapBlock } from "../../../src/base/bytes.ts";
import { BATCH_HEADER_SIZE, checkProduced } from "../../../src/format/batch.ts";
import {
  type DecodedRecord,
  decodeOffsetRecord,
  OffsetBatch,
  type OffsetRecord,
} from "../../../src/format/offset_records.ts";
import { RecordCursor } from "../../../src/format/record_cursor.ts";
import { encodeBatch, encodeRecord } from "../../support/batches.ts";

const TOPIC_ID = "6b9e5f0a-1c2d-4e3f-8a4b-5c6d7e8f9a0b";
const COMMIT = {
  offset: 4294967298,
  leaderEpoch: 3,
  metadata: "né",
  timestampMs: 1700000000000,
  topicId: TOPIC_ID,
};
const RECORDS: OffsetRecord[] = [
  { group: "g", topic: "orders", partition: 1, commit: COMMIT },
  { group: "größe", topic: "a", partition: 0, commit: { ...COMMIT, topicId: "", metadata: "" } },
  { group: "g", topic: "orders", partition: 2, commit: null },
];

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function unhex(text: string): Uint8Array {
  const digits = text.replaceAll(" ", "");
  return Uint8Array.from(
    { length: digits.length / 2 },
    (_, at) => Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16),
  );
}

function cursorOf(batch: Uint8Array): RecordCursor {
  const block = heapBlock((batch.length + 3) & ~3);
  block.bytes.set(batch);
  const cursor = new RecordCursor();
  cursor.open(block, 0, block.bytes, BATCH_HEADER_SIZE, batch.length);
  return cursor;
}

function decodeAll(batch: Uint8Array): DecodedRecord[] {
  const cursor = cursorOf(batch);
  const found: DecodedRecord[] = [];
  while (cursor.next()) found.push(decodeOffsetRecord(cursor));
  assert.equal(cursor.problem, "");
  return found;
}

function one(key: string | null, value: string | null) {
  const record = encodeRecord(
    {
      ...(key === null ? {} : { key: unhex(key) }),
      ...(value === null ? {} : { value: unhex(value) }),
    },
    0,
  );
  const [found] = decodeAll(encodeBatch(Uint8Array.from(record), 1));
  return found;
}

test("what is written passes as a producer's batch, and is read as it was", () => {
  const batch = new OffsetBatch(RECORDS);
  const block = heapBlock((batch.size + 11) & ~3);
  batch.write(block, 5, 1700000000001);
  assert.equal(checkProduced(block, 5, batch.size, 1048588), 0);
  assert.deepEqual(decodeAll(block.bytes.slice(5, 5 + batch.size)), RECORDS);
});

test("keys and values are Kafka's, byte by byte", () => {
  const batch = new OffsetBatch([RECORDS[0]!]);
  const block = heapBlock((batch.size + 3) & ~3);
  batch.write(block, 0, 1);
  const cursor = cursorOf(block.bytes.slice(0, batch.size));
  assert.ok(cursor.next());
  assert.equal(
    hex(cursor.bytes.slice(cursor.keyStart, cursor.keyEnd)),
    "0001" + "000167" + "00066f7264657273" + "00000001",
  );
  assert.equal(
    hex(cursor.bytes.slice(cursor.valueStart, cursor.valueEnd)),
    "0003" + "0000000100000002" + "00000003" + "00036ec3a9" + "0000018bcfe56800",
  );
  assert.equal(cursor.headerCount, 1);
});

test("values of version 4 are read, with the topic's id from their tag", () => {
  const key = "0001 000167 00066f7264657273 00000001";
  const id = TOPIC_ID.replaceAll("-", "");
  const fixed = "0004 0000000000000007 ffffffff 02 6d 0000018bcfe56800";
  const commit = { offset: 7, leaderEpoch: -1, metadata: "m", timestampMs: 1700000000000 };
  const place = { group: "g", topic: "orders", partition: 1 };
  const found = one(key, `${fixed} 01 00 10 ${id}`);
  assert.deepEqual(found, { ...place, commit: { ...commit, topicId: TOPIC_ID } });
  assert.deepEqual(one(key, `${fixed} 01 05 02 abcd`), {
    ...place,
    commit: { ...commit, topicId: "" },
  });
});

test("groups and versions that are not known are foreign, the rest is malformed", () => {
  const key = "0001 000167 00066f7264657273 00000001";
  assert.equal(one("0002 000167", "0003"), "foreign");
  assert.equal(one(key, "0009 0000000000000007"), "foreign");
  assert.equal(one(null, "00"), "malformed");
  assert.equal(one("0001 000967", null), "malformed");
  assert.equal(one("0001 0001ff 000161 00000001", null), "malformed"); // no UTF-8
  assert.equal(one(key, "0003 0000000000000007 00000000 0005 6d"), "malformed");
  assert.equal(one(key, "0003 ffffffffffffffff 00000000 0000 0000018bcfe56800"), "malformed");
  assert.equal(
    one(key, "0004 0000000000000007 ffffffff 02 6d 0000018bcfe56800 ffffffffff"),
    "malformed",
  );
});
