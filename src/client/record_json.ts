/**
 * Records as JSON, for people and for programs without a client of ours: what one side prints the
 * other takes. Text is itself, what is no text is base64 under a name of its own.
 *
 *     {"topic":"t","partition":0,"offset":5,"timestamp":1,"key":"k","value":"v","headers":[…]}
 *
 * The command line and the HTTP door have it in common.
 *
 * Invariant: any record that is printed is read again as the same record.
 */

import { Buffer, isAscii, isUtf8 } from "node:buffer";
import type { Bytes, Header, ProducerRecord } from "./record.ts";
import type { RecordReader } from "./record_reader.ts";

export type RecordPart = Omit<ProducerRecord, "topic">;
type HeaderList = [name: string, value: Bytes | null][];

/** What was read is not what its format says. */
export class FormatError extends Error {
  override name = "FormatError";
}

/** A record as printers see it; its bytes are valid until the next one. */
export interface RecordView {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** Decoded when it is asked for. */
  headers(): readonly Header[];
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** The current record of a reader, where it lies. */
export function viewOf(records: RecordReader, topic: string, partition: number): RecordView {
  const { bytes } = records.block;
  return {
    topic,
    partition,
    offset: records.offset,
    timestampMs: records.timestampMs,
    key: records.keyIsNull ? null : bytes.subarray(records.keyStart, records.keyEnd),
    value: records.valueIsNull ? null : bytes.subarray(records.valueStart, records.valueEnd),
    headers: () => records.headers(),
  };
}

/** A record as JSON, put together by hand: every record that is streamed or printed passes here. */
export function recordJson(record: RecordView): string {
  const { topic, partition, offset, timestampMs, key, value } = record;
  const headers = record.headers();
  return `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":${offset},` +
    `"timestamp":${timestampMs},${field("key", key)},${field("value", value)}` +
    `${headers.length === 0 ? "" : `,"headers":[${headers.map(headerJson).join(",")}]`}}`;
}

function headerJson({ name, value }: Header): string {
  return `{"name":${JSON.stringify(name)},${field("value", value)}}`;
}

/** The same as a line. */
export function jsonLine(record: RecordView): Uint8Array {
  return encoder.encode(`${recordJson(record)}\n`);
}

function field(name: string, bytes: Uint8Array | null): string {
  if (bytes === null) return `"${name}":null`;
  const text = textOf(bytes);
  if (text !== null) return `"${name}":${JSON.stringify(text)}`;
  return `"${name}Base64":"${viewed(bytes).toString("base64")}"`;
}

/** Null: it is no text. Asked first: an error for each that is none takes 20 times as long. */
function textOf(bytes: Uint8Array): string | null {
  if (isAscii(bytes)) return viewed(bytes).toString("latin1");
  return isUtf8(bytes) ? decoder.decode(bytes) : null;
}

function viewed({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

const FIELDS = ["key", "keyBase64", "value", "valueBase64", "headers", "timestamp", "partition"];
/** What `consume --json` also prints; it is not for the producer to say. */
const IGNORED = ["topic", "offset"];

/** A line of JSON as a record. Throws FormatError. */
export function jsonRecord(line: Uint8Array): RecordPart {
  return recordOf(parseLine(line));
}

/** Parsed JSON as a record. Throws FormatError. */
export function recordOf(parsed: unknown): RecordPart {
  const object = objectOf(parsed);
  for (const name of Object.keys(object)) {
    if (!FIELDS.includes(name) && !IGNORED.includes(name)) {
      throw new FormatError(`"${name}" is no field; there are ${FIELDS.join(", ")}`);
    }
  }
  const { timestamp, partition, headers } = object;
  return {
    key: keyOf(object),
    value: valueOf(object),
    ...(headers === undefined || headers === null ? {} : { headers: headersOf(headers) }),
    ...(timestamp === undefined ? {} : { timestampMs: timeOf(timestamp) }),
    ...(partition === undefined ? {} : { partition: partitionOf(partition) }),
  };
}

function parseLine(line: Uint8Array): unknown {
  let text: string;
  try {
    text = decoder.decode(line);
  } catch {
    throw new FormatError("not UTF-8; bytes that are no text go as base64 into valueBase64");
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new FormatError("not JSON");
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new FormatError('not an object such as {"value": "text"}');
}

function keyOf({ key, keyBase64 }: Record<string, unknown>): Bytes | null {
  if (keyBase64 !== undefined) return base64(keyBase64, "keyBase64");
  if (key === undefined || key === null) return null;
  return typeof key === "string" ? key : JSON.stringify(key);
}

/** Text is itself; any other JSON is stored as JSON. */
function valueOf({ value, valueBase64 }: Record<string, unknown>): Bytes | null {
  if (valueBase64 !== undefined) return base64(valueBase64, "valueBase64");
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function base64(value: unknown, field: string): Uint8Array {
  try {
    if (typeof value !== "string") throw new TypeError("it is no text");
    return Uint8Array.from(atob(value), (character) => character.charCodeAt(0));
  } catch {
    throw new FormatError(`"${field}" is not base64`);
  }
}

function headersOf(headers: unknown): HeaderList {
  if (Array.isArray(headers)) return headers.map(headerOf);
  if (typeof headers !== "object") {
    throw new FormatError('"headers" is not an object such as {"name": "value"}');
  }
  return Object.entries(headers as object).map(([name, value]) => headerOf({ name, value }));
}

function headerOf(header: unknown): [string, Bytes | null] {
  const { name, ...value } = (header ?? {}) as Record<string, unknown>;
  if (typeof name === "string") return [name, valueOf(value)];
  throw new FormatError('a header has no "name"');
}

function timeOf(timestamp: unknown): number {
  const timeMs = typeof timestamp === "string" ? Date.parse(timestamp) : timestamp;
  if (Number.isSafeInteger(timeMs)) return timeMs as number;
  throw new FormatError('"timestamp" is neither milliseconds since 1970 nor a time as text');
}

function partitionOf(partition: unknown): number {
  if (Number.isSafeInteger(partition) && (partition as number) >= 0) return partition as number;
  throw new FormatError('"partition" is not a number from 0');
}
