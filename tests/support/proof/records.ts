/**
 * Records of the proofs: batches encoded and read by code of the tests alone, so that a mistake of
 * the product is not made twice.
 *
 *     record   length | attributes | timestampDelta | offsetDelta | key | value | headers
 *                                                                 [---- hashed as it is ----]
 *     identity 12 bytes: u32 producer, u32 place, u32 sequence; in the key, or in header `id`
 *
 * The hash also covers the absolute timestamp. So two records have one hash when key, value,
 * headers and timestamp are equal byte by byte, and each record tells who sent it as what.
 */
import { crc32 } from "node:zlib";

export interface RecordPlan {
  /** Null: the identity is in a header. */
  readonly keyed: boolean;
  /** Null for a tombstone. */
  readonly value: Uint8Array | null;
  /** Milliseconds above the batch's first timestamp. */
  readonly timestampDelta: number;
}

export interface BatchPlan {
  readonly producer: number;
  readonly place: number;
  /** Sequence of the first record, counted per producer and place. */
  readonly first: number;
  readonly timestamp: number;
  readonly records: readonly RecordPlan[];
  /** For an idempotent producer, otherwise -1. */
  readonly producerId: number;
}

export interface EncodedBatch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of each record. */
  readonly hashes: number[];
}

export interface ReadRecord {
  readonly offset: number;
  readonly hash: number;
  readonly timestamp: number;
  /** -1 when no identity of ours is in it. */
  readonly producer: number;
  readonly place: number;
  readonly sequence: number;
}

export interface ReadBatch {
  readonly position: number;
  readonly size: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly epoch: number;
  readonly maxTimestamp: number;
  readonly records: ReadRecord[];
}

export const HEADER_SIZE = 61;
const IDENTITY_SIZE = 12;
const ID_HEADER: Uint8Array = new TextEncoder().encode("id");
const CRC_TABLE: Uint32Array = crcTable();

function crcTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let state = byte;
    for (let bit = 0; bit < 8; bit += 1) {
      state = (state & 1) !== 0 ? (state >>> 1) ^ 0x82f63b78 : state >>> 1;
    }
    return state;
  });
}

/** CRC-32C, a byte at a time. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  let state = -1;
  for (let at = start; at < end; at += 1) {
    state = CRC_TABLE[(state ^ bytes[at]!) & 255]! ^ (state >>> 8);
  }
  return ~state >>> 0;
}

export function encodeBatch(plan: BatchPlan): EncodedBatch {
  const room = plan.records.reduce((sum, { value }) => sum + 64 + (value?.length ?? 0), 0);
  const bytes = new Uint8Array(HEADER_SIZE + room);
  const view = new DataView(bytes.buffer);
  const hashes: number[] = [];
  let at = HEADER_SIZE;
  plan.records.forEach((record, index) => {
    const hashedFrom = { at: 0 };
    at = encodeRecord(plan, record, index, bytes, at, hashedFrom);
    hashes.push(hashOf(bytes, hashedFrom.at, at, plan.timestamp + record.timestampDelta));
  });
  const count = plan.records.length;
  const maxDelta = Math.max(...plan.records.map(({ timestampDelta }) => timestampDelta));
  view.setInt32(8, at - 12);
  view.setInt32(12, -1);
  view.setInt8(16, 2);
  view.setInt32(23, count - 1);
  view.setBigInt64(27, BigInt(plan.timestamp));
  view.setBigInt64(35, BigInt(plan.timestamp + maxDelta));
  view.setBigInt64(43, BigInt(plan.producerId));
  view.setInt16(51, plan.producerId < 0 ? -1 : 0);
  view.setInt32(53, plan.producerId < 0 ? -1 : plan.first);
  view.setInt32(57, count);
  view.setUint32(17, crc32c(bytes, 21, at));
  return { bytes: bytes.slice(0, at), hashes };
}

/** Writes a record at `at` and returns its end; `hashedFrom` is set to where the key begins. */
function encodeRecord(
  plan: BatchPlan,
  record: RecordPlan,
  index: number,
  bytes: Uint8Array,
  at: number,
  hashedFrom: { at: number },
): number {
  const identity = new Uint8Array(IDENTITY_SIZE);
  const view = new DataView(identity.buffer);
  view.setUint32(0, plan.producer);
  view.setUint32(4, plan.place);
  view.setUint32(8, plan.first + index);
  const { value } = record;
  const before = [0, ...varint(record.timestampDelta), ...varint(index)];
  const key = record.keyed ? [...varint(IDENTITY_SIZE), ...identity] : varint(-1);
  const valueSize = varint(value === null ? -1 : value.length);
  const headers = record.keyed
    ? varint(0)
    : [...varint(1), ...varint(ID_HEADER.length), ...ID_HEADER, ...varint(12), ...identity];
  const size = before.length + key.length + valueSize.length + (value?.length ?? 0) +
    headers.length;
  const put = (piece: ArrayLike<number>): void => {
    bytes.set(piece, at);
    at += piece.length;
  };
  put(varint(size));
  put(before);
  hashedFrom.at = at;
  put(key);
  put(valueSize);
  if (value !== null) put(value);
  put(headers);
  return at;
}

function hashOf(bytes: Uint8Array, start: number, end: number, timestamp: number): number {
  const seed = ((timestamp % 2147483647) * 31 + Math.floor(timestamp / 2147483647)) >>> 0;
  return crc32(bytes.subarray(start, end), seed) >>> 0;
}

function varint(value: number): number[] {
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  const bytes: number[] = [];
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}

/** The batches that stand back to back in `bytes`. Throws where one does not. */
export function readBatches(bytes: Uint8Array): ReadBatch[] {
  const batches: ReadBatch[] = [];
  for (let position = 0; position < bytes.length;) {
    const batch = readBatch(bytes, position);
    batches.push(batch);
    position += batch.size;
  }
  return batches;
}

function readBatch(bytes: Uint8Array, position: number): ReadBatch {
  const view = new DataView(bytes.buffer, bytes.byteOffset + position);
  const refuse = (what: string): never => {
    throw new Error(`at position ${position}: ${what}`);
  };
  if (bytes.length - position < HEADER_SIZE) refuse("a header is cut");
  const size = view.getInt32(8) + 12;
  if (size < HEADER_SIZE || position + size > bytes.length) refuse(`a batch of ${size} bytes`);
  if (view.getInt8(16) !== 2) refuse(`magic ${view.getInt8(16)}`);
  if (view.getUint32(17) !== crc32c(bytes, position + 21, position + size)) refuse("its CRC");
  if ((view.getInt16(21) & 7) !== 0) refuse("it is compressed");
  const baseOffset = Number(view.getBigInt64(0));
  const count = view.getInt32(57);
  if (count < 1 || view.getInt32(23) !== count - 1) refuse(`it counts ${count} records`);
  const cursor = new Cursor(bytes, position + HEADER_SIZE, position + size);
  const timestamp = Number(view.getBigInt64(27));
  const records = Array.from(
    { length: count },
    (_, index) => readRecord(cursor, baseOffset, index, timestamp),
  );
  if (cursor.at !== position + size) refuse("its records end elsewhere");
  return {
    position,
    size,
    baseOffset,
    lastOffset: baseOffset + count - 1,
    epoch: view.getInt32(12),
    maxTimestamp: Number(view.getBigInt64(35)),
    records,
  };
}

class Cursor {
  at: number;
  readonly bytes: Uint8Array;
  readonly end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1;; scale *= 128) {
      if (this.at >= this.end) throw new Error("a number does not end");
      const byte = this.bytes[this.at]!;
      this.at += 1;
      value += (byte & 127) * scale;
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
  }

  /** Passes over a sized field; returns where it begins, or -1 when it is null. */
  field(): number {
    const size = this.varint();
    if (size < 0) return -1;
    const start = this.at;
    this.at += size;
    if (this.at > this.end) throw new Error("a field ends outside its batch");
    return start;
  }
}

function readRecord(
  cursor: Cursor,
  baseOffset: number,
  index: number,
  timestamp: number,
): ReadRecord {
  const size = cursor.varint();
  const end = cursor.at + size;
  if (end > cursor.end) throw new Error(`record ${baseOffset + index} ends outside its batch`);
  cursor.at += 1;
  const timestampDelta = cursor.varint();
  if (cursor.varint() !== index) throw new Error(`record ${baseOffset + index} is out of order`);
  const hash = hashOf(cursor.bytes, cursor.at, end, timestamp + timestampDelta);
  const offset = baseOffset + index;
  let identity = identityAt(cursor, cursor.field());
  cursor.field();
  for (let headers = cursor.varint(); headers > 0; headers -= 1) {
    cursor.field();
    identity ??= identityAt(cursor, cursor.field());
  }
  if (cursor.at !== end) throw new Error(`record ${offset} does not end where it says`);
  const sender = identity ?? { producer: -1, place: -1, sequence: -1 };
  return { offset, hash, timestamp: timestamp + timestampDelta, ...sender };
}

function identityAt(
  cursor: Cursor,
  start: number,
): { producer: number; place: number; sequence: number } | null {
  if (start < 0 || cursor.at - start !== IDENTITY_SIZE) return null;
  const view = new DataView(cursor.bytes.buffer, cursor.bytes.byteOffset + start, IDENTITY_SIZE);
  return { producer: view.getUint32(0), place: view.getUint32(4), sequence: view.getUint32(8) };
}
