/**
 * Walks the records of fetched batches with one cursor and no object per record. Hot.
 *
 *     start                                                    end
 *     | header | record | record | header | record | record | …  |
 *                       ^ cursor: offset, value [valueStart, valueEnd)
 *
 * The broker sends what lies on its disk without looking at it, so the checksum is checked here.
 * Records below the offset that was asked for are skipped: a fetch begins with the batch that
 * holds it.
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
  batchSize,
  CODEC_MASK,
  crcFits,
} from "../format/batch.ts";
import { CorruptBatchError, UnsupportedCodecError } from "./errors.ts";

/** A control batch holds markers of transactions, no records of a producer. */
const CONTROL_BIT = 0x20;
const VARINT_BYTES_MAX = 5;
const VARLONG_BYTES_MAX = 10;
/**
 * attributes, timestampDelta, offsetDelta, keySize, valueSize, headerCount: a byte each at least.
 */
const RECORD_BODY_SIZE_MIN = 6;

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
  /** First timestamp of the record's batch, milliseconds since 1970. */
  batchTimestampMs = 0;
  block: ByteBlock;
  #at = 0;
  #end = 0;
  #from = 0;
  #to = 0;
  #batchEnd = 0;
  #baseOffset = 0;
  #lastOffset = -1;
  /** Records of the current batch still to read. */
  #left = 0;

  constructor(block: ByteBlock) {
    this.block = block;
  }

  /** Begins at the batches in [start, end) of `block`; shows records of offsets [from, to). */
  open(block: ByteBlock, start: number, end: number, from: number, to: number): void {
    this.block = block;
    this.offset = -1;
    this.#at = start;
    this.#end = end;
    this.#from = from;
    this.#to = to;
    this.#batchEnd = start;
    this.#left = 0;
    this.#lastOffset = -1;
  }

  /** Moves to the next record; false behind the last one. Throws on a batch that is not sound. */
  next(): boolean {
    for (;;) {
      while (this.#left === 0) {
        if (this.#at !== this.#batchEnd) this.#refuse("bytes follow its last record");
        if (this.#at === this.#end) return false;
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
    this.#at = this.#batchEnd = this.#end;
    return false;
  }

  /** Checks the batch at the cursor and stands before its first record. */
  #openBatch(): void {
    const at = this.#at;
    const size = soundSize(this.block, at, this.#end);
    const view = this.block.view;
    this.#baseOffset = batchBaseOffset(view, at);
    this.#lastOffset = batchLastOffset(view, at);
    this.#batchEnd = at + size;
    if (!crcFits(this.block, at, size)) this.#refuse("its checksum does not fit");
    const attributes = view.getUint16(at + BatchAt.attributes);
    const codec = attributes & CODEC_MASK;
    const count = view.getInt32(at + BatchAt.recordsCount);
    if (count < 0) this.#refuse("it counts its records below zero");
    this.batchTimestampMs = readI64(view, at + BatchAt.baseTimestamp);
    if ((attributes & CONTROL_BIT) !== 0 || this.#lastOffset < this.#from) {
      this.#at = this.#batchEnd;
      return;
    }
    if (codec !== 0) throw new UnsupportedCodecError(codec, this.#baseOffset);
    this.#at = at + BATCH_HEADER_SIZE;
    this.#left = count;
  }

  #readRecord(): void {
    const length = this.#varint();
    const end = this.#at + length;
    if (length < RECORD_BODY_SIZE_MIN || end > this.#batchEnd) {
      this.#refuse("a record ends outside it");
    }
    this.#at += 1; // attributes
    this.#skipVarlong(); // timestampDelta
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
    const first = this.#at < this.#batchEnd ? bytes[this.#at]! : 128;
    if (first < 128) {
      this.#at += 1;
      return (first >>> 1) ^ -(first & 1);
    }
    let value = 0;
    for (let read = 0; read < VARINT_BYTES_MAX && this.#at < this.#batchEnd; read += 1) {
      const byte = bytes[this.#at]!;
      this.#at += 1;
      value |= (byte & 127) << (read * 7);
      if (byte < 128) return (value >>> 1) ^ -(value & 1);
    }
    return this.#refuse("a number in it does not end");
  }

  #skipVarlong(): void {
    for (let read = 0; read < VARLONG_BYTES_MAX && this.#at < this.#batchEnd; read += 1) {
      this.#at += 1;
      if (this.block.bytes[this.#at - 1]! < 128) return;
    }
    this.#refuse("a number in it does not end");
  }

  #refuse(what: string): never {
    throw new CorruptBatchError(what, this.#baseOffset);
  }
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
