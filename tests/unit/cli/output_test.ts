import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { heapBlock } from "../../../src/base/bytes.ts";
import { ByteOutput } from "../../../src/cli/output.ts";
import { Prng } from "../../support/prng.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const directory = temporaryDirectory("out");

/** What the file holds after these values went through chunks of `chunkSize`. */
async function written(name: string, values: Uint8Array[], chunkSize: number): Promise<Uint8Array> {
  const path = join(directory, name);
  const fd = openSync(path, "w");
  const output = new ByteOutput(fd, chunkSize);
  for (const value of values) {
    const block = heapBlock(value.length + 3);
    block.bytes.set(value, 3);
    if (!output.append(block, 3, 3 + value.length)) {
      await output.appendSlowly(block, 3, 3 + value.length);
    }
  }
  await output.flush();
  await output.flush();
  closeSync(fd);
  const bytes = new Uint8Array(readFileSync(path));
  assert.equal(output.writtenBytes, bytes.length);
  return bytes;
}

test("values and LFs arrive in order, whatever the sizes", async () => {
  const prng = new Prng(5);
  for (let round = 0; round < 20; round += 1) {
    const count = prng.below(60);
    const values = Array.from({ length: count }, () => {
      return prng.bytes(prng.chance(20) ? prng.below(300) : prng.below(20));
    });
    const expected = values.flatMap((value) => [...value, 10]);
    assert.deepEqual([...await written("random", values, 64)], expected, `round ${round}`);
  }
});

test("values around the size of a chunk", async () => {
  for (let size = 60; size <= 70; size += 1) {
    const values = [new Uint8Array(3).fill(1), new Uint8Array(size).fill(2), new Uint8Array(0)];
    const expected = values.flatMap((value) => [...value, 10]);
    assert.deepEqual([...await written("edge", values, 64)], expected, `${size} bytes`);
  }
});
