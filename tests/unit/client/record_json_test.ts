/** What is printed as JSON is what is read; and how what is wrong is told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FormatError,
  jsonLine,
  jsonRecord,
  type RecordView,
} from "../../../src/client/record_json.ts";
import { sameBytes } from "../../support/batches.ts";
import { forSeeds } from "../../support/prng.ts";
import { anyRecord, recordText } from "../../support/record_text.ts";

const encoder = new TextEncoder();

function view(more: Partial<RecordView>): RecordView {
  const none = { key: null, value: null, headers: () => [] };
  return { topic: "t", partition: 2, offset: 5, timestampMs: 7, ...none, ...more };
}

function bytesOf(value: unknown): number[] | null {
  if (value === null || value === undefined) return null;
  return [...(typeof value === "string" ? encoder.encode(value) : value as Uint8Array)];
}

test("text is text, null is null", () => {
  const line = jsonLine(view({ key: encoder.encode("k"), value: encoder.encode('a"\n') }));
  assert.equal(
    new TextDecoder().decode(line),
    '{"topic":"t","partition":2,"offset":5,"timestamp":7,"key":"k","value":"a\\"\\n"}\n',
  );
  assert.match(new TextDecoder().decode(jsonLine(view({}))), /"key":null,"value":null}\n$/);
});

test("any record comes back", () => {
  const large = Uint8Array.from({ length: 20_000 }, (_, at) => at);
  const values = [
    encoder.encode("\ufefftext\u0000"),
    encoder.encode("Zoë 😀 \u2028"),
    Uint8Array.of(255, 0),
    Uint8Array.of(0x61, 0xed, 0xa0, 0x80), // half of a pair, which UTF-8 has not
    large,
    new Uint8Array(0),
  ];
  for (const value of [...values, null]) {
    const headers = [{ name: "h", value }, { name: "h", value: encoder.encode("x") }];
    const back = jsonRecord(jsonLine(view({ key: value, value, headers: () => headers })));
    const wanted = value === null ? null : [...value];
    assert.deepEqual(bytesOf(back.key), wanted);
    assert.deepEqual(bytesOf(back.value), wanted);
    assert.deepEqual([back.partition, back.timestampMs], [2, 7]);
    const [first, second] = back.headers as [string, unknown][];
    assert.deepEqual([first![0], bytesOf(first![1])], ["h", wanted]);
    assert.deepEqual(second, ["h", "x"]);
  }
});

test("a line is what an object of the same record is as JSON", () => {
  forSeeds(300, (prng) => {
    const record = anyRecord(prng, 140_000);
    const { key = null, value = null, headers = [] } = record;
    const topic = prng.pick(["t", "orders.v1", 'no "name" ä']);
    const offset = prng.next() * prng.pick([1, 2 ** 20]);
    const timestampMs = prng.pick([0, -1, 1769860800000, 2 ** 60]);
    const list = headers.map((header) => ({ name: header.key, value: header.value }));
    const line = jsonLine(view({ topic, offset, timestampMs, key, value, headers: () => list }));
    const text = recordText(topic, 2, offset, timestampMs, record);
    sameBytes(line, encoder.encode(`${text}\n`), "the line");
  });
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
