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

import { Buffer } from "node:buffer";
import { JsonWriter } from "./json_writer.ts";
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
const line = new JsonWriter();

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

/** A record as JSON: every record that is streamed, read over HTTP or printed passes here. */
export function writeRecord(out: JsonWriter, record: RecordView): void {
  out.text('{"topic":');
  out.text(JSON.stringify(record.topic));
  out.text(',"partition":');
  out.number(record.partition);
  out.text(',"offset":');
  out.number(record.offset);
  out.text(',"timestamp":');
  out.number(record.timestampMs);
  out.text(",");
  writeField(out, "key", record.key);
  out.text(",");
  writeField(out, "value", record.value);
  const headers = record.headers();
  if (headers.length > 0) writeHeaders(out, headers);
  out.text("}");
}

function writeHeaders(out: JsonWriter, headers: readonly Header[]): void {
  let before = ',"headers":[';
  for (const { name, value } of headers) {
    out.text(before);
    out.text(`{"name":${JSON.stringify(name)},`);
    writeField(out, "value", value);
    before = "},";
  }
  out.text("}]");
}

/** What is no text has a name of its own, which is known when it was looked at. */
function writeField(out: JsonWriter, name: string, bytes: Uint8Array | null): void {
  const { size } = out;
  out.text('"');
  out.text(name);
  if (bytes === null) return out.text('":null');
  out.text('":');
  if (out.string(bytes)) return;
  out.cutTo(size);
  out.text(`"${name}Base64":"`);
  out.text(viewed(bytes).toString("base64"));
  out.text('"');
}

/** The same as a line. */
export function jsonLine(record: RecordView): Uint8Array {
  line.clear(); // of a record whose headers were found damaged
  writeRecord(line, record);
  line.text("\n");
  return line.take();
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
