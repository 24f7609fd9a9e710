/** What a line means as a record. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { lineRecord } from "../../../../src/cli/produce/formats.ts";

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
