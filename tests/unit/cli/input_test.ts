import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Input } from "../../../src/cli/input.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const directory = temporaryDirectory("in");

test("a file is read whole, chunk by chunk, and the end stays the end", async () => {
  const path = join(directory, "file");
  const content = new Uint8Array(2500000).map((_byte, index) => (index * 31) & 255);
  writeFileSync(path, content);
  const input = Input.open(path);
  assert.equal(input.sizeBytes, content.length);
  assert.equal(input.name, path);
  let at = 0;
  for (;;) {
    assert.ok(await input.arrivesWithin(5000));
    const chunk = await input.read();
    if (chunk.size === 0) break;
    const expected = content.subarray(at, at + chunk.size);
    assert.ok(expected.every((byte, index) => chunk.block.bytes[index] === byte), `from ${at}`);
    at += chunk.size;
  }
  assert.equal(at, content.length);
  assert.equal((await input.read()).size, 0);
  input.close();
});

test("an empty file ends at once", async () => {
  const path = join(directory, "empty");
  writeFileSync(path, "");
  const input = Input.open(path);
  assert.equal(input.sizeBytes, 0);
  assert.equal((await input.read()).size, 0);
  input.close();
});

test("a file that is not there and a directory are errors that name them", async () => {
  assert.throws(() => Input.open(join(directory, "absent")), /absent/);
  const input = Input.open(directory);
  await assert.rejects(() => input.read(), /EISDIR|directory/i);
  input.close();
});
