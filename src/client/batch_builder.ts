/**
 * Builds one record batch after another in a buffer that grows to the largest batch. Hot.
 *
 *     0            headroom                headroom + 61                     end
 *     |  frame header | batch header       | record | record | record |      free
 *                       written by finish    written by append
 *
 * The headroom takes the frame's header and the fields before the batch, so that a request is one
 * range of one buffer and no batch is copied to be sent. Records have a null key, no headers, and
 * the timestamp of their batch.
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
import { varintSize, writeVarint } from "./varint.ts";

const FIRST_SIZE: number = 64 * KiB;
/** attributes, timestampDelta, keySize and headerCount take a byte each. */
const RECORD_FIXED_SIZE = 4;
/** keySize of a null key: the varint of -1. */
const NULL_KEY = 1;

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

export class BatchBuilder {
  /** Largest batch, its header included. */
  readonly sizeMax: number;
  readonly headroom: number;
  block: ByteBlock;
  /** Where the next record begins. */
  end: number;
  count = 0;

  constructor(sizeMax: number, headroom = 0) {
    assert(sizeMax >= BATCH_HEADER_SIZE, "a batch has a header");
    assert(headroom % 4 === 0, "the headroom keeps words aligned");
    this.sizeMax = sizeMax;
    this.headroom = headroom;
    this.block = heapBlock(headroom + Math.max(BATCH_HEADER_SIZE, Math.min(FIRST_SIZE, sizeMax)));
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

  /** Writes the batch's header: from now on [headroom, end) is a whole batch. */
  finish(timestampMs: number): void {
    assert(this.count > 0, "a batch holds a record");
    const view = this.block.view;
    const at = this.headroom;
    writeU64(view, at + BatchAt.baseOffset, 0);
    view.setInt32(at + BatchAt.batchLength, this.size - BATCH_LENGTH_BASE);
    view.setInt32(at + BatchAt.leaderEpoch, -1);
    view.setInt8(at + BatchAt.magic, BATCH_MAGIC);
    view.setInt16(at + BatchAt.attributes, 0);
    view.setInt32(at + BatchAt.lastOffsetDelta, this.count - 1);
    writeI64(view, at + BatchAt.baseTimestamp, timestampMs);
    writeI64(view, at + BatchAt.maxTimestamp, timestampMs);
    writeI64(view, at + BatchAt.producerId, -1);
    view.setInt16(at + BatchAt.producerEpoch, -1);
    view.setInt32(at + BatchAt.baseSequence, -1);
    view.setInt32(at + BatchAt.recordsCount, this.count);
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
    bytes[at] = NULL_KEY;
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
