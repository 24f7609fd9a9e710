/**
 * Record batches made for tests, by an encoder of its own: it shares no line with the product, so
 * a mistake in one shows in the other.
 */
import assert from "node:assert/strict";
import { libc } from "#ffi";
import type { Memory } from "../../ffi/libc.ts";
import type { Prng } from "./prng.ts";

export interface RecordShape {
  /** Bytes of the key, or null. */
  key?: Uint8Array | null;
  value?: Uint8Array | null;
  headers?: readonly { key: string; value: Uint8Array | null }[];
  timestampDelta?: number;
}

export interface BatchShape {
  baseOffset?: number;
  epoch?: number;
  magic?: number;
  attributes?: number;
  baseTimestamp?: number;
  maxTimestamp?: number;
  producerId?: number;
  producerEpoch?: number;
  baseSequence?: number;
  /** Default: as many as there are records. */
  count?: number;
  lastOffsetDelta?: number;
  batchLength?: number;
  crc?: number;
}

export const HEADER_SIZE = 61;

/** The zig-zag varint of a number within 53 bits. */
export function varint(value: number): number[] {
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  const bytes: number[] = [];
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}

function sized(bytes: Uint8Array | null): number[] {
  return bytes === null ? varint(-1) : [...varint(bytes.length), ...bytes];
}

export function encodeRecord(record: RecordShape, offsetDelta: number): number[] {
  const headers = record.headers ?? [];
  const body = [
    0,
    ...varint(record.timestampDelta ?? 0),
    ...varint(offsetDelta),
    ...sized(record.key ?? null),
    ...sized(record.value ?? null),
    ...varint(headers.length),
    ...headers.flatMap(({ key, value }) => [
      ...sized(new TextEncoder().encode(key)),
      ...sized(value),
    ]),
  ];
  return [...varint(body.length), ...body];
}

/** CRC-32C bit by bit: slow, and as its definition says. */
export function slowCrc32c(bytes: Uint8Array, before: number = 0): number {
  let state = ~before;
  for (const byte of bytes) {
    state ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      state = (state & 1) !== 0 ? (state >>> 1) ^ 0x82f63b78 : state >>> 1;
    }
  }
  return ~state >>> 0;
}

/** A whole batch around `body`, which holds records or a compressed block. */
export function encodeBatch(
  body: Uint8Array | readonly number[],
  count: number,
  shape: BatchShape = {},
): Uint8Array<ArrayBuffer> {
  const size = HEADER_SIZE + body.length;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, BigInt(shape.baseOffset ?? 0));
  view.setInt32(8, shape.batchLength ?? size - 12);
  view.setInt32(12, shape.epoch ?? 0);
  view.setInt8(16, shape.magic ?? 2);
  view.setInt16(21, shape.attributes ?? 0);
  view.setInt32(23, shape.lastOffsetDelta ?? (shape.count ?? count) - 1);
  view.setBigInt64(27, BigInt(shape.baseTimestamp ?? 1700000000000));
  view.setBigInt64(35, BigInt(shape.maxTimestamp ?? 1700000000000));
  view.setBigInt64(43, BigInt(shape.producerId ?? -1));
  view.setInt16(51, shape.producerEpoch ?? -1);
  view.setInt32(53, shape.baseSequence ?? -1);
  view.setInt32(57, shape.count ?? count);
  bytes.set(body, HEADER_SIZE);
  view.setUint32(17, shape.crc ?? slowCrc32c(bytes.subarray(21)));
  return bytes;
}

/** A batch of records with these values. */
export function batchOf(values: readonly Uint8Array[], shape: BatchShape = {}): Uint8Array {
  const records = values.flatMap((value, index) => encodeRecord({ value }, index));
  return encodeBatch(records, values.length, shape);
}

/** A batch of exactly `size` bytes and one record; small sizes only where a record fits. */
export function batchOfSize(size: number, fill: number = 7, shape: BatchShape = {}): Uint8Array {
  for (let valueSize = Math.max(0, size - HEADER_SIZE - 16); valueSize <= size; valueSize += 1) {
    const body = encodeFilled(valueSize, fill);
    if (body.length + HEADER_SIZE === size) return encodeBatch(body, 1, shape);
  }
  throw new Error(`no batch has ${size} bytes`);
}

function encodeFilled(valueSize: number, fill: number): Uint8Array {
  const head = [0, 0, 0, 1, ...varint(valueSize)];
  const length = varint(head.length + valueSize + 1);
  const body = new Uint8Array(length.length + head.length + valueSize + 1);
  body.set(length);
  body.set(head, length.length);
  body.fill(fill, length.length + head.length, body.length - 1);
  return body;
}

/** A batch of one to `recordsMax` records, each with a value of up to `valueSizeMax` bytes. */
export function randomBatch(prng: Prng, recordsMax: number, valueSizeMax: number): Uint8Array {
  const values: Uint8Array[] = [];
  const count = prng.between(1, recordsMax);
  for (let i = 0; i < count; i += 1) values.push(prng.bytes(prng.between(0, valueSizeMax)));
  return batchOf(values);
}

/** The batch as the broker stores it: base offset and epoch stamped. */
export function stamped(batch: Uint8Array, baseOffset: number, epoch: number): Uint8Array {
  const copy = batch.slice();
  const view = new DataView(copy.buffer);
  view.setBigInt64(0, BigInt(baseOffset));
  view.setInt32(12, epoch);
  return copy;
}

export interface WalkedBatch {
  position: number;
  size: number;
  baseOffset: number;
  lastOffset: number;
  bytes: Uint8Array;
}

/** The batches that stand back to back in `bytes`. Throws where they do not end at its end. */
export function walkBatches(bytes: Uint8Array): WalkedBatch[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const batches: WalkedBatch[] = [];
  let position = 0;
  while (position < bytes.length) {
    const size = view.getInt32(position + 8) + 12;
    if (position + size > bytes.length) throw new Error(`a batch is cut at ${position}`);
    const baseOffset = Number(view.getBigInt64(position));
    const lastOffset = baseOffset + view.getInt32(position + 23);
    const own = bytes.slice(position, position + size);
    batches.push({ position, size, baseOffset, lastOffset, bytes: own });
    position += size;
  }
  return batches;
}

/** The bytes as system calls and the broker see them, with `before` bytes of 0xee in front. */
export function memoryOf(bytes: Uint8Array, before: number = 0): Memory {
  const memory = libc.allocate(Math.max(1, before + bytes.length));
  memory.bytes.fill(0xee, 0, before);
  memory.bytes.set(bytes, before);
  return memory;
}

export function concat(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Like deepEqual on bytes, but says only where they differ. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array, label: string): void {
  const end = Math.min(actual.length, expected.length);
  let at = 0;
  while (at < end && actual[at] === expected[at]) at += 1;
  if (at === end && actual.length === expected.length) return;
  const sizes = `${actual.length} bytes, expected ${expected.length}`;
  assert.fail(`${label}: ${sizes}, the first difference at ${at}`);
}
