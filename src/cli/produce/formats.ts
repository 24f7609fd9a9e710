/**
 * What a line or a piece of the input means as a record.
 *
 *     lines    value, or key SEPARATOR value
 *     ndjson   {"key": "k", "value": "v", "headers": {"h": "x"}, "timestamp": 1, "partition": 0}
 *     binary   value
 *
 * `consume --json` prints what `ndjson` reads: text as text, other bytes as base64 under
 * keyBase64 and valueBase64.
 */

import type { Bytes, ProducerRecord } from "../../client/record.ts";
import { FormatError } from "./length_splitter.ts";

export type RecordPart = Omit<ProducerRecord, "topic">;
type HeaderList = [name: string, value: Bytes | null][];

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A line as value, or as key and value where the separator stands in it. */
export function lineRecord(line: Uint8Array, separator: Uint8Array | null): RecordPart {
  if (separator === null) return { value: line };
  const at = indexOf(line, separator);
  if (at < 0) return { value: line };
  return { key: line.subarray(0, at), value: line.subarray(at + separator.length) };
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array): number {
  const first = wanted[0]!;
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (at + wanted.length > bytes.length) return -1;
    if (wanted.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  return -1;
}

const FIELDS = ["key", "keyBase64", "value", "valueBase64", "headers", "timestamp", "partition"];
/** What `consume --json` also prints; it is not for the producer to say. */
const IGNORED = ["topic", "offset"];

/** A line of NDJSON as a record. Throws FormatError. */
export function jsonRecord(line: Uint8Array): RecordPart {
  const object = parseObject(line);
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

function parseObject(line: Uint8Array): Record<string, unknown> {
  let text: string;
  let value: unknown;
  try {
    text = decoder.decode(line);
  } catch {
    throw new FormatError("not UTF-8; bytes that are no text go as base64 into valueBase64");
  }
  try {
    value = JSON.parse(text);
  } catch {
    throw new FormatError("not JSON");
  }
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
