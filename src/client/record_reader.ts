/**
 * Walks the records of fetched batches with one cursor and no object per record. Hot.
 *
 *     start                                                    end
 *     | header | record | record | header | record | record | …  |
 *                       ^ cursor: offset, value [valueStart, valueEnd) of `block`
 *
 * The broker sends what lies on its disk without looking at it, so the checksum is checked here.
 * Records below the offset that was asked for are skipped: a fetch begins with the batch that
 * holds it. The records of a compressed batch lie in a block of their own: `block` is that of the
 * current record.
 *
 * Invariant: no byte outside [start, end) is read, and no record of a batch is shown before the
 * batch's checksum was found right.
 */

import { type ByteBlock, isSafeU64, readI64, readU64 } from "../base/bytes.ts";
import {
  BATCH_HEADER_SIZE,
  BATCH_MAGIC,
  BatchAt,
  batchBaseOffset,
  batchLastOffset,
  batchMaxTimestamp,
  batchSize,
  CODEC_MASK,
  crcFits,
} from "../format/batch.ts";
import { DECOMPRESSED_SIZE_MAX, decompressRecords } from "./compression.ts";
import { CorruptBatchError, UnsupportedCodecError } from "./errors.ts";
import type { Header } from "./record.ts";

/** A control batch holds markers of transactions, no records of a producer. */
const CONTROL_BIT = 0x20;
const APPEND_TIME_BIT = 0x08;
/** zstd; there is no other above it. */
const CODEC_MAX = 4;
const VARINT_BYTES_MAX = 5;
const VARLONG_BYTES_MAX = 10;
/**
 * attributes, timestampDelta, offsetDelta, keySize, valueSize, headerCount: a byte each at least.
 */
const RECORD_BODY_SIZE_MIN = 6;

const NO_HEADERS: readonly Header[] = [];
/** A name may begin with a byte order mark, which belongs to it. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export class RecordReader {
  /** Of the current record. */
  offset = -1;
  /** Where the value lies in `block.bytes`; start equals end for an empty or a null one. */
  valueStart = 0;
  valueEnd = 0;
  valueIsNull = false;
  keyStart = 0;
  keyEnd = 0;
  keyIsNull = true;
  /** Milliseconds since 1970: when it was made, or appended where the topic says so. */
  timestampMs = 0;
  /** First timestamp of the record's batch, milliseconds since 1970. */
  batchTimestampMs = 0;
  /** Epoch that the record's batch was stamped with. */
  leaderEpoch = -1;
  /** Where key, value and headers of the current record lie. */
  block: ByteBlock;
  /** A compressed batch with more bytes of records is refused as damaged. */
  decompressedSizeMax: number = DECOMPRESSED_SIZE_MAX;
  /** The batches. */
  #source: ByteBlock;
  /** Of the next batch in `#source`. */
  #batchAt = 0;
  #end = 0;
  #from = 0;
  #to = 0;
  /** Of the next record in `block`. */
  #at = 0;
  #recordsEnd = 0;
  #recordEnd = 0;
  #baseOffset = 0;
  #lastOffset = -1;
  #appendTimestampMs = 0;
  #isAppendTime = false;
  /** Records of the current batch still to read. */
  #left = 0;

  constructor(block: ByteBlock) {
    this.block = block;
    this.#source = block;
  }

  /** Begins at the batches in [start, end) of `block`; shows records of offsets [from, to). */
  open(block: ByteBlock, start: number, end: number, from: number, to: number): void {
    this.block = block;
    this.#source = block;
    this.offset = -1;
    this.#batchAt = start;
    this.#end = end;
    this.#from = from;
    this.#to = to;
    this.#at = this.#recordsEnd = start;
    this.#left = 0;
    this.#lastOffset = -1;
  }

  /** Moves to the next record; false behind the last one. Throws on a batch that is not sound. */
  next(): boolean {
    for (;;) {
      while (this.#left === 0) {
        if (this.#at !== this.#recordsEnd) this.#refuse("bytes follow its last record");
        if (this.#batchAt === this.#end) return false;
        this.#openBatch();
      }
      this.#readRecord();
      if (this.offset >= this.#to) return this.#finish();
      if (this.offset >= this.#from) return true;
    }
  }

  /** Leaves the rest unread. */
  #finish(): false {
    this.#left = 0;
    this.#batchAt = this.#end;
    this.#at = this.#recordsEnd;
    return false;
  }

  /** The headers of the current record, in their order. Their values are copies. */
  headers(): readonly Header[] {
    const resume = this.#at;
    this.#at = this.valueEnd;
    const count = this.#varint();
    if (count === 0) this.#at = resume;
    if (count === 0) return NO_HEADERS;
    const headers: Header[] = [];
    for (let i = 0; i < count; i += 1) headers.push(this.#header());
    if (count < 0 || this.#at !== this.#recordEnd) this.#refuse("headers do not fill their record");
    this.#at = resume;
    return headers;
  }

  #header(): Header {
    const { bytes } = this.block;
    const nameSize = this.#size(this.#recordEnd);
    if (nameSize < 0) this.#refuse("a header has no name");
    const name = decoder.decode(bytes.subarray(this.#at, this.#at + nameSize));
    this.#at += nameSize;
    const size = this.#size(this.#recordEnd);
    const value = size < 0 ? null : bytes.slice(this.#at, this.#at + size);
    this.#at += Math.max(0, size);
    return { name, value };
  }

  /** Checks the batch at the cursor and stands before its first record. */
  #openBatch(): void {
    const at = this.#batchAt;
    const size = soundSize(this.#source, at, this.#end);
    const view = this.#source.view;
    this.#baseOffset = batchBaseOffset(view, at);
    this.#lastOffset = batchLastOffset(view, at);
    this.#batchAt = at + size;
    if (!crcFits(this.#source, at, size)) this.#refuse("its checksum does not fit");
    const attributes = view.getUint16(at + BatchAt.attributes);
    const count = view.getInt32(at + BatchAt.recordsCount);
    if (count < 0) this.#refuse("it counts its records below zero");
    this.batchTimestampMs = readI64(view, at + BatchAt.baseTimestamp);
    this.leaderEpoch = view.getInt32(at + BatchAt.leaderEpoch);
    this.#isAppendTime = (attributes & APPEND_TIME_BIT) !== 0;
    this.#appendTimestampMs = batchMaxTimestamp(view, at);
    this.#at = this.#recordsEnd = this.#batchAt;
    if ((attributes & CONTROL_BIT) !== 0 || this.#lastOffset < this.#from) return;
    this.#openRecords(attributes & CODEC_MASK, at + BATCH_HEADER_SIZE);
    this.#left = count;
  }

  #openRecords(codec: number, start: number): void {
    if (codec === 0) {
      this.block = this.#source;
      this.#at = start;
      return;
    }
    if (codec > CODEC_MAX) throw new UnsupportedCodecError(codec, this.#baseOffset);
    const compressed = this.#source.bytes.subarray(start, this.#batchAt);
    const sizeMax = this.decompressedSizeMax;
    const records = decompressRecords(codec, compressed, this.#baseOffset, sizeMax);
    this.block = blockOf(records);
    this.#at = 0;
    this.#recordsEnd = records.length;
  }

  #readRecord(): void {
    const length = this.#varint();
    const end = this.#at + length;
    if (length < RECORD_BODY_SIZE_MIN || end > this.#recordsEnd) {
      this.#refuse("a record ends outside it");
    }
    this.#recordEnd = end;
    this.#at += 1; // attributes
    const timestampDelta = this.#varlong();
    this.timestampMs = this.#isAppendTime
      ? this.#appendTimestampMs
      : this.batchTimestampMs + timestampDelta;
    this.offset = this.#baseOffset + this.#varint();
    if (this.offset < this.#baseOffset || this.offset > this.#lastOffset) {
      this.#refuse("a record has an offset outside it");
    }
    const keySize = this.#size(end);
    this.keyIsNull = keySize < 0;
    this.keyStart = this.#at;
    this.keyEnd = this.#at += Math.max(0, keySize);
    const valueSize = this.#size(end);
    this.valueIsNull = valueSize < 0;
    this.valueStart = this.#at;
    this.valueEnd = this.#at + Math.max(0, valueSize);
    if (this.valueEnd >= end) this.#refuse("a record has no header count");
    this.#at = end;
    this.#left -= 1;
  }

  /** A size field: -1 for null, and never more than what is left of the record. */
  #size(end: number): number {
    const size = this.#varint();
    if (size < -1 || size > end - this.#at) this.#refuse("a field ends outside its record");
    return size;
  }

  #varint(): number {
    const bytes = this.block.bytes;
    const first = this.#at < this.#recordsEnd ? bytes[this.#at]! : 128;
    if (first < 128) {
      this.#at += 1;
      return (first >>> 1) ^ -(first & 1);
    }
    let value = 0;
    for (let read = 0; read < VARINT_BYTES_MAX && this.#at < this.#recordsEnd; read += 1) {
      const byte = bytes[this.#at]!;
      this.#at += 1;
      value |= (byte & 127) << (read * 7);
      if (byte < 128) return (value >>> 1) ^ -(value & 1);
    }
    return this.#refuse("a number in it does not end");
  }

  /** Exact within 53 bits. */
  #varlong(): number {
    const bytes = this.block.bytes;
    const first = this.#at < this.#recordsEnd ? bytes[this.#at]! : 128;
    if (first < 128) {
      this.#at += 1;
      return (first >>> 1) ^ -(first & 1);
    }
    // The lowest bit is the sign, so the rest counts halves of what the bytes say.
    let half = 0;
    let scale = 0.5;
    for (let read = 0; read < VARLONG_BYTES_MAX && this.#at < this.#recordsEnd; read += 1) {
      const byte = bytes[this.#at]!;
      this.#at += 1;
      half += (byte & 127) * scale;
      scale *= 128;
      if (byte < 128) return Number.isInteger(half) ? half : -half - 0.5;
    }
    return this.#refuse("a number in it does not end");
  }

  #refuse(what: string): never {
    throw new CorruptBatchError(what, this.#baseOffset);
  }
}

/** Bytes of a batch that was decompressed; they are read and nothing else. */
function blockOf(bytes: Uint8Array): ByteBlock {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { size: bytes.length, offset: 0, bytes, words: new Int32Array(0), view };
}

/** The size of the batch at `at`, found to lie whole before `end`. */
function soundSize(block: ByteBlock, at: number, end: number): number {
  if (end - at < BATCH_HEADER_SIZE) throw new CorruptBatchError("its header is cut", -1);
  if (!isSafeU64(block.view, at)) throw new CorruptBatchError("its offset is above 2^53", -1);
  const offset = readU64(block.view, at);
  const size = batchSize(block.view, at);
  if (size < BATCH_HEADER_SIZE || size > end - at) {
    throw new CorruptBatchError("its length does not fit what was sent", offset);
  }
  if (block.view.getInt8(at + BatchAt.magic) !== BATCH_MAGIC) {
    throw new CorruptBatchError("it is not of record format 2", offset);
  }
  if (block.view.getInt32(at + BatchAt.lastOffsetDelta) < 0) {
    throw new CorruptBatchError("it ends before it begins", offset);
  }
  return size;
}

/**
 * The offset behind the last batch in [start, end), or `otherwise` when there is none. Reads
 * headers only, so that the next fetch can be asked for before these records are read.
 */
export function offsetBehind(
  block: ByteBlock,
  start: number,
  end: number,
  otherwise: number,
): number {
  let at = start;
  let behind = otherwise;
  while (at < end) {
    const size = soundSize(block, at, end);
    behind = batchLastOffset(block.view, at) + 1;
    at += size;
  }
  return behind;
}
