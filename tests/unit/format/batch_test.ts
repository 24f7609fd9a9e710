/** What is let through, and what recovery believes: every bit, every length, every field. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  batchBaseOffset,
  batchLastOffset,
  batchMaxTimestamp,
  batchSize,
  checkCompacted,
  checkProduced,
  checkStored,
  isBatchSize,
  producerIdOf,
  stampBatch,
  Stored,
} from "../../../src/format/batch.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import {
  batchOf,
  batchOfSize,
  type BatchShape,
  encodeBatch,
  encodeRecord,
  memoryOf,
  randomBatch,
  stamped,
} from "../../support/batches.ts";
import { forSeeds } from "../../support/prng.ts";

const E = ErrorCodes;
const LIMIT = 1048588;
const SAFE = Number.MAX_SAFE_INTEGER;

function produced(bytes: Uint8Array, before: number = 3, sizeMax: number = LIMIT): number {
  return checkProduced(memoryOf(bytes, before), before, bytes.length, sizeMax);
}

const GOOD = batchOf([new Uint8Array(3), new Uint8Array(0), new Uint8Array(70)]);

test("right batches are let through, wherever they lie", () => {
  forSeeds(100, (prng) => {
    const batch = randomBatch(prng, 20, 200);
    for (let before = 0; before < 8; before += 1) assert.equal(produced(batch, before), E.none);
  });
  const rich = encodeRecord({
    key: new Uint8Array(5),
    value: null,
    timestampDelta: 2 ** 40,
    headers: [{ key: "ü", value: null }, { key: "", value: new Uint8Array(200) }],
  }, 0);
  assert.equal(produced(encodeBatch(rich, 1)), E.none);
});

test("every flipped bit is refused by name, but for those of the epoch, which is stamped", () => {
  for (let bit = 0; bit < GOOD.length * 8; bit += 1) {
    const at = bit >> 3;
    const code = produced(GOOD.with(at, GOOD[at]! ^ (1 << (bit & 7))));
    if (at >= 12 && at < 16) assert.equal(code, E.none, `bit ${bit}`);
    else if (at < 12) assert.equal(code, E.batch_invalid, `bit ${bit}`);
    else if (at === 16) assert.equal(code, E.unsupported_magic, `bit ${bit}`);
    else assert.equal(code, E.batch_corrupt, `bit ${bit}`);
  }
});

test("every truncation, and bytes behind the end, are refused", () => {
  for (let size = 0; size < GOOD.length; size += 1) {
    assert.equal(produced(GOOD.slice(0, size)), E.batch_invalid, `${size} bytes`);
  }
  const longer = new Uint8Array(GOOD.length + 1);
  longer.set(GOOD);
  assert.equal(produced(longer), E.batch_invalid);
});

test("the limit counts the whole batch", () => {
  assert.equal(produced(GOOD, 0, GOOD.length), E.none);
  assert.equal(produced(GOOD, 0, GOOD.length - 1), E.batch_too_large);
});

/** Batches with a right checksum and something else wrong. */
test("fields that contradict each other are refused, whatever the checksum says", () => {
  const record = encodeRecord({ value: new Uint8Array(4) }, 0);
  const wrong: [BatchShape, number][] = [
    [{ magic: 0 }, E.unsupported_magic],
    [{ magic: 1 }, E.unsupported_magic],
    [{ magic: 3 }, E.unsupported_magic],
    [{ magic: -1 }, E.unsupported_magic],
    [{ count: 0 }, E.batch_invalid],
    [{ count: -1 }, E.batch_invalid],
    [{ count: 2 }, E.batch_invalid],
    [{ count: 2147483647 }, E.batch_invalid],
    [{ lastOffsetDelta: 1 }, E.batch_invalid],
    [{ lastOffsetDelta: -1 }, E.batch_invalid],
    [{ baseOffset: 1 }, E.batch_invalid],
    [{ baseOffset: -1 }, E.batch_invalid],
    [{ baseOffset: 2 ** 40 }, E.batch_invalid],
    [{ batchLength: 0 }, E.batch_invalid],
    [{ batchLength: -1 }, E.batch_invalid],
    [{ batchLength: 2147483647 }, E.batch_invalid],
    [{ producerId: 5, baseSequence: -1 }, E.batch_invalid],
    [{ producerId: 0, baseSequence: -2147483648 }, E.batch_invalid],
  ];
  for (const [shape, code] of wrong) {
    assert.equal(produced(encodeBatch(record, 1, shape)), code, JSON.stringify(shape));
  }
  const right: BatchShape[] = [
    { producerId: 5, producerEpoch: 0, baseSequence: 0 },
    { producerId: -1, baseSequence: -1 },
    { epoch: 2147483647 },
    { baseTimestamp: -1, maxTimestamp: -1 },
    { maxTimestamp: SAFE },
  ];
  for (const shape of right) assert.equal(produced(encodeBatch(record, 1, shape)), E.none);
});

test("attributes: codecs 0 to 4 and the transactional bit, and nothing else", () => {
  const record = encodeRecord({ value: new Uint8Array(4) }, 0);
  for (let attributes = 0; attributes < 65536; attributes += 1) {
    const codec = attributes & 7;
    const allowed = (attributes & ~0x17) === 0 && codec <= 4;
    if (attributes > 0xff && attributes % 251 !== 0) continue;
    const batch = encodeBatch(record, 1, { attributes: attributes << 16 >> 16 });
    assert.equal(produced(batch), allowed ? E.none : E.batch_invalid, `attributes ${attributes}`);
  }
});

test("a compressed block is not looked into, but there must be one", () => {
  for (let codec = 1; codec <= 4; codec += 1) {
    const block = Uint8Array.of(255, 1, 2, 3);
    assert.equal(produced(encodeBatch(block, 1000, { attributes: codec })), E.none);
    assert.equal(produced(encodeBatch([], 1, { attributes: codec })), E.batch_invalid);
  }
});

/** The bytes as `checkProduced` leaves them, which must have let them through. */
function accepted(bytes: Uint8Array, before: number = 3): Uint8Array {
  const memory = memoryOf(bytes, before);
  assert.equal(checkProduced(memory, before, bytes.length, LIMIT), E.none);
  return memory.bytes.slice(before, before + bytes.length);
}

test("the highest timestamp of records is set right, and the checksum with it", () => {
  const base = 1700000000000;
  forSeeds(150, (prng) => {
    const deltas = Array.from({ length: prng.between(1, 9) }, () => prng.between(-5000, 5000));
    const records = deltas.flatMap((timestampDelta, i) =>
      encodeRecord({ value: prng.bytes(prng.below(60)), timestampDelta }, i)
    );
    const highest = base + Math.max(...deltas);
    const shape = { baseTimestamp: base, producerId: 7, producerEpoch: 0, baseSequence: 3 };
    const honest = encodeBatch(records, deltas.length, { ...shape, maxTimestamp: highest });
    assert.deepEqual(accepted(honest), honest);
    const claims = [highest - 1, highest + 1, -1, 0, base, SAFE, SAFE + 1, 2 ** 62, -(2 ** 63)];
    const lie = encodeBatch(records, deltas.length, { ...shape, maxTimestamp: prng.pick(claims) });
    assert.deepEqual(accepted(lie, prng.below(8)), honest);
  });
});

test("a block is not opened: its highest timestamp is not below its first", () => {
  const block = Uint8Array.of(1, 2, 3, 4);
  const of = (baseTimestamp: number, maxTimestamp: number) =>
    encodeBatch(block, 9, { attributes: 2, baseTimestamp, maxTimestamp });
  assert.deepEqual(accepted(of(1000, 999)), of(1000, 1000));
  assert.deepEqual(accepted(of(1000, -1)), of(1000, 1000));
  assert.deepEqual(accepted(of(-1, -1)), of(-1, -1));
  assert.deepEqual(accepted(of(1000, 1001)), of(1000, 1001));
  assert.equal(produced(of(0, SAFE)), E.none);
  assert.equal(produced(of(0, SAFE + 1)), E.batch_invalid);
  assert.equal(produced(of(SAFE + 1, 0)), E.batch_invalid);
  assert.equal(produced(of(-(2 ** 60), 0)), E.batch_invalid);
});

test("timestamps of records must fit 53 bits, and producer ids too", () => {
  const of = (baseTimestamp: number, timestampDelta: number) =>
    produced(encodeBatch(encodeRecord({ timestampDelta }, 0), 1, { baseTimestamp }));
  assert.equal(of(SAFE - 1, 1), E.none);
  assert.equal(of(SAFE, 1), E.batch_invalid);
  assert.equal(of(-SAFE, -1), E.batch_invalid);
  assert.equal(of(2 ** 60, -(2 ** 50)), E.batch_invalid);
  const by = (producerId: number) =>
    produced(encodeBatch(encodeRecord({}, 0), 1, { producerId, baseSequence: 0 }));
  assert.equal(by(SAFE), E.none);
  assert.equal(by(SAFE + 1), E.batch_invalid);
  assert.equal(by(2 ** 62), E.batch_invalid);
});

test("only an id from 0 on is a producer's", () => {
  const of = (producerId: number) => {
    const bytes = encodeBatch(encodeRecord({}, 0), 1, { producerId, baseSequence: 0 });
    return producerIdOf(memoryOf(bytes, 3).view, 3);
  };
  for (const id of [0, 1, 2 ** 31, 2 ** 40 + 3, SAFE]) assert.equal(of(id), id);
  for (const id of [-1, -2, -(2 ** 40), -(2 ** 63)]) assert.equal(of(id), -1);
});

test("stamping changes offset and epoch, and nothing that the checksum covers", () => {
  const offset = 2 ** 52 + 77;
  const memory = memoryOf(GOOD, 5);
  stampBatch(memory.view, 5, offset, 2147483647);
  assert.deepEqual(memory.bytes.slice(5, 5 + GOOD.length), stamped(GOOD, offset, 2147483647));
  assert.equal(batchSize(memory.view, 5), GOOD.length);
  assert.equal(batchBaseOffset(memory.view, 5), offset);
  assert.equal(batchLastOffset(memory.view, 5), offset + 2);
  assert.equal(batchMaxTimestamp(memory.view, 5), 1700000000000);
  const found = checkStored(memory, 5, GOOD.length, offset, 2147483647);
  assert.equal(found, Stored.whole);
});

test("recovery believes the batch that follows, of an epoch that does not fall", () => {
  const check = (shape: BatchShape, offset: number, epoch: number) => {
    const bytes = encodeBatch(encodeRecord({ value: null }, 0), 1, shape);
    return checkStored(memoryOf(bytes), 0, bytes.length, offset, epoch);
  };
  const at7 = { baseOffset: 7, epoch: 3 };
  assert.equal(check(at7, 7, 3), Stored.whole);
  assert.equal(check(at7, 7, 2), Stored.whole);
  assert.equal(check(at7, 7, 4), Stored.epoch);
  assert.equal(check(at7, 6, 3), Stored.offset);
  assert.equal(check(at7, 8, 3), Stored.offset);
  assert.equal(check({ ...at7, magic: 1 }, 7, 3), Stored.magic);
  assert.equal(check({ ...at7, crc: 1 }, 7, 3), Stored.crc);
  assert.equal(check({ ...at7, lastOffsetDelta: -1 }, 7, 3), Stored.count);
  assert.equal(check({ ...at7, count: 2, lastOffsetDelta: 0 }, 7, 3), Stored.count);
});

test("whatever was let through, recovery believes", () => {
  forSeeds(100, (prng) => {
    const batch = prng.chance(50)
      ? randomBatch(prng, 10, 100)
      : encodeBatch(prng.bytes(30), prng.between(1, 1000), { attributes: 4 });
    assert.equal(produced(batch), E.none);
    const kept = stamped(accepted(batch), 1234, 5);
    assert.equal(checkStored(memoryOf(kept), 0, kept.length, 1234, 5), Stored.whole);
  });
});

test("sizes that a stored batch may have", () => {
  for (
    const [size, ok] of [[0, false], [12, false], [60, false], [61, true], [100, true]] as const
  ) {
    assert.equal(isBatchSize(size, 100), ok);
  }
  assert.equal(isBatchSize(101, 100), false);
  assert.equal(isBatchSize(-5, 100), false);
  assert.equal(batchOfSize(500).length, 500);
});

test("of a compacted batch fewer records are enough, its checksum is not", () => {
  const record = encodeRecord({ value: new Uint8Array(3) }, 4);
  const check = (shape: BatchShape) => {
    const bytes = encodeBatch(record, 1, { lastOffsetDelta: 4, ...shape });
    return checkCompacted(memoryOf(bytes), 0, bytes.length);
  };
  assert.equal(check({}), Stored.whole);
  assert.equal(check({ count: 0 }), Stored.whole, "a batch of which only the offsets are left");
  assert.equal(check({ count: 5 }), Stored.count, "that is a whole one");
  assert.equal(check({ count: -1 }), Stored.count);
  assert.equal(check({ lastOffsetDelta: -1 }), Stored.count);
  assert.equal(check({ crc: 7 }), Stored.crc);
});
