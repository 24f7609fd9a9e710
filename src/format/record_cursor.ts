/**
 * Walks the records of one batch, decompressed where it was compressed, with one cursor and no
 * object per record. Layout of a record: `format/records.ts`.
 *
 *     start                                                end
 *     | record | length | fields | key | value | headers … |
 *                                  ^ keyStart    ^ headersStart
 *
 * For tools and lookups: it checks every field, so that what is malformed is said and never read
 * past. Unlike a batch as it was produced, a stored one may have gaps (compaction), so that
 * offsets only increase. (The client's reader takes less of a record and half the time.)
 *
 * Invariant: no byte outside [start, end) is read. After the last `next`, `problem` is empty only
 * when the records were as many as the header says and ended exactly at `end`.
 */

import { type ByteBlock, isSafeU64, readI64 } from "../base/bytes.ts";
import { BatchAt, batchBaseOffset } from "./batch.ts";

const APPEND_TIME_BIT = 0x08;
const VARINT_BYTES_MAX = 5;
const VARLONG_BYTES_MAX = 10;
/**
 * attributes, timestampDelta, offsetDelta, keySize, valueSize, headerCount: a byte each at least.
 */
const RECORD_BODY_SIZE_MIN = 6;
/** What a malformed number is read as: below every size, count and delta. */
const MALFORMED = -Infinity;

export class RecordCursor {
  /** Of the current record. */
  offset = -1;
  /** When it was created, or appended where the topic is of append time; ms since 1970. */
  timestampMs = 0;
  keyIsNull = true;
  keyStart = 0;
  keyEnd = 0;
  valueIsNull = true;
  valueStart = 0;
  valueEnd = 0;
  headerCount = 0;
  headersStart = 0;
  /** Of the current header, after `nextHeader`. */
  headerKeyStart = 0;
  headerKeyEnd = 0;
  headerValueIsNull = true;
  headerValueStart = 0;
  headerValueEnd = 0;
  /** Why the records are malformed; empty while they are not. */
  problem = "";
  bytes: Uint8Array = new Uint8Array(0);

  #at = 0;
  #end = 0;
  #recordEnd = 0;
  #left = 0;
  #headersLeft = 0;
  #headerAt = 0;
  #baseOffset = 0;
  #lastDelta = 0;
  #deltaBefore = -1;
  #baseTimestamp = 0;
  #appendTimestamp = -1;
  #isAppendTime = false;

  /** Begins at the records in [start, end) of `bytes`, of the batch whose header is at `at`. */
  open(header: ByteBlock, at: number, bytes: Uint8Array, start: number, end: number): void {
    const { view } = header;
    this.bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#left = view.getInt32(at + BatchAt.recordsCount);
    this.#lastDelta = view.getInt32(at + BatchAt.lastOffsetDelta);
    this.#baseOffset = batchBaseOffset(view, at);
    this.#baseTimestamp = readI64(view, at + BatchAt.baseTimestamp);
    this.#appendTimestamp = readI64(view, at + BatchAt.maxTimestamp);
    this.#isAppendTime = (view.getUint16(at + BatchAt.attributes) & APPEND_TIME_BIT) !== 0;
    this.#deltaBefore = -1;
    this.#headersLeft = 0;
    this.problem = this.#left < 0 ? "the batch counts its records below zero" : "";
    const isExact = this.#baseOffset + Math.max(0, this.#lastDelta) <= Number.MAX_SAFE_INTEGER;
    if (!isSafeU64(view, at) || !isExact) this.problem = "the batch has an offset above 2^53";
  }

  /** Moves to the next record; false behind the last one, or where they are malformed. */
  next(): boolean {
    if (this.problem !== "") return false;
    if (this.#left === 0) {
      if (this.#at !== this.#end) this.problem = "bytes follow the last record";
      return false;
    }
    this.#left -= 1;
    this.problem = this.#readRecord();
    return this.problem === "";
  }

  /** Moves to the next header of the record; false behind the last one. */
  nextHeader(): boolean {
    if (this.#headersLeft === 0) return false;
    this.#headersLeft -= 1;
    const resume = this.#at;
    this.#at = this.#headerAt;
    const keySize = this.#varint(this.#recordEnd);
    this.headerKeyStart = this.#at;
    this.headerKeyEnd = this.#at += keySize;
    const valueSize = this.#varint(this.#recordEnd);
    this.headerValueIsNull = valueSize < 0;
    this.headerValueStart = this.#at;
    this.headerValueEnd = this.#at += Math.max(0, valueSize);
    this.#headerAt = this.#at;
    this.#at = resume;
    return true;
  }

  /** Reads the fields of one record; returns what is wrong, or nothing. */
  #readRecord(): string {
    const length = this.#varint(this.#end);
    if (length < RECORD_BODY_SIZE_MIN || length > this.#end - this.#at) {
      return "a record ends outside its batch";
    }
    const end = this.#at + length;
    this.#recordEnd = end;
    this.#at += 1; // attributes, which have no meaning yet
    const timestampDelta = this.#varlong(end);
    const offsetDelta = this.#varint(end);
    if (timestampDelta === MALFORMED || offsetDelta === MALFORMED) return "a number does not end";
    if (offsetDelta <= this.#deltaBefore || offsetDelta > this.#lastDelta) {
      return "the offsets of its records do not increase within it";
    }
    this.#deltaBefore = offsetDelta;
    this.offset = this.#baseOffset + offsetDelta;
    this.timestampMs = this.#isAppendTime
      ? this.#appendTimestamp
      : this.#baseTimestamp + timestampDelta;
    return this.#readPayload(end);
  }

  #readPayload(end: number): string {
    const keySize = this.#size(end, -1);
    if (keySize === MALFORMED) return "a key ends outside its record";
    this.keyIsNull = keySize < 0;
    this.keyStart = this.#at;
    this.keyEnd = this.#at += Math.max(0, keySize);
    const valueSize = this.#size(end, -1);
    if (valueSize === MALFORMED) return "a value ends outside its record";
    this.valueIsNull = valueSize < 0;
    this.valueStart = this.#at;
    this.valueEnd = this.#at += Math.max(0, valueSize);
    this.headerCount = this.#varint(end);
    if (this.headerCount < 0) return "a record has no count of headers";
    this.headersStart = this.#at;
    for (let header = 0; header < this.headerCount; header += 1) {
      const keySize = this.#size(end, 0);
      if (keySize === MALFORMED) return "a header ends outside its record";
      this.#at += keySize;
      const valueSize = this.#size(end, -1);
      if (valueSize === MALFORMED) return "a header ends outside its record";
      this.#at += Math.max(0, valueSize);
    }
    if (this.#at !== end) return "bytes follow the last header of a record";
    this.#headersLeft = this.headerCount;
    this.#headerAt = this.headersStart;
    return "";
  }

  /** A size of at least `sizeMin` that lies before `end`, or MALFORMED. */
  #size(end: number, sizeMin: number): number {
    const size = this.#varint(end);
    return size < sizeMin || size > end - this.#at ? MALFORMED : size;
  }

  /** The zig-zag number of at most 32 bits at the cursor, or MALFORMED. */
  #varint(end: number): number {
    if (this.#at >= end) return MALFORMED;
    const first = this.bytes[this.#at]!;
    this.#at += 1;
    if (first < 128) return (first >>> 1) ^ -(first & 1);
    let value = first & 127;
    for (let read = 1; read < VARINT_BYTES_MAX && this.#at < end; read += 1) {
      const byte = this.bytes[this.#at]!;
      this.#at += 1;
      value |= (byte & 127) << (read * 7);
      if (byte < 128) return (value >>> 1) ^ -(value & 1);
    }
    return MALFORMED;
  }

  /** The zig-zag number of at most 64 bits at the cursor, exact within 53, or MALFORMED. */
  #varlong(end: number): number {
    if (this.#at >= end) return MALFORMED;
    const first = this.bytes[this.#at]!;
    this.#at += 1;
    if (first < 128) return (first >>> 1) ^ -(first & 1);
    // The lowest bit is the sign, so the rest counts halves of what the bytes say.
    let half = (first & 127) >>> 1;
    let scale = 64;
    for (let read = 1; read < VARLONG_BYTES_MAX && this.#at < end; read += 1) {
      const byte = this.bytes[this.#at]!;
      this.#at += 1;
      half += (byte & 127) * scale;
      scale *= 128;
      if (byte < 128) return (first & 1) === 0 ? half : -half - 1;
    }
    return MALFORMED;
  }
}
