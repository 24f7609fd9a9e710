/** What `consume --json` prints is what `produce --format ndjson` reads. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RecordView } from "../../../../src/cli/consume/format.ts";
import { jsonLine } from "../../../../src/cli/consume/json.ts";
import { jsonRecord } from "../../../../src/cli/produce/formats.ts";

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
    Uint8Array.of(255, 0),
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
