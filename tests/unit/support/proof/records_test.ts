/** The records of the proofs: read as they were written, and any changed byte is another hash. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type BatchPlan,
  crc32c,
  encodeBatch,
  HEADER_SIZE,
  readBatches,
} from "../../../support/proof/records.ts";
import { concat, slowCrc32c, stamped } from "../../../support/batches.ts";
import { Prng } from "../../../support/prng.ts";

const value = new Prng(1).bytes(300);
const PLAN: BatchPlan = {
  ...{ producer: 2, place: 5, first: 70, timestamp: 1700000000123, producerId: -1 },
  records: [
    { keyed: true, value, timestampDelta: 0 },
    { keyed: false, value, timestampDelta: 7 },
    { keyed: true, value: null, timestampDelta: 3 },
    { keyed: false, value: value.subarray(0, 1), timestampDelta: 3 },
  ],
};

test("batches are read as they were written", () => {
  const { bytes, hashes } = encodeBatch(PLAN);
  const next = encodeBatch({ ...PLAN, first: 74, producerId: 9 });
  const read = readBatches(concat([stamped(bytes, 40, 1), stamped(next.bytes, 44, 2)]));
  assert.deepEqual(
    read.map(({ baseOffset, lastOffset, epoch }) => [baseOffset, lastOffset, epoch]),
    [
      [40, 43, 1],
      [44, 47, 2],
    ],
  );
  assert.equal(read[0]!.maxTimestamp, 1700000000130);
  assert.deepEqual(
    read[0]!.records,
    hashes.map((hash, i) => {
      const timestamp = PLAN.timestamp + PLAN.records[i]!.timestampDelta;
      return { offset: 40 + i, hash, timestamp, producer: 2, place: 5, sequence: 70 + i };
    }),
  );
  assert.deepEqual(read[1]!.records.map(({ hash }) => hash), next.hashes);
  assert.equal(new Set([...hashes, ...next.hashes]).size, 8, "all of them differ");
});

test("key, value, headers and timestamp are in the hash", () => {
  const { bytes, hashes } = encodeBatch(PLAN);
  const later = encodeBatch({ ...PLAN, timestamp: PLAN.timestamp + 1 });
  later.hashes.forEach((hash, i) => assert.notEqual(hash, hashes[i]));
  let changed = 0;
  for (let at = HEADER_SIZE; at < bytes.length; at += 1) {
    const copy = bytes.slice();
    copy[at]! ^= 1;
    new DataView(copy.buffer).setUint32(17, crc32c(copy, 21, copy.length));
    try {
      const [batch] = readBatches(copy);
      const same = batch!.records.every(({ hash }, i) => hash === hashes[i]);
      // Only the attributes of a record, which are unused, are not part of what was sent.
      if (same) changed += 1;
    } catch {
      // It is no batch any more.
    }
  }
  assert.equal(changed, PLAN.records.length);
});

test("what is cut, zero or changed is refused with its position", () => {
  const { bytes } = encodeBatch(PLAN);
  const two = concat([bytes, bytes]);
  const refused: [Uint8Array, RegExp][] = [
    [two.subarray(0, two.length - 1), new RegExp(`^Error: at position ${bytes.length}: a batch`)],
    [two.subarray(0, bytes.length + 60), /a header is cut/],
    [concat([bytes, new Uint8Array(100)]), /a batch of 12 bytes/],
    [two.with(bytes.length + 200, 1), /its CRC/],
  ];
  for (const [changed, message] of refused) {
    assert.throws(() => readBatches(changed), (error) => message.test(String(error)));
  }
});

test("the checksum is CRC-32C", () => {
  const bytes = new Prng(3).bytes(1000);
  assert.equal(crc32c(bytes, 10, 900), slowCrc32c(bytes.subarray(10, 900)));
});
