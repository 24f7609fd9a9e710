/**
 * Encodes and decodes a body by its table (`table.ts`). For the operations that are not hot;
 * produce and fetch have their offsets in `frame.ts`, and a test holds both ways equal.
 *
 * Invariant: decoding reads no byte outside [start, end), refuses what is left over, and
 * allocates no more than the bytes can hold: a count is compared with the bytes that follow it,
 * and bounded.
 */

import { isSafeI64, isSafeU64, readI64, readU64, writeI64, writeU64 } from "../base/bytes.ts";
import { LIST_ELEMENTS_MAX } from "../limits.ts";
import { type Scalar, sizeMin, type Table, type ValueOf } from "./table.ts";

type Value = Record<string, unknown>;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
const DASH = 0x2d;
const DIGIT_0 = 0x30;
const LETTER_A = 0x61;
/** Longer texts are left to the encoder. */
const ASCII_LENGTH_MAX = 256;

/** A body that does not fit its table; `message` names the field. */
export class BodyError extends Error {
  override name = "BodyError";
}

/** The values of `table` in bytes [start, end). Throws BodyError. */
export function decodeBody<const T extends Table>(
  table: T,
  bytes: Uint8Array,
  start: number,
  end: number,
): ValueOf<T> {
  const cursor = new Cursor(bytes, start, end);
  const value = decodeTable(table, cursor);
  if (cursor.at !== end) throw new BodyError("bytes follow the last field");
  return value as ValueOf<T>;
}

/** The bytes of `value`, with `before` free bytes in front (for a frame header). */
export function encodeBody<const T extends Table>(
  table: T,
  value: ValueOf<T>,
  before = 0,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(before + tableSize(table, value as Value));
  const view = new DataView(bytes.buffer);
  const end = encodeTable(table, value as Value, bytes, view, before);
  if (end !== bytes.length) throw new BodyError("a value changed while it was encoded");
  return bytes;
}

class Cursor {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = start;
    this.end = end;
  }

  /** Position of the next `size` bytes. */
  take(size: number, field: string): number {
    if (size > this.end - this.at) throw new BodyError(`the body ends inside ${field}`);
    const at = this.at;
    this.at += size;
    return at;
  }
}

function decodeTable(table: Table, cursor: Cursor): Value {
  const value: Value = {};
  for (const [name, type] of table) {
    value[name] = typeof type === "string"
      ? decodeScalar(name, type, cursor)
      : decodeList(name, type, cursor);
  }
  return value;
}

function decodeList(name: string, table: Table, cursor: Cursor): Value[] {
  const count = cursor.view.getUint32(cursor.take(4, name));
  if (count > LIST_ELEMENTS_MAX) throw new BodyError(`${name} has too many elements`);
  const elementSizeMin = table.reduce((size, field) => size + sizeMin(field[1]), 0);
  if (count * elementSizeMin > cursor.end - cursor.at) {
    throw new BodyError(`the body ends inside ${name}`);
  }
  const list: Value[] = [];
  for (let i = 0; i < count; i += 1) list.push(decodeTable(table, cursor));
  return list;
}

function decodeScalar(name: string, type: Scalar, cursor: Cursor): unknown {
  const view = cursor.view;
  switch (type) {
    case "u8":
      return view.getUint8(cursor.take(1, name));
    case "u16":
      return view.getUint16(cursor.take(2, name));
    case "u32":
      return view.getUint32(cursor.take(4, name));
    case "u64": {
      const at = cursor.take(8, name);
      if (!isSafeU64(view, at)) throw new BodyError(`${name} is above 2^53`);
      return readU64(view, at);
    }
    case "i64": {
      const at = cursor.take(8, name);
      if (!isSafeI64(view, at)) throw new BodyError(`${name} does not fit 53 bits`);
      return readI64(view, at);
    }
    case "uuid":
      return formatUuid(cursor.bytes, cursor.take(16, name));
    case "string":
      return decodeString(name, cursor);
    case "rest":
      return cursor.bytes.subarray(cursor.take(cursor.end - cursor.at, name), cursor.end);
  }
}

function decodeString(name: string, cursor: Cursor): string {
  const size = cursor.view.getUint16(cursor.take(2, name));
  const at = cursor.take(size, name);
  try {
    return decoder.decode(cursor.bytes.subarray(at, at + size));
  } catch {
    throw new BodyError(`${name} is not UTF-8`);
  }
}

function tableSize(table: Table, value: Value): number {
  let size = 0;
  for (const [name, type] of table) size += fieldSize(type, value[name]);
  return size;
}

function fieldSize(type: Scalar | Table, value: unknown): number {
  if (type === "string") return 2 + stringSize(value as string);
  if (type === "rest") return (value as Uint8Array).length;
  if (typeof type === "string") return sizeMin(type);
  return (value as Value[]).reduce((size, element) => size + tableSize(type, element), 4);
}

function encodeTable(
  table: Table,
  value: Value,
  bytes: Uint8Array,
  view: DataView,
  start: number,
): number {
  let at = start;
  for (const [name, type] of table) {
    if (typeof type === "string") {
      at = encodeScalar(type, value[name], bytes, view, at);
      continue;
    }
    const list = value[name] as Value[];
    view.setUint32(at, list.length);
    at += 4;
    for (const element of list) at = encodeTable(type, element, bytes, view, at);
  }
  return at;
}

/** Writes one field; returns where the next one begins. */
function encodeScalar(
  type: Scalar,
  value: unknown,
  bytes: Uint8Array,
  view: DataView,
  at: number,
): number {
  switch (type) {
    case "u8":
      view.setUint8(at, value as number);
      break;
    case "u16":
      view.setUint16(at, value as number);
      break;
    case "u32":
      view.setUint32(at, value as number);
      break;
    case "u64":
      writeU64(view, at, value as number);
      break;
    case "i64":
      writeI64(view, at, value as number);
      break;
    case "uuid":
      parseUuid(value as string, bytes, at);
      break;
    case "string":
      return encodeString(value as string, bytes, view, at);
    case "rest":
      bytes.set(value as Uint8Array, at);
      return at + (value as Uint8Array).length;
  }
  return at + sizeMin(type);
}

/** Bytes of its UTF-8. */
function stringSize(value: string): number {
  return isAscii(value) ? value.length : encoder.encode(value).length;
}

/** Names and settings are: letter by letter they take a tenth of the time of an encoder. */
function isAscii(value: string): boolean {
  if (value.length > ASCII_LENGTH_MAX) return false;
  for (let i = 0; i < value.length; i += 1) {
    if (value.charCodeAt(i) > 127) return false;
  }
  return true;
}

function encodeString(value: string, bytes: Uint8Array, view: DataView, at: number): number {
  if (isAscii(value)) {
    view.setUint16(at, value.length);
    for (let i = 0; i < value.length; i += 1) bytes[at + 2 + i] = value.charCodeAt(i);
    return at + 2 + value.length;
  }
  const text = encoder.encode(value);
  if (text.length > 65535) throw new BodyError("a string is above 65,535 bytes");
  view.setUint16(at, text.length);
  bytes.set(text, at + 2);
  return at + 2 + text.length;
}

/** 16 bytes as 8-4-4-4-12 hexadecimal digits. */
function formatUuid(bytes: Uint8Array, at: number): string {
  let text = "";
  for (let i = 0; i < 16; i += 1) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += "-";
    text += bytes[at + i]!.toString(16).padStart(2, "0");
  }
  return text;
}

function parseUuid(text: string, bytes: Uint8Array, at: number): void {
  let digits = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === DASH) continue;
    const digit = code >= LETTER_A ? code - LETTER_A + 10 : code - DIGIT_0;
    const isDigit = digit >= 0 && digit < 16 && (code >= LETTER_A || digit < 10);
    if (!isDigit || digits === 32) throw new BodyError("a uuid has 32 hexadecimal digits");
    const byte = at + (digits >> 1);
    bytes[byte] = digits % 2 === 0 ? digit << 4 : bytes[byte]! | digit;
    digits += 1;
  }
  if (digits !== 32) throw new BodyError("a uuid has 32 hexadecimal digits");
}
