/**
 * Builds one record batch after another in a buffer that grows to the largest batch. Hot.
 *
 *     0            headroom                headroom + 61                     end
 *     |  frame header | batch header       | record | record | record |      free
 *                       written by finish    written by append
 *
 * The headroom takes the frame's header and the fields before the batch, so that a request is one
 * range of one buffer and no batch is copied to be sent. `append` writes records with a null key,
 * no headers and the timestamp of their batch; `appendRecord` writes all that a record can have.
 *
 * Invariant: headroom + 61 <= end <= headroom + sizeMax, and what `finish` leaves passes
 * `checkProduced` of `format/batch.ts`.
 */

import { assert } from "../base/assert.ts";
import { type ByteBlock, heapBlock, writeI64, writeU64 } from "../base/bytes.ts";
import { crc32c } from "../base/crc32c.ts";
import { KiB } from "../base/units.ts";
import { BATCH_HEADER_SIZE, BATCH_LENGTH_BASE, BATCH_MAGIC, BatchAt } from "../format/batch.ts";
import { copyRange } from "./copy.ts";
import { varintSize, varlongSize, writeVarint, writeVarlong } from "../format/varint.ts";

const FIRST_SIZE: number = 64 * KiB;
/** attributes, timestampDelta, keySize and headerCount take a byte each. */
const RECORD_FIXED_SIZE = 4;
/** keySize or valueSize of null: the varint of -1. */
const NULL_SIZE = 1;
/** A short range is copied byte by byte: a call of `set` with `subarray` costs as much. */
const SHORT_SIZE = 24;

/** Where the parts of a record lie. One object serves many records. */
export interface RecordParts {
  /** Null: no key. */
  readonly key: Uint8Array | null;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly value: Uint8Array | null;
  readonly valueStart: number;
  readonly valueEnd: number;
  /** Count and headers as they stand in a record; null: none. */
  readonly headers: Uint8Array | null;
  /** Milliseconds since 1970. */
  readonly timestampMs: number;
}

/** Bytes of a record with a value of `valueSize` bytes at `offsetDelta` in its batch. */
export function recordSize(valueSize: number, offsetDelta: number): number {
  const body = recordBodySize(valueSize, offsetDelta);
  return varintSize(body) + body;
}

function recordBodySize(valueSize: number, offsetDelta: number): number {
  return RECORD_FIXED_SIZE + varintSize(offsetDelta) + varintSize(valueSize) + valueSize;
}

/** Bytes of a batch that holds one value only: the `max.message.bytes` that the value needs. */
export function batchSizeOf(valueSize: number): number {
  return BATCH_HEADER_SIZE + recordSize(valueSize, 0);
}

/** The largest value of which a batch of `batchSizeMax` bytes can hold one; below 0: none. */
export function valueSizeMax(batchSizeMax: number): number {
  let valueSize = batchSizeMax - batchSizeOf(0);
  while (valueSize >= 0 && batchSizeOf(valueSize) > batchSizeMax) valueSize -= 1;
  return valueSize;
}

/** Bytes of a batch that holds this record only. */
export function batchSizeOfRecord(record: RecordParts): number {
  const body = bodySize(record, 0, 0);
  return BATCH_HEADER_SIZE + varintSize(body) + body;
}

function bodySize(record: RecordParts, timestampDelta: number, offsetDelta: number): number {
  const key = record.key === null ? 1 : sizedSize(record.keyEnd - record.keyStart);
  const value = record.value === null ? 1 : sizedSize(record.valueEnd - record.valueStart);
  const headers = record.headers === null ? 1 : record.headers.length;
  return 1 + varlongSize(timestampDelta) + varintSize(offsetDelta) + key + value + headers;
}

/** Of bytes with their size before them. */
function sizedSize(size: number): number {
  return varintSize(size) + size;
}

export class BatchBuilder {
  /** Largest batch, its header included. */
  readonly sizeMax: number;
  readonly headroom: number;
  block: ByteBlock;
  /** Where the next record begins. */
  end: number;
  count = 0;
  /** Of the first and of the latest `appendRecord`. */
  #baseTimestampMs = 0;
  #maxTimestampMs = -Infinity;

  constructor(sizeMax: number, headroom = 0, firstSize: number = FIRST_SIZE) {
    assert(sizeMax >= BATCH_HEADER_SIZE, "a batch has a header");
    assert(headroom % 4 === 0, "the headroom keeps words aligned");
    this.sizeMax = sizeMax;
    this.headroom = headroom;
    this.block = heapBlock(headroom + Math.max(BATCH_HEADER_SIZE, Math.min(firstSize, sizeMax)));
    this.end = headroom + BATCH_HEADER_SIZE;
  }

  /** Bytes of the batch so far, its header included. */
  get size(): number {
    return this.end - this.headroom;
  }

  fits(valueSize: number): boolean {
    return this.size + recordSize(valueSize, this.count) <= this.sizeMax;
  }

  /**
   * Appends the value in [start, end) of `source`; false, and nothing done, when it does not fit.
   */
  append(source: ByteBlock, start: number, end: number): boolean {
    if (!this.fits(end - start)) return false;
    const at = this.#beginRecord(end - start);
    copyRange(source, start, end, this.block, at);
    this.#endRecord(at + end - start);
    return true;
  }

  /** The same for a value that is not in a block. */
  appendBytes(value: Uint8Array): boolean {
    if (!this.fits(value.length)) return false;
    const at = this.#beginRecord(value.length);
    this.block.bytes.set(value, at);
    this.#endRecord(at + value.length);
    return true;
  }

  fitsRecord(record: RecordParts): boolean {
    const timestampDelta = this.count === 0 ? 0 : record.timestampMs - this.#baseTimestampMs;
    const body = bodySize(record, timestampDelta, this.count);
    return this.size + varintSize(body) + body <= this.sizeMax;
  }

  /** Appends a record; false, and nothing done, when it does not fit. */
  appendRecord(record: RecordParts): boolean {
    const isFirst = this.count === 0;
    const timestampDelta = isFirst ? 0 : record.timestampMs - this.#baseTimestampMs;
    const body = bodySize(record, timestampDelta, this.count);
    const size = varintSize(body) + body;
    if (this.size + size > this.sizeMax) return false;
    if (isFirst) this.#baseTimestampMs = record.timestampMs;
    if (record.timestampMs > this.#maxTimestampMs) this.#maxTimestampMs = record.timestampMs;
    this.#makeRoom(size);
    const bytes = this.block.bytes;
    let at = writeVarint(bytes, this.end, body);
    bytes[at] = 0; // attributes
    at = writeVarlong(bytes, at + 1, timestampDelta);
    at = writeVarint(bytes, at, this.count);
    at = writeSized(bytes, at, record.key, record.keyStart, record.keyEnd);
    at = writeSized(bytes, at, record.value, record.valueStart, record.valueEnd);
    if (record.headers === null) bytes[at++] = 0;
    else {
      bytes.set(record.headers, at);
      at += record.headers.length;
    }
    this.end = at;
    this.count += 1;
    return true;
  }

  /**
   * Writes the batch's header: from now on [headroom, end) is a whole batch, of no producer.
   * `timestampMs` is that of records without one of their own.
   */
  finish(timestampMs: number): void {
    this.close(timestampMs);
    this.stamp(-1, -1, -1);
  }

  /** Writes what of the header does not depend on the producer; `stamp` writes the rest. */
  close(timestampMs: number): void {
    assert(this.count > 0, "a batch holds a record");
    const hasOwn = this.#maxTimestampMs !== -Infinity;
    const view = this.block.view;
    const at = this.headroom;
    writeU64(view, at + BatchAt.baseOffset, 0);
    view.setInt32(at + BatchAt.batchLength, this.size - BATCH_LENGTH_BASE);
    view.setInt32(at + BatchAt.leaderEpoch, -1);
    view.setInt8(at + BatchAt.magic, BATCH_MAGIC);
    view.setInt16(at + BatchAt.attributes, 0);
    view.setInt32(at + BatchAt.lastOffsetDelta, this.count - 1);
    writeI64(view, at + BatchAt.baseTimestamp, hasOwn ? this.#baseTimestampMs : timestampMs);
    writeI64(view, at + BatchAt.maxTimestamp, hasOwn ? this.#maxTimestampMs : timestampMs);
    view.setInt32(at + BatchAt.recordsCount, this.count);
  }

  /** After `close`: puts what the records compress to in their place. */
  replaceRecords(codec: number, compressed: Uint8Array): void {
    const records = this.headroom + BATCH_HEADER_SIZE;
    assert(compressed.length <= this.end - records, "compressed records are no larger");
    this.block.bytes.set(compressed, records);
    this.end = records + compressed.length;
    this.block.view.setInt16(this.headroom + BatchAt.attributes, codec);
    this.block.view.setInt32(this.headroom + BatchAt.batchLength, this.size - BATCH_LENGTH_BASE);
  }

  /** Writes the producer and where the batch stands among its others, and the checksum. */
  stamp(producerId: number, producerEpoch: number, baseSequence: number): void {
    const view = this.block.view;
    const at = this.headroom;
    writeI64(view, at + BatchAt.producerId, producerId);
    view.setInt16(at + BatchAt.producerEpoch, producerEpoch);
    view.setInt32(at + BatchAt.baseSequence, baseSequence);
    const from = at + BatchAt.attributes;
    view.setUint32(
      at + BatchAt.crc,
      crc32c(this.block.bytes, this.block.words, from, this.end - from),
    );
  }

  /** Begins the next batch in the same buffer. */
  reset(): void {
    this.end = this.headroom + BATCH_HEADER_SIZE;
    this.count = 0;
    this.#maxTimestampMs = -Infinity;
  }

  /** Writes what stands before the value; returns where the value goes. */
  #beginRecord(valueSize: number): number {
    const body = recordBodySize(valueSize, this.count);
    this.#makeRoom(body + varintSize(body));
    const bytes = this.block.bytes;
    let at = writeVarint(bytes, this.end, body);
    bytes[at] = 0; // attributes
    bytes[at + 1] = 0; // timestampDelta
    at = writeVarint(bytes, at + 2, this.count);
    bytes[at] = NULL_SIZE;
    return writeVarint(bytes, at + 1, valueSize);
  }

  #endRecord(at: number): void {
    this.block.bytes[at] = 0; // headerCount
    this.end = at + 1;
    this.count += 1;
  }

  #makeRoom(size: number): void {
    const needed = this.end + size;
    if (needed <= this.block.size) return;
    const larger = Math.min(Math.max(2 * this.block.size, needed), this.headroom + this.sizeMax);
    const block = heapBlock(larger);
    block.bytes.set(this.block.bytes.subarray(0, this.end));
    this.block = block;
  }
}

/** Writes size and bytes of a field, or null; returns where the next one begins. */
function writeSized(
  bytes: Uint8Array,
  start: number,
  source: Uint8Array | null,
  from: number,
  end: number,
): number {
  if (source === null) {
    bytes[start] = NULL_SIZE;
    return start + 1;
  }
  let at = writeVarint(bytes, start, end - from);
  if (end - from > SHORT_SIZE) {
    bytes.set(from === 0 && end === source.length ? source : source.subarray(from, end), at);
    return at + end - from;
  }
  for (let i = from; i < end; i += 1) bytes[at++] = source[i]!;
  return at;
}
