import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ByteBlock, heapBlock } from "../../../src/base/bytes.ts";
import { BatchBuilder } from "../../../src/client/batch_builder.ts";
import { type Compression, loadCompressor } from "../../../src/client/compression.ts";
import { SluiceError, UnsupportedCodecError } from "../../../src/client/errors.ts";
import { CorruptBatchError } from "../../../src/client/errors.ts";
import { PendingBatch } from "../../../src/client/pending_batch.ts";
import { RecordEncoder } from "../../../src/client/record_encoder.ts";
import { offsetBehind, RecordReader } from "../../../src/client/record_reader.ts";
import { batchOf, encodeBatch, encodeRecord, slowCrc32c } from "../../support/batches.ts";
import { Prng } from "../../support/prng.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** The batches back to back behind 28 bytes, as in the reply of a fetch. */
function blockOf(...batches: Uint8Array[]): { block: ByteBlock; start: number; end: number } {
  const start = 28;
  const end = start + batches.reduce((size, batch) => size + batch.length, 0);
  const block = heapBlock(end + 64);
  block.bytes.fill(0xcc);
  let at = start;
  for (const batch of batches) {
    block.bytes.set(batch, at);
    at += batch.length;
  }
  return { block, start, end };
}

function readAll(batches: Uint8Array[], from = 0, to = Infinity): [number, string | null][] {
  const { block, start, end } = blockOf(...batches);
  const reader = new RecordReader(block);
  reader.open(block, start, end, from, to);
  const records: [number, string | null][] = [];
  while (reader.next()) {
    const value = block.bytes.subarray(reader.valueStart, reader.valueEnd);
    records.push([reader.offset, reader.valueIsNull ? null : new TextDecoder().decode(value)]);
  }
  assert.equal(reader.next(), false, "the end stays the end");
  return records;
}

/** Records with keys, times that go back and forth, and headers on every other one. */
async function compressedBatch(codec: Compression, count: number): Promise<Uint8Array> {
  const builder = new BatchBuilder(1_000_000);
  const encoder = new RecordEncoder();
  for (let i = 0; i < count; i += 1) {
    const timestampMs = 1_700_000_000_000 - 3 ** i % 2 ** 40;
    const record = { topic: "t", key: `key ${i}`, value: "value ".repeat(i), timestampMs };
    const headers = [["twice", "a"], ["twice", null]] as const;
    encoder.take(i % 2 === 0 ? record : { ...record, headers });
    assert.equal(builder.appendRecord(encoder), true);
  }
  const batch = new PendingBatch(builder, 0);
  batch.close(await loadCompressor(codec));
  builder.stamp(-1, -1, -1);
  return builder.block.bytes.slice(builder.headroom, builder.end);
}

const TWO = [
  batchOf([text("a"), text("b"), text("c")], { baseOffset: 10 }),
  batchOf([text("d"), text(""), text("f")], { baseOffset: 13 }),
];

describe("RecordReader", () => {
  test("shows every record of every batch", () => {
    assert.deepEqual(readAll(TWO), [
      [10, "a"],
      [11, "b"],
      [12, "c"],
      [13, "d"],
      [14, ""],
      [15, "f"],
    ]);
    assert.deepEqual(readAll([]), []);
  });

  test("clips below from and at to, wherever they lie", () => {
    const all = readAll(TWO);
    for (let from = 9; from <= 17; from += 1) {
      for (let to = from; to <= 17; to += 1) {
        const expected = all.filter(([offset]) => offset >= from && offset < to);
        assert.deepEqual(readAll(TWO, from, to), expected, `${from} to ${to}`);
      }
    }
  });

  test("the name of a header keeps a byte order mark", () => {
    const value = text("1");
    const batch = encodeBatch(encodeRecord({ headers: [{ key: "\ufeffh", value }] }, 0), 1);
    const { block, start, end } = blockOf(batch);
    const reader = new RecordReader(block);
    reader.open(block, start, end, 0, Infinity);
    assert.equal(reader.next(), true);
    assert.deepEqual(reader.headers(), [{ name: "\ufeffh", value }]);
  });

  test("offsets above 32 bits, gaps, keys, headers and null values", () => {
    const records = [
      ...encodeRecord({ key: text("key"), value: null, timestampDelta: 5000 }, 0),
      ...encodeRecord({
        value: text("x".repeat(300)),
        headers: [{ key: "h", value: text("1") }, { key: "", value: null }],
      }, 7),
    ];
    const batch = encodeBatch(records, 2, { baseOffset: 2 ** 40, lastOffsetDelta: 9 });
    assert.deepEqual(readAll([batch]), [[2 ** 40, null], [2 ** 40 + 7, "x".repeat(300)]]);
  });

  test("the key is shown", () => {
    const { block, start, end } = blockOf(
      encodeBatch(encodeRecord({ key: text("key"), value: text("v") }, 0), 1),
    );
    const reader = new RecordReader(block);
    reader.open(block, start, end, 0, Infinity);
    assert.ok(reader.next());
    assert.equal(reader.keyIsNull, false);
    const key = block.bytes.subarray(reader.keyStart, reader.keyEnd);
    assert.equal(new TextDecoder().decode(key), "key");
    assert.equal(reader.batchTimestampMs, 1700000000000);
  });

  test("control batches are skipped", () => {
    const control = batchOf([text("marker")], { baseOffset: 5, attributes: 0x30 });
    const after = batchOf([text("a")], { baseOffset: 6 });
    assert.deepEqual(readAll([control, after]), [[6, "a"]]);
  });

  test("a codec that there is not is refused, and passed over below the offset", () => {
    const batch = encodeBatch(text("whatever"), 1, { baseOffset: 3, attributes: 5 });
    assert.throws(() => readAll([batch]), (error: unknown) => {
      assert.ok(error instanceof UnsupportedCodecError);
      assert.equal(error.codec, "codec 5");
      return true;
    });
    assert.deepEqual(readAll([batch, batchOf([text("a")], { baseOffset: 4 })], 4), [[4, "a"]]);
  });

  test("every codec gives keys, values, times and headers back", async () => {
    for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
      const batch = await compressedBatch(codec, 100);
      const plain = batchOf([text("plain")], { baseOffset: 100 });
      const { block, start, end } = blockOf(batch, plain);
      const reader = new RecordReader(block);
      reader.open(block, start, end, 2, Infinity);
      for (let i = 2; i < 100; i += 1) {
        assert.equal(reader.next(), true);
        const { bytes } = reader.block;
        assert.equal(reader.offset, i);
        assert.equal(reader.timestampMs, 1_700_000_000_000 - 3 ** i % 2 ** 40);
        assert.deepEqual(bytes.slice(reader.keyStart, reader.keyEnd), text(`key ${i}`));
        assert.deepEqual(bytes.slice(reader.valueStart, reader.valueEnd), text("value ".repeat(i)));
        const headers = i % 2 === 0 ? [] : [
          { name: "twice", value: text("a") },
          { name: "twice", value: null },
        ];
        assert.deepEqual(reader.headers(), headers);
      }
      assert.equal(reader.next(), true);
      assert.equal(reader.block, block, "what is not compressed is read where it lies");
      assert.equal(reader.next(), false);
    }
  });

  test("a compressed batch of more bytes than are wanted is refused, by every codec", async () => {
    for (const codec of ["gzip", "snappy", "lz4", "zstd"] as const) {
      const batch = await compressedBatch(codec, 100);
      const { block, start, end } = blockOf(batch);
      const reader = new RecordReader(block);
      for (const [sizeMax, isRead] of [[10_000, false], [100_000, true]] as const) {
        reader.decompressedSizeMax = sizeMax;
        reader.open(block, start, end, 0, Infinity);
        if (isRead) assert.equal(reader.next(), true);
        else assert.throws(() => reader.next(), CorruptBatchError);
      }
    }
  });

  test("damage inside a compressed batch is an error of the batch", () => {
    for (const codec of [1, 2, 3, 4]) {
      const batch = encodeBatch(text("not of this codec"), 1, { baseOffset: 3, attributes: codec });
      assert.throws(() => readAll([batch]), (error: unknown) => {
        assert.ok(error instanceof CorruptBatchError);
        assert.match(error.message, /offset 3 /);
        return true;
      });
    }
  });

  test("where the topic is of append time, records have that of their batch", () => {
    const batch = batchOf([text("a"), text("b")], { attributes: 8, maxTimestamp: 777 });
    const { block, start, end } = blockOf(batch);
    const reader = new RecordReader(block);
    reader.open(block, start, end, 0, Infinity);
    while (reader.next()) assert.equal(reader.timestampMs, 777);
    assert.equal(reader.offset, 1);
  });

  test("a change of any byte behind the stamps is found before a record is shown", () => {
    const batch = TWO[0]!;
    for (let at = 16; at < batch.length; at += 1) {
      const changed = batch.slice();
      changed[at]! ^= 0x10;
      assert.throws(() => readAll([changed]), CorruptBatchError, `byte ${at}`);
    }
  });

  test("a batch that was cut anywhere is refused", () => {
    const batch = TWO[0]!;
    for (let size = 1; size < batch.length; size += 1) {
      assert.throws(() => readAll([batch.slice(0, size)]), CorruptBatchError, `${size} bytes`);
      const { block, start } = blockOf(batch);
      assert.throws(() => offsetBehind(block, start, start + size, 0), CorruptBatchError);
    }
  });

  test("records that contradict their batch are refused though the checksum fits", () => {
    const good = encodeRecord({ value: text("abc") }, 0);
    const cases: [string, Uint8Array][] = [
      ["a record more than counted", encodeBatch([...good, ...good], 1)],
      ["a record less than counted", encodeBatch(good, 2)],
      ["an offset outside", encodeBatch(encodeRecord({ value: text("a") }, 3), 1)],
      ["a size below the smallest", encodeBatch([2, 0], 1)],
      ["a varint without end", encodeBatch([255, 255, 255, 255, 255, 255], 1)],
      ["a value above its record", encodeBatch([14, 0, 0, 0, 1, 200, 1, 0], 1)],
    ];
    for (const [what, batch] of cases) {
      assert.throws(() => readAll([batch]), CorruptBatchError, what);
    }
  });

  test("random changes under a right checksum never lead outside", () => {
    const prng = new Prng(7);
    for (let round = 0; round < 3000; round += 1) {
      const batch = TWO[round & 1]!.slice();
      for (let change = prng.between(1, 4); change > 0; change -= 1) {
        batch[prng.between(57, batch.length - 1)] = prng.below(256);
      }
      new DataView(batch.buffer).setUint32(17, slowCrc32c(batch.subarray(21)));
      const { block, start, end } = blockOf(batch);
      const reader = new RecordReader(block);
      reader.open(block, start, end, 0, Infinity);
      try {
        while (reader.next()) {
          assert.ok(reader.valueStart >= start && reader.valueStart <= reader.valueEnd);
          assert.ok(reader.valueEnd <= end && reader.keyEnd <= end);
        }
      } catch (error) {
        assert.ok(error instanceof SluiceError, String(error));
      }
    }
  });
});

describe("offsetBehind", () => {
  test("is behind the last batch, or what was given", () => {
    const { block, start, end } = blockOf(...TWO);
    assert.equal(offsetBehind(block, start, end, 3), 16);
    assert.equal(offsetBehind(block, start, start, 3), 3);
  });

  test("an offset above 2^53 is refused", () => {
    const batch = TWO[0]!.slice();
    batch[0] = 1;
    const { block, start, end } = blockOf(batch);
    assert.throws(() => offsetBehind(block, start, end, 0), CorruptBatchError);
    assert.throws(() => readAll([batch]), CorruptBatchError);
  });
});
