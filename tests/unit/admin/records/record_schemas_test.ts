/** Records in a body: one or a list, and which one is wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { newRecords } from "../../../../src/admin/records/record_schemas.ts";
import { HTTP_RECORDS_MAX } from "../../../../src/limits.ts";

function issuesOf(value: unknown): string[] {
  const { error } = newRecords.safeParse(value);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
}

test("one record is a list of one", () => {
  const one = newRecords.parse({ key: "k", value: { a: 1 }, partition: 3 });
  assert.deepEqual(one, [{ key: "k", value: '{"a":1}', partition: 3 }]);
  assert.deepEqual(newRecords.parse([{}, {}]), [{ key: null, value: null }, {
    key: null,
    value: null,
  }]);
});

test("all that are wrong are told, each with its place", () => {
  assert.deepEqual(issuesOf([{}, { partition: -1 }, 5]), [
    '1: "partition" is not a number from 0',
    '2: not an object such as {"value": "text"}',
  ]);
  assert.deepEqual(issuesOf({ valueBase64: "*" }), [': "valueBase64" is not base64']);
});

test("none, and more than there may be, are refused", () => {
  const count = `: 1 to ${HTTP_RECORDS_MAX} records`;
  assert.deepEqual(issuesOf([]), [count]);
  assert.deepEqual(issuesOf(Array.from({ length: HTTP_RECORDS_MAX + 1 }, () => ({}))), [count]);
  assert.deepEqual(issuesOf(Array.from({ length: HTTP_RECORDS_MAX }, () => ({}))), []);
});
