/**
 * Batches of the soak: every value says who sent it as what, and the rest of it follows from that,
 * so that a reader needs no memory of what was sent.
 *
 *     value   f64 sentMs | u32 producer | f64 sequence | fill, a range of the pool
 *
 * Invariant: `readRecords` gives back a record only when every byte of its value is what its
 * producer and sequence say.
 */
import { Buffer } from "node:buffer";
import { heapBlock } from "../../src/base/bytes.ts";
import { crc32c } from "../../src/base/crc32c.ts";
import { BatchBuilder } from "../../src/client/batch_builder.ts";
import { type Codec, CodecFailure, decompress } from "../../src/codec/codec.ts";
import { compress } from "../../src/codec/compress.ts";
import {
  BATCH_HEADER_SIZE,
  BatchAt,
  batchBaseOffset,
  batchSize,
  CODEC_MASK,
  crcFits,
} from "../../src/format/batch.ts";
import { RecordCursor } from "../../src/format/record_cursor.ts";
import { Prng } from "../support/prng.ts";

/** The smallest value: what every one begins with. */
export const VALUE_SIZE_MIN = 20;
const POOL_SIZE = 1048576;
const BATCH_SIZE_MAX = 1048588;
const RECORDS_SIZE_MAX = 16777216;

const pool = makePool();
const builder = new BatchBuilder(BATCH_SIZE_MAX);
const cursor = new RecordCursor();

export interface BatchPlan {
  readonly producer: number;
  /** Sequence of the first record. */
  readonly first: number;
  readonly valueSizes: readonly number[];
  /** When it was due, on the clock of this process. */
  readonly sentMs: number;
  /** Of the idempotent producer; otherwise -1. */
  readonly producerId: number;
  readonly codec: Codec;
}

export interface ReadRecord {
  readonly offset: number;
  readonly producer: number;
  readonly sequence: number;
  readonly sentMs: number;
}

export interface ReadBatch {
  readonly baseOffset: number;
  readonly start: number;
  readonly end: number;
  readonly records: readonly ReadRecord[];
}

export function encodeBatch(plan: BatchPlan): Uint8Array<ArrayBuffer> {
  builder.reset();
  plan.valueSizes.forEach((size, index) => {
    const sequence = plan.first + index;
    const value = new Uint8Array(size);
    const view = new DataView(value.buffer);
    view.setFloat64(0, plan.sentMs);
    view.setUint32(8, plan.producer);
    view.setFloat64(12, sequence);
    value.set(fillOf(plan.producer, sequence, size - VALUE_SIZE_MIN), VALUE_SIZE_MIN);
    if (!builder.appendBytes(value)) throw new Error("the plan is larger than a batch");
  });
  builder.finish(Date.now());
  const whole = builder.block.bytes.subarray(0, builder.end);
  const body = compress(plan.codec, whole.subarray(BATCH_HEADER_SIZE));
  return seal(plan, whole.subarray(0, BATCH_HEADER_SIZE), body);
}

/** Header and body as one batch, with the fields that the builder does not know. */
function seal(
  plan: BatchPlan,
  header: Uint8Array,
  body: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const size = BATCH_HEADER_SIZE + body.length;
  const { bytes, view, words } = heapBlock((size + 3) & ~3);
  bytes.set(header);
  bytes.set(body, BATCH_HEADER_SIZE);
  view.setInt32(BatchAt.batchLength, size - 12);
  view.setInt16(BatchAt.attributes, plan.codec);
  if (plan.producerId >= 0) {
    view.setBigInt64(BatchAt.producerId, BigInt(plan.producerId));
    view.setInt16(BatchAt.producerEpoch, 0);
    // Sequences of the wire end at 2^31 - 1; no soak is that long.
    view.setInt32(BatchAt.baseSequence, plan.first);
  }
  const crc = crc32c(bytes, words, BatchAt.attributes, size - BatchAt.attributes);
  view.setUint32(BatchAt.crc, crc);
  return bytes.slice(0, size) as Uint8Array<ArrayBuffer>;
}

/** The batches back to back in `bytes`. Throws where anything is not as it was sent. */
export function readBatches(bytes: Uint8Array): ReadBatch[] {
  const block = heapBlock((bytes.length + 3) & ~3);
  block.bytes.set(bytes);
  const batches: ReadBatch[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < BATCH_HEADER_SIZE) throw new Error("a header is cut");
    const size = batchSize(block.view, at);
    const baseOffset = batchBaseOffset(block.view, at);
    if (size < BATCH_HEADER_SIZE || at + size > bytes.length) throw new Error(`size ${size}`);
    if (!crcFits(block, at, size)) throw new Error(`the checksum at offset ${baseOffset}`);
    const codec = block.view.getUint16(at + BatchAt.attributes) & CODEC_MASK;
    const stored = block.bytes.subarray(at + BATCH_HEADER_SIZE, at + size);
    const unpacked = decompress(codec, stored, RECORDS_SIZE_MAX);
    if (unpacked instanceof CodecFailure) throw new Error(unpacked.text);
    cursor.open(block, at, unpacked, 0, unpacked.length);
    batches.push({ baseOffset, start: at, end: at + size, records: readRecords() });
    at += size;
  }
  return batches;
}

function readRecords(): ReadRecord[] {
  const records: ReadRecord[] = [];
  while (cursor.next()) {
    const value = cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd);
    const at = `at offset ${cursor.offset}`;
    if (value.length < VALUE_SIZE_MIN) throw new Error(`a value of ${value.length} bytes ${at}`);
    const view = new DataView(value.buffer, value.byteOffset, value.length);
    const producer = view.getUint32(8);
    const sequence = view.getFloat64(12);
    const fill = fillOf(producer, sequence, value.length - VALUE_SIZE_MIN);
    if (Buffer.compare(value.subarray(VALUE_SIZE_MIN), fill) !== 0) {
      throw new Error(`other bytes than producer ${producer} sent as ${sequence} ${at}`);
    }
    records.push({ offset: cursor.offset, producer, sequence, sentMs: view.getFloat64(0) });
  }
  if (cursor.problem !== "") throw new Error(`${cursor.problem}, at offset ${cursor.offset}`);
  return records;
}

function fillOf(producer: number, sequence: number, size: number): Uint8Array {
  const from = (producer * 7919 + sequence * 104729) % (POOL_SIZE - 262144);
  return pool.subarray(from, from + size);
}

/** Words of a small alphabet: a codec finds something to do. */
function makePool(): Uint8Array {
  const prng = new Prng(1);
  const bytes = new Uint8Array(POOL_SIZE);
  for (let at = 0; at < POOL_SIZE; at += 1) {
    bytes[at] = prng.chance(15) ? 32 : 97 + (prng.next() & 15);
  }
  return bytes;
}
