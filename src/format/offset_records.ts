/**
 * Records of `__consumer_offsets`, as Kafka writes and reads them: the committed offset of a group
 * in one partition. Big-endian; a string has a u16 size.
 *
 *     key     i16 1 | string group | string topic | i32 partition
 *     value   i16 3 | i64 offset | i32 leaderEpoch | string metadata | i64 commitTimestamp
 *     header  "topicId"             16 bytes: which topic of that name was meant
 *
 * A null value is a tombstone: the group has no offset there any more. Kafka 4.4 writes values of
 * version 4, with compact strings and the topic's id in tag 0; they are read too. Kafka's readers
 * pass over the header (ADR 12).
 *
 * Invariant: decoding reads no byte outside [start, end), and what it does not understand it says.
 */

import { type ByteBlock, isSafeI64, readI64, writeI64, writeU64 } from "../base/bytes.ts";
import { blockCrc32c } from "../base/crc32c_simd.ts";
import { BATCH_HEADER_SIZE, BATCH_LENGTH_BASE, BATCH_MAGIC, BatchAt } from "./batch.ts";
import type { RecordCursor } from "./record_cursor.ts";
import { varintSize, writeVarint } from "./varint.ts";

/** What a group has committed in one partition. */
export interface CommittedOffset {
  /** Of the next record to read. */
  readonly offset: number;
  /** Of the record before it; -1: unknown. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  /** When it was committed; ms since 1970. */
  readonly timestampMs: number;
  /** Of the topic; empty: it was written without (by Kafka). */
  readonly topicId: string;
}

/** One record; `commit` null is a tombstone. */
export interface OffsetRecord {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly commit: CommittedOffset | null;
}

const KEY_VERSION = 1;
const VALUE_VERSION = 3;
/** The first version with compact strings and tags. */
const FLEXIBLE_VERSION = 4;
const TOPIC_ID_TAG = 0;
const TOPIC_ID_SIZE = 16;
const TOPIC_ID_HEADER = "topicId";
/** The varint of -1: a value that is null. */
const NULL_SIZE = 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const HEADER_KEY: Uint8Array = encoder.encode(TOPIC_ID_HEADER);

interface EncodedRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
  readonly topicId: Uint8Array | null;
  readonly bodySize: number;
}

/** A batch of such records, encoded up to the header, whose size is known before it is written. */
export class OffsetBatch {
  readonly size: number;
  readonly #records: EncodedRecord[];

  /** `records` holds one at least. */
  constructor(records: readonly OffsetRecord[]) {
    this.#records = records.map(encodeRecord);
    this.size = this.#records.reduce(
      (size, { bodySize }) => size + varintSize(bodySize) + bodySize,
      BATCH_HEADER_SIZE,
    );
  }

  /** Writes the batch at `start` as a producer would send it. */
  write(block: ByteBlock, start: number, timestampMs: number): void {
    const { view } = block;
    const count = this.#records.length;
    let at = start + BATCH_HEADER_SIZE;
    this.#records.forEach((record, index) => (at = writeRecord(block.bytes, at, index, record)));
    writeU64(view, start + BatchAt.baseOffset, 0);
    view.setInt32(start + BatchAt.batchLength, this.size - BATCH_LENGTH_BASE);
    view.setInt32(start + BatchAt.leaderEpoch, -1);
    view.setInt8(start + BatchAt.magic, BATCH_MAGIC);
    view.setInt16(start + BatchAt.attributes, 0);
    view.setInt32(start + BatchAt.lastOffsetDelta, count - 1);
    writeI64(view, start + BatchAt.baseTimestamp, timestampMs);
    writeI64(view, start + BatchAt.maxTimestamp, timestampMs);
    writeI64(view, start + BatchAt.producerId, -1);
    view.setInt16(start + BatchAt.producerEpoch, -1);
    view.setInt32(start + BatchAt.baseSequence, -1);
    view.setInt32(start + BatchAt.recordsCount, count);
    const crc = blockCrc32c(block, start + BatchAt.attributes, this.size - BatchAt.attributes);
    view.setUint32(start + BatchAt.crc, crc);
  }
}

function encodeRecord(record: OffsetRecord, index: number): EncodedRecord {
  const { group, topic, partition, commit } = record;
  const key = encodeKey(group, topic, partition);
  const value = commit === null ? null : encodeValue(commit);
  const topicId = commit === null || commit.topicId === "" ? null : uuidBytes(commit.topicId);
  // attributes, timestampDelta and headerCount take a byte each
  let bodySize = 3 + varintSize(index) + sized(key) + (value === null ? 1 : sized(value));
  if (topicId !== null) bodySize += sized(HEADER_KEY) + sized(topicId);
  return { key, value, topicId, bodySize };
}

function sized(bytes: Uint8Array): number {
  return varintSize(bytes.length) + bytes.length;
}

function writeRecord(bytes: Uint8Array, start: number, index: number, of: EncodedRecord): number {
  let at = writeVarint(bytes, start, of.bodySize);
  bytes[at] = 0; // attributes
  bytes[at + 1] = 0; // timestampDelta
  at = writeVarint(bytes, at + 2, index);
  at = writeBytes(bytes, at, of.key);
  if (of.value === null) {
    bytes[at] = NULL_SIZE;
    at += 1;
  } else {
    at = writeBytes(bytes, at, of.value);
  }
  at = writeVarint(bytes, at, of.topicId === null ? 0 : 1); // headerCount
  if (of.topicId === null) return at;
  at = writeBytes(bytes, at, HEADER_KEY);
  return writeBytes(bytes, at, of.topicId);
}

function writeBytes(bytes: Uint8Array, start: number, value: Uint8Array): number {
  const at = writeVarint(bytes, start, value.length);
  bytes.set(value, at);
  return at + value.length;
}

function encodeKey(group: string, topic: string, partition: number): Uint8Array {
  const name = encoder.encode(group);
  const topicName = encoder.encode(topic);
  const bytes = new Uint8Array(10 + name.length + topicName.length);
  const view = new DataView(bytes.buffer);
  view.setInt16(0, KEY_VERSION);
  view.setInt16(2, name.length);
  bytes.set(name, 4);
  const at = 4 + name.length;
  view.setInt16(at, topicName.length);
  bytes.set(topicName, at + 2);
  view.setInt32(at + 2 + topicName.length, partition);
  return bytes;
}

function encodeValue({ offset, leaderEpoch, metadata, timestampMs }: CommittedOffset): Uint8Array {
  const text = encoder.encode(metadata);
  const bytes = new Uint8Array(24 + text.length);
  const view = new DataView(bytes.buffer);
  view.setInt16(0, VALUE_VERSION);
  writeI64(view, 2, offset);
  view.setInt32(10, leaderEpoch);
  view.setInt16(14, text.length);
  bytes.set(text, 16);
  writeI64(view, 16 + text.length, timestampMs);
  return bytes;
}

/** What a record of the topic is. `foreign`: of a group, or of a version that is not known. */
export type DecodedRecord = OffsetRecord | "foreign" | "malformed";

/** The record that the cursor stands at. */
export function decodeOffsetRecord(cursor: RecordCursor): DecodedRecord {
  if (cursor.keyIsNull) return "malformed";
  try {
    const key = new Reader(cursor.bytes, cursor.keyStart, cursor.keyEnd);
    const version = key.i16();
    if (version < 0 || version > KEY_VERSION) return "foreign";
    const [group, topic, partition] = [key.string(), key.string(), key.i32()];
    if (cursor.valueIsNull) return { group, topic, partition, commit: null };
    const value = new Reader(cursor.bytes, cursor.valueStart, cursor.valueEnd);
    const commit = decodeValue(value, cursor);
    return commit === null ? "foreign" : { group, topic, partition, commit };
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return "malformed";
    throw error;
  }
}

function decodeValue(value: Reader, cursor: RecordCursor): CommittedOffset | null {
  const version = value.i16();
  if (version !== VALUE_VERSION && version !== FLEXIBLE_VERSION) return null;
  const isFlexible = version === FLEXIBLE_VERSION;
  const offset = value.i64();
  const leaderEpoch = value.i32();
  const metadata = isFlexible ? value.compactString() : value.string();
  const timestampMs = value.i64();
  const topicId = isFlexible ? tagOf(value) : headerOf(cursor);
  if (offset < 0) throw new RangeError("an offset below zero");
  return { offset, leaderEpoch, metadata, timestampMs, topicId };
}

/** The topic's id from the tags of a flexible value, or empty. */
function tagOf(value: Reader): string {
  let topicId = "";
  const count = value.uvarint();
  for (let i = 0; i < count; i += 1) {
    const tag = value.uvarint();
    const bytes = value.take(value.uvarint());
    if (tag === TOPIC_ID_TAG && bytes.length === TOPIC_ID_SIZE) topicId = uuidText(bytes);
  }
  return topicId;
}

/** The topic's id from the header that this broker writes, or empty. */
function headerOf(cursor: RecordCursor): string {
  const { bytes } = cursor;
  while (cursor.nextHeader()) {
    const key = bytes.subarray(cursor.headerKeyStart, cursor.headerKeyEnd);
    const value = bytes.subarray(cursor.headerValueStart, cursor.headerValueEnd);
    if (value.length !== TOPIC_ID_SIZE || key.length !== HEADER_KEY.length) continue;
    if (key.every((byte, at) => byte === HEADER_KEY[at])) return uuidText(value);
  }
  return "";
}

function uuidText(bytes: Uint8Array): string {
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const cuts = [0, 8, 12, 16, 20, 32];
  return cuts.slice(1).map((end, at) => digits.slice(cuts[at], end)).join("-");
}

function uuidBytes(text: string): Uint8Array {
  const digits = text.replaceAll("-", "");
  return Uint8Array.from(
    { length: TOPIC_ID_SIZE },
    (_, at) => Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16),
  );
}

/** Reads fields one after another. Throws RangeError at the end, TypeError where no UTF-8 is. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  take(size: number): Uint8Array {
    return this.#bytes.subarray(this.#skip(size), this.#at);
  }

  i16(): number {
    return this.#view.getInt16(this.#skip(2));
  }

  i32(): number {
    return this.#view.getInt32(this.#skip(4));
  }

  i64(): number {
    const at = this.#skip(8);
    if (!isSafeI64(this.#view, at)) throw new RangeError("a number above 2^53");
    return readI64(this.#view, at);
  }

  /** Null reads as empty. */
  string(): string {
    return decoder.decode(this.take(Math.max(0, this.i16())));
  }

  compactString(): string {
    return decoder.decode(this.take(Math.max(0, this.uvarint() - 1)));
  }

  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#view.getUint8(this.#skip(1));
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new RangeError("a number does not end");
  }

  #skip(size: number): number {
    const at = this.#at;
    if (size > this.#end - at) throw new RangeError("a field ends outside its record");
    this.#at = at + size;
    return at;
  }
}
