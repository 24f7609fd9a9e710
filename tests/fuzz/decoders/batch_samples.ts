/** Valid batches to be bent, and how a bent one is made to fit its sizes and checksum again. */
import type { ByteBlock } from "../../../src/base/bytes.ts";
import { crc32c } from "../../../src/base/crc32c.ts";
import type { Codec } from "../../../src/codec/codec.ts";
import { compress } from "../../../src/codec/compress.ts";
import { BATCH_HEADER_SIZE, BatchAt, batchSize } from "../../../src/format/batch.ts";
import { encodeBatch, encodeRecord, type RecordShape } from "../../support/batches.ts";
import type { Prng } from "../../support/prng.ts";

const TIMESTAMP = 1700000000000;
/** Mostly small; a large one so that checksums go the way of large batches. */
const VALUE_SIZES = [10, 30, 30, 30, 30, 30, 30, 30, 300, 3000];

export interface BatchDraw {
  readonly codec?: Codec;
  readonly baseOffset?: number;
  readonly epoch?: number;
}

/** A batch of one to six records, every kind of field among them. Its checksum is right. */
export function drawBatch(prng: Prng, draw: BatchDraw = {}): Uint8Array<ArrayBuffer> {
  const count = prng.between(1, 6);
  const records: number[] = [];
  for (let index = 0; index < count; index += 1) {
    records.push(...encodeRecord(drawRecord(prng), index));
  }
  const codec = draw.codec ?? 0;
  const body = codec === 0 ? records : compress(codec, new Uint8Array(records));
  const idempotent = prng.chance(30);
  const bytes = encodeBatch(body, count, {
    baseOffset: draw.baseOffset ?? 0,
    epoch: draw.epoch ?? 0,
    attributes: codec | (prng.chance(10) ? 0x10 : 0),
    baseTimestamp: TIMESTAMP,
    maxTimestamp: TIMESTAMP + (prng.chance(80) ? 0 : prng.below(1000)),
    producerId: idempotent ? prng.below(1000) : -1,
    producerEpoch: idempotent ? 0 : -1,
    baseSequence: idempotent ? prng.below(1000) : -1,
    crc: 0,
  });
  const block = { bytes, view: new DataView(bytes.buffer) };
  seal(block, 0, bytes.length);
  return bytes;
}

function drawRecord(prng: Prng): RecordShape {
  return {
    key: prng.chance(50) ? null : prng.bytes(prng.below(12)),
    value: prng.chance(10) ? null : prng.bytes(prng.below(prng.pick(VALUE_SIZES))),
    timestampDelta: prng.chance(70) ? prng.below(100) : prng.between(0, 1) * 2 ** prng.below(40),
    headers: prng.chance(80) ? [] : [
      { key: "h", value: prng.chance(30) ? null : prng.bytes(prng.below(5)) },
      { key: "", value: prng.bytes(1) },
    ],
  };
}

/** Sets length and checksum of the batch in [at, end) right. */
export function seal(
  block: { readonly bytes: Uint8Array; readonly view: DataView },
  at: number,
  end: number,
): void {
  if (end - at < BATCH_HEADER_SIZE) return;
  block.view.setInt32(at + BatchAt.batchLength, end - at - 12);
  block.view.setUint32(at + BatchAt.crc, checksum(block.bytes, at + BatchAt.attributes, end));
}

/** The same for batches back to back, as far as their lengths can be followed. */
export function sealAll(block: ByteBlock, start: number, end: number): void {
  for (let at = start; end - at >= BATCH_HEADER_SIZE;) {
    const size = batchSize(block.view, at);
    const fits = size >= BATCH_HEADER_SIZE && size <= end - at;
    seal(block, at, fits ? at + size : end);
    at += fits ? size : end - at;
  }
}

function checksum(bytes: Uint8Array, start: number, end: number): number {
  const buffer = new ArrayBuffer((end - start + 3) & ~3);
  const copy = new Uint8Array(buffer);
  copy.set(bytes.subarray(start, end));
  return crc32c(copy, new Int32Array(buffer), 0, end - start);
}

const FIELDS: readonly (readonly [number, number])[] = [
  [BatchAt.baseOffset, 8],
  [BatchAt.batchLength, 4],
  [BatchAt.leaderEpoch, 4],
  [BatchAt.magic, 1],
  [BatchAt.attributes, 2],
  [BatchAt.lastOffsetDelta, 4],
  [BatchAt.baseTimestamp, 8],
  [BatchAt.maxTimestamp, 8],
  [BatchAt.producerId, 8],
  [BatchAt.producerEpoch, 2],
  [BatchAt.baseSequence, 4],
  [BatchAt.recordsCount, 4],
  // The first record's length, attributes, deltas and sizes.
  ...[0, 1, 2, 3, 4, 5].map((at) => [BATCH_HEADER_SIZE + at, 1] as const),
];

/** Where the numbers of the batch at `start` are. */
export function batchFields(start: number): readonly (readonly [number, number])[] {
  return start === 0 ? FIELDS : FIELDS.map(([at, size]) => [at + start, size] as const);
}
