/**
 * Turns a `ProducerRecord` into parts that a batch takes. Hot.
 *
 *     scratch   | key as UTF-8 | value as UTF-8 |      text; bytes stay where they are
 *
 * One object serves all records of a producer: its fields are those of the record taken last.
 *
 * Invariant: `take` leaves nothing of the record before. It throws InvalidOptionError before it
 * changes anything that is sent.
 */

import { InvalidOptionError } from "./errors.ts";
import type { RecordParts } from "./batch_builder.ts";
import type { Bytes, Headers, ProducerRecord } from "./record.ts";
import { varintSize, writeVarint } from "../format/varint.ts";

const FIRST_SIZE = 4096;
/** UTF-8 takes three bytes at most for each unit of a string. */
const BYTES_PER_UNIT = 3;

const encoder = new TextEncoder();

export class RecordEncoder implements RecordParts {
  key: Uint8Array | null = null;
  keyStart = 0;
  keyEnd = 0;
  value: Uint8Array | null = null;
  valueStart = 0;
  valueEnd = 0;
  headers: Uint8Array | null = null;
  timestampMs = 0;
  #scratch: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_SIZE);

  /** Bytes of the value; 0 for null. */
  get valueSize(): number {
    return this.valueEnd - this.valueStart;
  }

  take(record: ProducerRecord): void {
    const key = record.key ?? null;
    const value = record.value ?? null;
    const { timestampMs } = record;
    if (timestampMs !== undefined && !Number.isSafeInteger(timestampMs)) {
      throw new InvalidOptionError("timestampMs", timestampMs, "whole milliseconds since 1970");
    }
    this.timestampMs = timestampMs ?? Date.now();
    const keyEnd = this.#takeKey(key);
    this.#takeValue(value, keyEnd);
    this.headers = record.headers === undefined ? null : encodeHeaders(record.headers);
  }

  /** Returns where the scratch is free. */
  #takeKey(key: Bytes | null): number {
    if (typeof key === "string") {
      this.keyStart = 0;
      this.keyEnd = this.#write(key, 0);
      this.key = this.#scratch;
      return this.keyEnd;
    }
    if (key !== null) checkBytes("key", key);
    this.key = key;
    this.keyStart = 0;
    this.keyEnd = key === null ? 0 : key.length;
    return 0;
  }

  #takeValue(value: Bytes | null, free: number): void {
    if (typeof value === "string") {
      this.valueStart = free;
      this.valueEnd = this.#write(value, free);
      this.value = this.#scratch;
      if (free > 0) this.key = this.#scratch; // it may have moved
      return;
    }
    if (value !== null) checkBytes("value", value);
    this.value = value;
    this.valueStart = 0;
    this.valueEnd = value === null ? 0 : value.length;
  }

  /** Writes text at `at` of the scratch; returns where it ends. */
  #write(text: string, at: number): number {
    const needed = at + BYTES_PER_UNIT * text.length;
    if (needed > this.#scratch.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#scratch.length));
      larger.set(this.#scratch.subarray(0, at));
      this.#scratch = larger;
    }
    const target = at === 0 ? this.#scratch : this.#scratch.subarray(at);
    return at + encoder.encodeInto(text, target).written;
  }
}

function checkBytes(field: string, bytes: unknown): void {
  if (bytes instanceof Uint8Array) return;
  throw new InvalidOptionError(`${field} of a record`, typeof bytes, "a Uint8Array, text or null");
}

/** Count and headers as they stand in a record; null where there are none. */
function encodeHeaders(headers: Headers): Uint8Array | null {
  const entries = isList(headers) ? headers : Object.entries(headers);
  if (entries.length === 0) return null;
  const parts = entries.map(([name, value]) => {
    if (value !== null && typeof value !== "string") checkBytes("a header", value);
    return { name: encoder.encode(name), value: value === null ? null : bytesOf(value) };
  });
  const size = parts.reduce((sum, { name, value }) => {
    const valueSize = value === null ? 1 : varintSize(value.length) + value.length;
    return sum + varintSize(name.length) + name.length + valueSize;
  }, varintSize(parts.length));
  const bytes = new Uint8Array(size);
  let at = writeVarint(bytes, 0, parts.length);
  for (const { name, value } of parts) {
    at = writeVarint(bytes, at, name.length);
    bytes.set(name, at);
    at += name.length;
    if (value === null) bytes[at++] = 1; // the varint of -1
    else {
      at = writeVarint(bytes, at, value.length);
      bytes.set(value, at);
      at += value.length;
    }
  }
  return bytes;
}

function isList(headers: Headers): headers is readonly (readonly [string, Bytes | null])[] {
  return Array.isArray(headers);
}

function bytesOf(value: Bytes): Uint8Array {
  return typeof value === "string" ? encoder.encode(value) : value;
}
