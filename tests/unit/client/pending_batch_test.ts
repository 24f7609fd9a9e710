import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BatchBuilder } from "../../../src/client/batch_builder.ts";
import { ProtocolError } from "../../../src/client/errors.ts";
import { PendingBatch } from "../../../src/client/pending_batch.ts";
import type { Delivery } from "../../../src/client/record.ts";

/** A batch of records; those in `sent` have somebody who waits. */
function batchOf(count: number, sent: number[], told: unknown[]): PendingBatch {
  const batch = new PendingBatch(new BatchBuilder(1000), 0);
  for (let i = 0; i < count; i += 1) {
    batch.builder.appendBytes(new Uint8Array(1));
    const waits = sent.includes(i);
    const resolve = (delivery: Delivery): void => void told.push([i, delivery.offset]);
    const reject = (error: unknown): void => void told.push([i, (error as Error).name]);
    batch.appended(waits ? resolve : null, waits ? reject : null);
  }
  return batch;
}

describe("PendingBatch", () => {
  test("each record that somebody waits for hears its own offset, in order", async () => {
    const told: unknown[] = [];
    const batch = batchOf(5, [1, 4], told);
    assert.equal(batch.posted, 3);
    const settled = batch.whenSettled();
    batch.deliver("t", 0, 100, 3);
    await settled;
    await batch.whenSettled();
    assert.deepEqual(told, [[1, 101], [4, 104]]);
  });

  test("where the broker no longer knows the offset, nobody is told one", () => {
    const told: unknown[] = [];
    batchOf(2, [0, 1], told).deliver("t", 0, -1, 3);
    assert.deepEqual(told, [[0, -1], [1, -1]]);
  });

  test("all hear of a failure", async () => {
    const told: unknown[] = [];
    const batch = batchOf(2, [0, 1], told);
    batch.fail(new ProtocolError("no"));
    await batch.whenSettled();
    assert.deepEqual(told, [[0, "protocol_violated"], [1, "protocol_violated"]]);
  });

  test("records that do not shrink stay as they are", () => {
    const batch = batchOf(1, [], []);
    const before = batch.builder.size;
    batch.close({ codec: 1, compress: (bytes) => new Uint8Array(bytes.length + 1) });
    assert.equal(batch.builder.size, before);
    assert.equal(batch.builder.block.view.getInt16(batch.builder.headroom + 21), 0);
    batch.close({ codec: 1, compress: () => new Uint8Array([1, 2]) });
    assert.equal(batch.builder.size, 61 + 2);
    assert.equal(batch.builder.block.view.getInt16(batch.builder.headroom + 21), 1);
  });
});
