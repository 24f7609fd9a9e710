/** What a format prints, byte for byte, and what is no format. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compileFormat, ESCAPES, formatRecord } from "../../../../src/cli/consume/format.ts";
import type { RecordView } from "../../../../src/client/record_json.ts";

const encoder = new TextEncoder();

function record(more: Partial<RecordView> = {}): RecordView {
  return {
    topic: "orders",
    partition: 3,
    offset: 17,
    timestampMs: 1769860800000,
    key: encoder.encode("k"),
    value: encoder.encode("välue"),
    headers: () => [{ name: "a", value: encoder.encode("1") }, { name: "b", value: null }],
    ...more,
  };
}

function printed(format: string, view: RecordView = record()): Uint8Array {
  const compiled = compileFormat(format);
  assert.ok(typeof compiled !== "string", String(compiled));
  return formatRecord(compiled, view);
}

function text(format: string, view?: RecordView): string {
  return new TextDecoder("latin1").decode(printed(format, view));
}

test("every escape stands for its part", () => {
  assert.equal(text("%t %p %o %T"), "orders 3 17 1769860800000");
  assert.deepEqual(printed("%k=%s;"), encoder.encode("k=välue;"));
  assert.equal(text("%K %S"), "1 6");
  assert.equal(text("%h"), "a=1,b=");
  assert.equal(text("100 %% %s", record({ value: null })), "100 % ");
  assert.equal(text("%K %S %h.", record({ key: null, value: null, headers: () => [] })), "-1 -1 .");
  assert.deepEqual([...printed("%R")], [0, 0, 0, 6]);
  for (const [escape] of ESCAPES) assert.ok(typeof compileFormat(escape) !== "string", escape);
});

test("bytes that are no text stay what they are", () => {
  const value = Uint8Array.of(0, 255, 10, 37);
  assert.deepEqual([...printed("%s", record({ value }))], [...value]);
});

test("backslashes stand for single bytes", () => {
  assert.deepEqual([...printed("\\n\\r\\t\\0\\\\\\x00\\xfF")], [10, 13, 9, 0, 92, 0, 255]);
});

test("what is no escape is named", () => {
  for (const wrong of ["%z", "a%", "\\q", "\\x1", "\\"]) {
    const problem = compileFormat(wrong);
    assert.ok(typeof problem === "string", wrong);
    assert.match(problem, /is no escape; there are %t %p/);
  }
  assert.match(String(compileFormat("%z")), /^%z /);
});
