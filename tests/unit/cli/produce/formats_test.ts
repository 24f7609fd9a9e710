/** What a line means as a record, and how a wrong one is told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonRecord, lineRecord } from "../../../../src/cli/produce/formats.ts";
import { FormatError } from "../../../../src/cli/produce/length_splitter.ts";

const encoder = new TextEncoder();

function line(text: string, separator: string | null): (string | null)[] {
  const separatorBytes = separator === null ? null : encoder.encode(separator);
  const { key, value } = lineRecord(encoder.encode(text), separatorBytes);
  const decode = (bytes: unknown) => bytes ? new TextDecoder().decode(bytes as Uint8Array) : null;
  return [decode(key), decode(value)];
}

test("the first separator of a line ends its key", () => {
  assert.deepEqual(line("a=b", null), [null, "a=b"]);
  assert.deepEqual(line("a=b=c", "="), ["a", "b=c"]);
  assert.deepEqual(line("ab", "="), [null, "ab"]);
  assert.deepEqual(line("a::b", "::"), ["a", "b"]);
  assert.deepEqual(line("a:b::c", "::"), ["a:b", "c"]);
  assert.deepEqual(line("a:", "::"), [null, "a:"]);
  assert.deepEqual(line("ä→b", "→"), ["ä", "b"]);
  assert.equal(lineRecord(encoder.encode("=b"), encoder.encode("="))?.key?.length, 0);
});

function json(value: unknown): ReturnType<typeof jsonRecord> {
  return jsonRecord(encoder.encode(JSON.stringify(value)));
}

test("an object says key, value, headers, time and partition", () => {
  assert.deepEqual(json({ value: "v" }), { key: null, value: "v" });
  assert.deepEqual(json({ key: "k", value: null }), { key: "k", value: null });
  assert.deepEqual(json({ key: 5, value: { a: [1] } }), { key: "5", value: '{"a":[1]}' });
  assert.deepEqual(
    json({ timestamp: "2026-01-31T12:00:00Z", partition: 3, topic: "x", offset: 1 }),
    {
      key: null,
      value: null,
      timestampMs: 1769860800000,
      partition: 3,
    },
  );
  assert.deepEqual(json({ headers: { a: "1", b: null } }).headers, [["a", "1"], ["b", null]]);
  const list = [{ name: "a", value: "1" }, { name: "a", valueBase64: "AAE=" }];
  assert.deepEqual(json({ headers: list }).headers, [["a", "1"], ["a", Uint8Array.of(0, 1)]]);
});

test("what is wrong is said", () => {
  const cases: [text: string, told: RegExp][] = [
    ["{", /not JSON/],
    ["[1]", /not an object/],
    ["null", /not an object/],
    ['"text"', /not an object/],
    ['{"vale": 1}', /"vale" is no field; there are key,/],
    ['{"valueBase64": "*"}', /"valueBase64" is not base64/],
    ['{"headers": 5}', /"headers" is not an object/],
    ['{"headers": [{"value": "x"}]}', /a header has no "name"/],
    ['{"timestamp": "later"}', /"timestamp" is neither/],
    ['{"timestamp": 1.5}', /"timestamp" is neither/],
    ['{"partition": -1}', /"partition" is not a number/],
  ];
  for (const [text, told] of cases) {
    assert.throws(() => jsonRecord(encoder.encode(text)), (error: Error) => {
      return error instanceof FormatError && told.test(error.message);
    }, text);
  }
  assert.throws(() => jsonRecord(Uint8Array.of(34, 255, 34)), FormatError, "not UTF-8");
});
