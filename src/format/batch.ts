/**
 * Record batch: Kafka's format 2, the one shape of wire, disk and reply. Big-endian. Hot.
 *
 *      0  u64  baseOffset            stamped by the broker
 *      8  i32  batchLength           bytes after this field: whole size - 12
 *     12  i32  partitionLeaderEpoch  stamped by the broker
 *     16  i8   magic                 2
 *     17  u32  crc                   CRC-32C of byte 21 to the end
 *     21  i16  attributes            0-2 codec, 3 append time, 4 transactional, 5 control
 *     23  i32  lastOffsetDelta       records - 1 in a batch as it was produced
 *     27  i64  baseTimestamp
 *     35  i64  maxTimestamp
 *     43  i64  producerId            -1: not idempotent
 *     51  i16  producerEpoch
 *     53  i32  baseSequence
 *     57  i32  recordsCount
 *     61       records, one after another, or one compressed block
 *
 * Both stamped fields lie outside the checksum, so that an append changes no other byte, but for
 * a highest timestamp that is not true: that one is set right, and the checksum with it.
 *
 * Invariant: what `checkProduced` lets through, every reader of the format can walk to its last
 * byte, and no record of an uncompressed batch is later than its maxTimestamp, or all earlier.
 */

import { type ByteBlock, isSafeU64, readI64, readU64, writeI64, writeU64 } from "../base/bytes.ts";
import { blockCrc32c } from "../base/crc32c_simd.ts";
import { type ErrorCode, ErrorCodes } from "./errors.ts";
import { highestDelta, lowestDelta, NOT_RECORDS } from "./records.ts";

export const BatchAt = {
  baseOffset: 0,
  batchLength: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordsCount: 57,
  records: 61,
} as const;

export const BATCH_HEADER_SIZE = 61;
/** baseOffset and batchLength: what `batchLength` does not count. */
export const BATCH_LENGTH_BASE = 12;
export const BATCH_MAGIC = 2;

export const CODEC_MASK = 0x07;
/** The last codec that exists: zstd. */
const CODEC_MAX = 4;
const TRANSACTIONAL_BIT = 0x10;
/**
 * What a producer may not set: append time, control, delete horizon and the bits without meaning.
 */
const REFUSED_ATTRIBUTES = 0xffff & ~(CODEC_MASK | TRANSACTIONAL_BIT);

/** Timestamps are numbers of 53 bits. */
const TIMESTAMP_MAX: number = Number.MAX_SAFE_INTEGER;

/** The whole size of the batch at `at`, from its length field; it may be nonsense. */
export function batchSize(view: DataView, at: number): number {
  return view.getInt32(at + BatchAt.batchLength) + BATCH_LENGTH_BASE;
}

export function batchBaseOffset(view: DataView, at: number): number {
  return readU64(view, at + BatchAt.baseOffset);
}

/** The offset of the batch's last record. */
export function batchLastOffset(view: DataView, at: number): number {
  return batchBaseOffset(view, at) + view.getInt32(at + BatchAt.lastOffsetDelta);
}

export function batchMaxTimestamp(view: DataView, at: number): number {
  return readI64(view, at + BatchAt.maxTimestamp);
}

/** The producer of an idempotent batch, or -1: whatever else stands there says nothing. */
export function producerIdOf(view: DataView, at: number): number {
  return view.getInt32(at + BatchAt.producerId) < 0 ? -1 : readI64(view, at + BatchAt.producerId);
}

/** Writes the two fields that belong to the broker. */
export function stampBatch(view: DataView, at: number, baseOffset: number, epoch: number): void {
  writeU64(view, at + BatchAt.baseOffset, baseOffset);
  view.setInt32(at + BatchAt.leaderEpoch, epoch);
}

/** Whether the stored checksum is that of the bytes. The caller has checked the size. */
export function crcFits(block: ByteBlock, at: number, size: number): boolean {
  const from = at + BatchAt.attributes;
  const computed = blockCrc32c(block, from, size - BatchAt.attributes);
  return computed === block.view.getUint32(at + BatchAt.crc);
}

/**
 * Checks a batch as a producer sends it: exactly one, of `size` bytes at `at`. Sets its highest
 * timestamp right where the producer did not: lookups by time and retention build on it.
 *
 * Returns 0, or the code of the first thing wrong, cheapest check first.
 */
export function checkProduced(
  block: ByteBlock,
  at: number,
  size: number,
  sizeMax: number,
): ErrorCode {
  if (size > sizeMax) return ErrorCodes.batch_too_large;
  if (size < BATCH_HEADER_SIZE) return ErrorCodes.batch_invalid;
  const view = block.view;
  if (view.getInt8(at + BatchAt.magic) !== BATCH_MAGIC) return ErrorCodes.unsupported_magic;
  if (batchSize(view, at) !== size) return ErrorCodes.batch_invalid;
  if (!crcFits(block, at, size)) return ErrorCodes.batch_corrupt;
  return checkCounts(block, at, size);
}

function checkCounts(block: ByteBlock, at: number, size: number): ErrorCode {
  const view = block.view;
  const attributes = view.getUint16(at + BatchAt.attributes);
  const count = view.getInt32(at + BatchAt.recordsCount);
  if ((attributes & REFUSED_ATTRIBUTES) !== 0) return ErrorCodes.batch_invalid;
  if ((attributes & CODEC_MASK) > CODEC_MAX) return ErrorCodes.batch_invalid;
  if (count <= 0) return ErrorCodes.batch_invalid;
  if (view.getInt32(at + BatchAt.lastOffsetDelta) !== count - 1) return ErrorCodes.batch_invalid;
  if (view.getUint32(at) !== 0) return ErrorCodes.batch_invalid;
  if (view.getUint32(at + 4) !== 0) return ErrorCodes.batch_invalid;
  if (view.getInt32(at + BatchAt.producerId) >= 0) {
    if (!isSafeU64(view, at + BatchAt.producerId)) return ErrorCodes.batch_invalid;
    if (view.getInt32(at + BatchAt.baseSequence) < 0) return ErrorCodes.batch_invalid;
  }
  if ((attributes & CODEC_MASK) !== 0) return checkBlock(block, at, size);
  return checkRecords(block, at, size, count);
}

/** One walk for both: that the records are there, and which of them is the latest. */
function checkRecords(block: ByteBlock, at: number, size: number, count: number): ErrorCode {
  const delta = highestDelta(block.bytes, at + BatchAt.records, at + size, count);
  if (delta === NOT_RECORDS) return ErrorCodes.batch_invalid;
  const base = readI64(block.view, at + BatchAt.baseTimestamp);
  const highest = base + delta;
  if (Math.abs(base) > TIMESTAMP_MAX || highest > TIMESTAMP_MAX) return ErrorCodes.batch_invalid;
  if (base + lowestDelta < -TIMESTAMP_MAX) return ErrorCodes.batch_invalid;
  if (highest !== batchMaxTimestamp(block.view, at)) setMaxTimestamp(block, at, size, highest);
  return ErrorCodes.none;
}

/** A compressed block is not opened: the header is believed where it can be. */
function checkBlock(block: ByteBlock, at: number, size: number): ErrorCode {
  if (size === BATCH_HEADER_SIZE) return ErrorCodes.batch_invalid;
  const base = readI64(block.view, at + BatchAt.baseTimestamp);
  const highest = batchMaxTimestamp(block.view, at);
  if (Math.abs(base) > TIMESTAMP_MAX) return ErrorCodes.batch_invalid;
  if (Math.abs(highest) > TIMESTAMP_MAX) return ErrorCodes.batch_invalid;
  if (highest < base) setMaxTimestamp(block, at, size, base);
  return ErrorCodes.none;
}

function setMaxTimestamp(block: ByteBlock, at: number, size: number, timestamp: number): void {
  writeI64(block.view, at + BatchAt.maxTimestamp, timestamp);
  const from = at + BatchAt.attributes;
  const crc = blockCrc32c(block, from, size - BatchAt.attributes);
  block.view.setUint32(at + BatchAt.crc, crc);
}

/** Why a batch on disk is not the next one of its log; `whole` when it is. */
export const Stored = {
  whole: 0,
  short: 1,
  length: 2,
  magic: 3,
  offset: 4,
  epoch: 5,
  crc: 6,
  count: 7,
} as const;
export type Stored = typeof Stored[keyof typeof Stored];

/** Whether `size` can be the whole size of a batch that was accepted under `sizeMax`. */
export function isBatchSize(size: number, sizeMax: number): boolean {
  return size >= BATCH_HEADER_SIZE && size <= sizeMax;
}

/**
 * Checks the batch at `at` as recovery meets it, its `size` bytes being in `block`: it must be
 * the one that follows `expectedOffset`, of an epoch not below `epochMin`. Zeros fail at the
 * length already.
 */
export function checkStored(
  block: ByteBlock,
  at: number,
  size: number,
  expectedOffset: number,
  epochMin: number,
): Stored {
  const view = block.view;
  if (view.getInt8(at + BatchAt.magic) !== BATCH_MAGIC) return Stored.magic;
  if (batchBaseOffset(view, at) !== expectedOffset) return Stored.offset;
  if (view.getInt32(at + BatchAt.leaderEpoch) < epochMin) return Stored.epoch;
  const delta = view.getInt32(at + BatchAt.lastOffsetDelta);
  if (delta < 0 || view.getInt32(at + BatchAt.recordsCount) !== delta + 1) return Stored.count;
  return crcFits(block, at, size) ? Stored.whole : Stored.crc;
}

/** `checkStored` of a batch whose records are fewer than its offsets: compaction leaves that. */
export function checkCompacted(block: ByteBlock, at: number, size: number): Stored {
  const count = block.view.getInt32(at + BatchAt.recordsCount);
  const delta = block.view.getInt32(at + BatchAt.lastOffsetDelta);
  if (count < 0 || count > delta) return Stored.count;
  return crcFits(block, at, size) ? Stored.whole : Stored.crc;
}
