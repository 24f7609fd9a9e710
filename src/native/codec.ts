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
import {
  type EncodableOf,
  fixedSize,
  type Scalar,
  sizeMin,
  type Table,
  type ValueOf,
  type WrittenList,
} from "./table.ts";

type Value = Record<string, unknown>;

/** A table, and what of its size does not depend on the values. */
interface Plan {
  readonly fields: readonly PlannedField[];
  /** Of them: those that take more than `sizeMin`. */
  readonly varying: readonly PlannedField[];
  readonly sizeMin: number;
}

interface PlannedField {
  readonly name: string;
  readonly type: Scalar | "list";
  readonly elements: Plan | null;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
const DASH = 0x2d;
const DIGIT_0 = 0x30;
const LETTER_A = 0x61;
const UUID_SIZE = 16;
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  return byte.toString(16).padStart(2, "0");
});
/** Longer texts are left to the encoder. */
const ASCII_LENGTH_MAX = 256;
/** Made with the first use of each table, of which there are as many as operations. */
const plans: WeakMap<Table, Plan> = new WeakMap();

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
  const value = decodeTable(planOf(table), cursor);
  if (cursor.at !== end) throw new BodyError("bytes follow the last field");
  return value as ValueOf<T>;
}

/** The bytes of `value`, with `before` free bytes in front (for a frame header). */
export function encodeBody<const T extends Table>(
  table: T,
  value: EncodableOf<T>,
  before = 0,
): Uint8Array<ArrayBuffer> {
  const plan = planOf(table);
  const bytes = new Uint8Array(before + tableSize(plan, value as Value));
  const view = new DataView(bytes.buffer);
  const end = encodeTable(plan, value as Value, bytes, view, before);
  if (end !== bytes.length) throw new BodyError("a value changed while it was encoded");
  return bytes;
}

function planOf(table: Table): Plan {
  const known = plans.get(table);
  if (known !== undefined) return known;
  const fields = table.map(([name, type]): PlannedField => {
    return typeof type === "string"
      ? { name, type, elements: null }
      : { name, type: "list", elements: planOf(type) };
  });
  const isVarying = ({ type }: PlannedField) => ["string", "rest", "list"].includes(type);
  const plan = { fields, varying: fields.filter(isVarying), sizeMin: fixedSize(table) };
  plans.set(table, plan);
  return plan;
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

function decodeTable({ fields }: Plan, cursor: Cursor): Value {
  const value: Value = {};
  for (let i = 0; i < fields.length; i += 1) {
    const { name, type, elements } = fields[i]!;
    value[name] = type === "list"
      ? decodeList(name, elements!, cursor)
      : decodeScalar(name, type, cursor);
  }
  return value;
}

function decodeList(name: string, elements: Plan, cursor: Cursor): Value[] {
  const count = cursor.view.getUint32(cursor.take(4, name));
  if (count > LIST_ELEMENTS_MAX) throw new BodyError(`${name} has too many elements`);
  if (count * elements.sizeMin > cursor.end - cursor.at) {
    throw new BodyError(`the body ends inside ${name}`);
  }
  const list: Value[] = [];
  for (let i = 0; i < count; i += 1) list.push(decodeTable(elements, cursor));
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
      return formatUuid(cursor.bytes, cursor.take(UUID_SIZE, name));
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

/** Elements of a fixed size are counted, not looked at. */
function tableSize({ varying, sizeMin }: Plan, value: Value): number {
  let size = sizeMin;
  for (let i = 0; i < varying.length; i += 1) {
    const { name, type, elements } = varying[i]!;
    if (type === "string") {
      size += stringSize(value[name] as string);
    } else if (type === "rest") {
      size += (value[name] as Uint8Array).length;
    } else {
      size += listSize(elements!, value[name] as Value[] | WrittenList);
    }
  }
  return size;
}

/** Without its count. */
function listSize(elements: Plan, list: readonly Value[] | WrittenList): number {
  if (isWritten(list)) return list.size;
  if (elements.varying.length === 0) return list.length * elements.sizeMin;
  let size = 0;
  for (let i = 0; i < list.length; i += 1) size += tableSize(elements, list[i]!);
  return size;
}

function encodeTable(
  { fields }: Plan,
  value: Value,
  bytes: Uint8Array,
  view: DataView,
  start: number,
): number {
  let at = start;
  for (let i = 0; i < fields.length; i += 1) {
    const { name, type, elements } = fields[i]!;
    if (type !== "list") {
      at = encodeScalar(type, value[name], bytes, view, at);
      continue;
    }
    at = encodeList(elements!, value[name] as Value[] | WrittenList, bytes, view, at);
  }
  return at;
}

function encodeList(
  elements: Plan,
  list: readonly Value[] | WrittenList,
  bytes: Uint8Array,
  view: DataView,
  start: number,
): number {
  let at = start + 4;
  if (isWritten(list)) {
    view.setUint32(start, list.count);
    list.writeTo(bytes, view, at);
    return at + list.size;
  }
  view.setUint32(start, list.length);
  for (let i = 0; i < list.length; i += 1) at = encodeTable(elements, list[i]!, bytes, view, at);
  return at;
}

function isWritten(list: readonly Value[] | WrittenList): list is WrittenList {
  return !Array.isArray(list);
}

/** A list that is encoded now, for values that are told again and again. */
export function encodedOnce<const T extends Table>(
  table: T,
  list: readonly EncodableOf<T>[],
): WrittenList {
  const elements = planOf(table);
  const size = listSize(elements, list as readonly Value[]);
  const encoded = new Uint8Array(4 + size);
  encodeList(elements, list as readonly Value[], encoded, new DataView(encoded.buffer), 0);
  const inside = encoded.subarray(4);
  return { count: list.length, size, writeTo: (bytes, _, at) => bytes.set(inside, at) };
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
  if (value.length <= ASCII_LENGTH_MAX && writeAscii(value, bytes, at + 2)) {
    view.setUint16(at, value.length);
    return at + 2 + value.length;
  }
  const text = encoder.encode(value);
  if (text.length > 65535) throw new BodyError("a string is above 65,535 bytes");
  view.setUint16(at, text.length);
  bytes.set(text, at + 2);
  return at + 2 + text.length;
}

/** False where it is not ASCII; then a part of it may stand there. */
function writeAscii(value: string, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < value.length; i += 1) {
    const code = value.charCodeAt(i);
    if (code > 127) return false;
    bytes[at + i] = code;
  }
  return true;
}

/** 16 bytes as 8-4-4-4-12 hexadecimal digits. */
function formatUuid(bytes: Uint8Array, at: number): string {
  let text = "";
  for (let i = 0; i < UUID_SIZE; i += 1) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += "-";
    text += HEX[bytes[at + i]!]!;
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
