/**
 * Batches as a producer sends them, as recovery meets them, and their records as tools and clients
 * walk them.
 */
import { type ByteBlock, heapBlock } from "../../../src/base/bytes.ts";
import { CorruptBatchError, UnsupportedCodecError } from "../../../src/client/errors.ts";
import { offsetBehind, RecordReader } from "../../../src/client/record_reader.ts";
import { Codec, CodecFailure, decompress } from "../../../src/codec/codec.ts";
import { compress } from "../../../src/codec/compress.ts";
import {
  BATCH_HEADER_SIZE,
  BatchAt,
  batchMaxTimestamp,
  batchSize,
  checkCompacted,
  checkProduced,
  checkStored,
  CODEC_MASK,
  isBatchSize,
  Stored,
} from "../../../src/format/batch.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { RecordCursor } from "../../../src/format/record_cursor.ts";
import { type Decoder, Digest, must, mustEqual, REJECTED } from "../decoder.ts";
import { batchFields, drawBatch, seal, sealAll } from "./batch_samples.ts";
import { sealGzip } from "./gzip_samples.ts";

const BATCH_SIZE_MAX = 1048588;
/** What a compressed block may grow to, in bytes: small, so that the bound is met often. */
const OUTPUT_MAX = 16384;
const BASE_OFFSET = 100;
const EPOCH = 3;
const KiB = 1024;

const cursor = new RecordCursor();
const reader = new RecordReader(heapBlock(0));

/** What the broker lets in: both walkers of records read it back whole, to its last byte. */
const produced: Decoder = {
  name: "batch-produced",
  family: "batches",
  weight: 16,
  sample: (prng) => drawBatch(prng, { codec: prng.chance(80) ? Codec.none : Codec.lz4 }),
  repair: (input, size) => seal(input, 0, size),
  fields: () => batchFields(0),
  allocationMax: (size) => size + 4 * KiB,
  decode(block, at, size) {
    const error = checkProduced(block, at, size, BATCH_SIZE_MAX);
    if (error !== ErrorCodes.none) return REJECTED;
    const { view } = block;
    const digest = new Digest().bytes(block.bytes, at, at + size);
    if ((view.getUint16(at + BatchAt.attributes) & CODEC_MASK) !== 0) return digest.result;
    const count = view.getInt32(at + BatchAt.recordsCount);
    must(walk(block, at, size, digest) === count, "an accepted batch cannot be walked");
    must(highest === batchMaxTimestamp(view, at), "its highest timestamp is not that");
    must(readAll(block, at, at + size, 0) === count, "a client cannot read an accepted batch");
    return digest.result;
  },
};

/** What recovery takes for the next batch of a log, and what compaction left. */
const stored: Decoder = {
  name: "batch-stored",
  family: "batches",
  weight: 10,
  sample: (prng) => drawBatch(prng, { baseOffset: BASE_OFFSET, epoch: prng.between(EPOCH, 4) }),
  repair: (input, size) => seal(input, 0, size),
  fields: () => batchFields(0),
  allocationMax: (size) => size + 4 * KiB,
  decode(block, at, size) {
    if (size < BATCH_HEADER_SIZE || !isBatchSize(size, BATCH_SIZE_MAX)) return REJECTED;
    if (batchSize(block.view, at) !== size) return REJECTED;
    const compacted = checkCompacted(block, at, size);
    const whole = checkStored(block, at, size, BASE_OFFSET, EPOCH);
    if (whole !== Stored.whole && compacted !== Stored.whole) return REJECTED;
    must(whole !== compacted, "a batch is dense or compacted");
    return new Digest().number(whole).number(compacted).bytes(block.bytes, at, at + size).result;
  },
};

/** Records that nobody checked before: every field inside, offsets that only increase. */
const records: Decoder = {
  name: "record-cursor",
  family: "batches",
  weight: 14,
  sample: (prng) => drawBatch(prng),
  fields: () => batchFields(0),
  allocationMax: (size) => size + 4 * KiB,
  decode(block, at, size) {
    if (size < BATCH_HEADER_SIZE) return REJECTED;
    const digest = new Digest();
    const count = walk(block, at, size, digest);
    if (count < 0) return REJECTED;
    must(count === block.view.getInt32(at + BatchAt.recordsCount), "as many as it counts");
    return digest.result;
  },
};

/** A compressed batch as `verify` looks into it. */
const packed: Decoder = {
  name: "batch-packed",
  family: "batches",
  weight: 6,
  sample: (prng) => drawBatch(prng, { codec: prng.between(1, 4) as Codec }),
  fields: () => batchFields(0),
  allocationMax: (size) => 4 * OUTPUT_MAX + 4 * size + 64 * KiB,
  decode(block, at, size) {
    if (size < BATCH_HEADER_SIZE) return REJECTED;
    const codec = block.view.getUint16(at + BatchAt.attributes) & CODEC_MASK;
    const body = block.bytes.subarray(at + BATCH_HEADER_SIZE, at + size);
    const unpacked = decompress(codec, body, OUTPUT_MAX);
    if (unpacked instanceof CodecFailure) return REJECTED;
    must(unpacked.length <= OUTPUT_MAX, "more than the bound");
    const digest = new Digest().bytes(unpacked);
    cursor.open(block, at, unpacked, 0, unpacked.length);
    const count = walkOpened(digest, 0, unpacked.length);
    return count < 0 ? REJECTED : digest.result;
  },
};

/** One codec by itself: bounded output, and what it gives back can be packed again. */
function codec(name: keyof typeof Codec): Decoder {
  const id = Codec[name];
  return {
    name: `codec-${name}`,
    family: "batches",
    weight: 3,
    ...(name === "gzip" ? { repair: sealGzip } : {}),
    sample: (prng) => {
      const size = prng.below(prng.chance(90) ? 200 : OUTPUT_MAX + 64);
      const text = prng.chance(50);
      const bytes = prng.bytes(size);
      if (text) bytes.forEach((byte, at) => bytes[at] = byte & 3);
      return compress(id, bytes);
    },
    allocationMax: (size) => 4 * OUTPUT_MAX + 4 * size + 64 * KiB,
    decode(block, at, size, arena) {
      const unpacked = decompress(id, block.bytes.subarray(at, at + size), OUTPUT_MAX);
      if (unpacked instanceof CodecFailure) return REJECTED;
      must(unpacked.length <= OUTPUT_MAX, "more than the bound");
      if (arena === 0) {
        const again = decompress(id, compress(id, unpacked), OUTPUT_MAX);
        must(!(again instanceof CodecFailure), "what it gave cannot be packed and unpacked");
        mustEqual(again as Uint8Array, unpacked, "packing and unpacking changes it");
      }
      return new Digest().bytes(unpacked).result;
    },
  };
}

/** Batches back to back as a client gets them from a fetch. */
const fetched: Decoder = {
  name: "client-records",
  family: "client",
  weight: 12,
  sample: (prng) => {
    const batches = Array.from({ length: prng.between(1, 3) }, (_, index) => {
      return drawBatch(prng, { baseOffset: BASE_OFFSET + index * 10, epoch: EPOCH });
    });
    return new Uint8Array(batches.flatMap((batch) => [...batch]));
  },
  repair: (input, size) => sealAll(input, 0, size),
  fields: () => batchFields(0),
  allocationMax: (size) => size + 4 * KiB,
  decode(block, at, size) {
    try {
      const behind = offsetBehind(block, at, at + size, BASE_OFFSET);
      const count = readAll(block, at, at + size, BASE_OFFSET);
      return new Digest().number(behind).number(count).number(reader.offset).result;
    } catch (error) {
      if (error instanceof CorruptBatchError) return REJECTED;
      if (error instanceof UnsupportedCodecError) return REJECTED;
      throw error;
    }
  },
};

export const BATCH_DECODERS: readonly Decoder[] = [
  produced,
  stored,
  records,
  packed,
  codec("gzip"),
  codec("snappy"),
  codec("lz4"),
  codec("zstd"),
  fetched,
];

/** The highest timestamp of the records that `walk` walked last. */
let highest = 0;

/** How many records the cursor finds, or below zero when they are malformed. */
function walk(block: ByteBlock, at: number, size: number, digest: Digest): number {
  const start = at + BATCH_HEADER_SIZE;
  cursor.open(block, at, block.bytes, start, at + size);
  return walkOpened(digest, start, at + size);
}

function walkOpened(digest: Digest, start: number, end: number): number {
  let count = 0;
  let before = -Infinity;
  highest = -Infinity;
  while (cursor.next()) {
    count += 1;
    must(cursor.offset > before, "offsets do not increase");
    before = cursor.offset;
    if (cursor.timestampMs > highest) highest = cursor.timestampMs;
    const { keyStart, keyEnd, valueStart, valueEnd } = cursor;
    must(start <= keyStart && keyStart <= keyEnd && keyEnd <= end, "a key outside the batch");
    must(keyEnd <= valueStart && valueStart <= valueEnd && valueEnd <= end, "a value outside");
    digest.bytes(cursor.bytes, keyStart, keyEnd).bytes(cursor.bytes, valueStart, valueEnd);
    digest.number(cursor.offset);
    let headers = 0;
    while (cursor.nextHeader()) {
      headers += 1;
      must(cursor.headerKeyStart >= valueEnd && cursor.headerKeyEnd <= end, "a header's key");
      must(cursor.headerValueEnd <= end, "a header's value outside");
      digest.bytes(cursor.bytes, cursor.headerKeyStart, cursor.headerValueEnd);
    }
    must(headers === cursor.headerCount, "as many headers as it counts");
  }
  return cursor.problem === "" ? count : -1;
}

/** Records of offsets from `from` on that the client's reader shows. Throws its errors. */
function readAll(block: ByteBlock, start: number, end: number, from: number): number {
  reader.open(block, start, end, from, Infinity);
  let count = 0;
  while (reader.next()) {
    count += 1;
    must(reader.offset >= from, "a record below what was asked for");
    must(reader.keyStart >= start && reader.keyEnd <= end, "a key outside");
    must(reader.valueStart >= start && reader.valueEnd <= end, "a value outside");
  }
  return count;
}
