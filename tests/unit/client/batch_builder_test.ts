import assert from "node:assert/strict";
import { test } from "node:test";
import { heapBlock, readI64 } from "../../../src/base/bytes.ts";
import {
  BatchBuilder,
  batchSizeOf,
  batchSizeOfRecord,
  recordSize,
  valueSizeMax,
} from "../../../src/client/batch_builder.ts";
import { RecordEncoder } from "../../../src/client/record_encoder.ts";
import { checkProduced } from "../../../src/format/batch.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { batchOf } from "../../support/batches.ts";
import { Prng } from "../../support/prng.ts";

const TIMESTAMP_MS = 1700000000000;

/** What the broker says of the batch that the builder finished. */
function checked(builder: BatchBuilder): number {
  return checkProduced(builder.block, builder.headroom, builder.size, builder.sizeMax);
}

test("a batch is, byte by byte, that of the independent encoder", () => {
  const values = [new Uint8Array(0), Uint8Array.of(0, 13, 10), new Uint8Array(9000).fill(3)];
  const builder = new BatchBuilder(20000, 20);
  for (const value of values) assert.ok(builder.appendBytes(value));
  builder.finish(TIMESTAMP_MS);
  const built = builder.block.bytes.slice(20, builder.end);
  assert.deepEqual(built, Uint8Array.from(batchOf(values, { epoch: -1 })));
});

test("values from a block and values by themselves make the same batch", () => {
  const source = heapBlock(300);
  source.bytes.forEach((_byte, index) => source.bytes[index] = index & 255);
  const [one, two] = [new BatchBuilder(5000), new BatchBuilder(5000)];
  for (const [start, end] of [[0, 0], [1, 4], [5, 105], [0, 300]] as const) {
    assert.ok(one.append(source, start, end));
    assert.ok(two.appendBytes(source.bytes.slice(start, end)));
  }
  one.finish(1);
  two.finish(1);
  assert.deepEqual(one.block.bytes.slice(0, one.end), two.block.bytes.slice(0, two.end));
});

test("sizes are what they were foretold, and the broker accepts every batch", () => {
  const prng = new Prng(1);
  for (let round = 0; round < 200; round += 1) {
    const builder = new BatchBuilder(prng.between(100, 200000), 4 * prng.below(8));
    for (;;) {
      const value = new Uint8Array(prng.chance(90) ? prng.below(100) : prng.below(70000));
      const foretold = builder.size + recordSize(value.length, builder.count);
      const before = [builder.size, builder.count];
      if (!builder.appendBytes(value)) {
        assert.ok(foretold > builder.sizeMax);
        assert.deepEqual([builder.size, builder.count], before, "nothing was done");
        break;
      }
      assert.equal(builder.size, foretold);
    }
    if (builder.count === 0) continue;
    builder.finish(TIMESTAMP_MS);
    assert.equal(checked(builder), ErrorCodes.none);
  }
});

test("records of more than one byte of offset are accepted", () => {
  const builder = new BatchBuilder(200000);
  const empty = new Uint8Array(0);
  for (let count = 0; count < 9000; count += 1) assert.ok(builder.appendBytes(empty));
  builder.finish(0);
  assert.equal(checked(builder), ErrorCodes.none);
});

test("the largest value fits exactly, one byte more does not", () => {
  for (const sizeMax of [69, 70, 133, 134, 8300, 1048587, 1048588, 1048650, 2097152]) {
    const largest = valueSizeMax(sizeMax);
    assert.ok(batchSizeOf(largest) <= sizeMax);
    assert.ok(batchSizeOf(largest + 1) > sizeMax);
    const builder = new BatchBuilder(sizeMax);
    assert.equal(builder.appendBytes(new Uint8Array(largest + 1)), false);
    assert.equal(builder.appendBytes(new Uint8Array(largest)), true);
    builder.finish(0);
    assert.equal(checked(builder), ErrorCodes.none);
  }
  assert.equal(valueSizeMax(68), 0);
  assert.ok(valueSizeMax(61) < 0, "a setting so small that no record fits");
});

test("a builder is used again after a reset, and stale bytes do not show", () => {
  const builder = new BatchBuilder(3000);
  builder.appendBytes(new Uint8Array(1000).fill(255));
  builder.finish(1);
  builder.reset();
  builder.appendBytes(Uint8Array.of(1));
  builder.finish(TIMESTAMP_MS);
  const built = builder.block.bytes.slice(0, builder.end);
  assert.deepEqual(built, Uint8Array.from(batchOf([Uint8Array.of(1)], { epoch: -1 })));
});

test("records with keys, times and headers are as foretold, and the broker accepts them", () => {
  const prng = new Prng(3);
  const encoder = new RecordEncoder();
  for (let round = 0; round < 100; round += 1) {
    const builder = new BatchBuilder(prng.between(300, 20000), 4 * prng.below(8), 64);
    const times: number[] = [];
    for (;;) {
      const timestampMs = TIMESTAMP_MS + prng.below(2 ** 31) - 2 ** 30;
      const key = prng.chance(30) ? null : new Uint8Array(prng.below(60));
      const value = prng.chance(10) ? null : new Uint8Array(prng.below(300));
      const plain = { topic: "t", key, value, timestampMs };
      encoder.take(prng.chance(70) ? plain : { ...plain, headers: { name: "value" } });
      const fits = builder.fitsRecord(encoder);
      const before = [builder.size, builder.count];
      assert.equal(builder.appendRecord(encoder), fits);
      if (!fits) {
        assert.deepEqual([builder.size, builder.count], before, "nothing was done");
        break;
      }
      if (builder.count === 1) assert.equal(builder.size, batchSizeOfRecord(encoder));
      times.push(timestampMs);
    }
    if (builder.count === 0) continue;
    builder.finish(0);
    assert.equal(checked(builder), ErrorCodes.none);
    const maxTimestamp = readI64(builder.block.view, builder.headroom + 35);
    assert.equal(maxTimestamp, Math.max(...times));
    builder.reset();
  }
});
