/**
 * Records inside an uncompressed batch. Numbers are zig-zag varints.
 *
 *     varint length | i8 attributes | varlong timestampDelta | varint offsetDelta
 *     varint keySize (-1: null) key | varint valueSize (-1: null) value
 *     varint headerCount { varint keySize key | varint valueSize (-1: null) value }
 *
 * `length` counts what follows it. The broker walks records to see that they fill the batch and
 * count as the header says, and which timestamp is the highest, because not every client says so
 * rightly; it never decodes one. Hot.
 *
 * Invariant: no function reads at or above `end`, whatever the bytes are.
 */

/** A varint of more than 5 bytes does not hold 32 bits; a varlong of more than 10 not 64. */
const VARINT_BYTES_MAX = 5;
const VARLONG_BYTES_MAX = 10;
/**
 * attributes, timestampDelta, offsetDelta, keySize, valueSize, headerCount: a byte each at least.
 */
const RECORD_BODY_SIZE_MIN = 6;
/** The size of what is null, -1, as it stands on the wire. */
const NULL_SIZE = 1;
/** What a malformed varint is read as: no size, no count and no offset equals it. */
const MALFORMED = -1;
/** Instead of a delta: the bytes are not those records. */
export const NOT_RECORDS: number = -Infinity;

/** Where the last number of more than one byte ended. */
let cursor = 0;
/**
 * The lowest timestampDelta of the records that `highestDelta` walked last. Beside its result, so
 * that both stay the small numbers that cost no allocation.
 */
export let lowestDelta = 0;

/**
 * The highest timestampDelta of exactly `count` records, one at least, that stand between `from`
 * and `end`, each with offsetDelta 0, 1, 2 …, and each field inside its record. NOT_RECORDS when
 * they do not, or where a delta does not fit 53 bits.
 */
export function highestDelta(
  bytes: Uint8Array,
  from: number,
  end: number,
  count: number,
): number {
  let at = from;
  let highest = 0;
  let lowest = 0;
  for (let index = 0; index < count; index += 1) {
    if (at >= end) return NOT_RECORDS;
    let zigzag = bytes[at]!;
    at += 1;
    if (zigzag > 127) {
      zigzag = readRest(bytes, at, end, zigzag);
      at = cursor;
    }
    const length = zigzag >>> 1;
    if ((zigzag & 1) !== 0 || length > end - at) return NOT_RECORDS;
    const delta = walkRecord(bytes, at, at + length, index);
    if (delta === NOT_RECORDS) return NOT_RECORDS;
    if (index === 0) highest = lowest = delta;
    else if (delta > highest) highest = delta;
    else if (delta < lowest) lowest = delta;
    at += length;
  }
  lowestDelta = lowest;
  return at === end ? highest : NOT_RECORDS;
}

/**
 * The timestampDelta of a record, or NOT_RECORDS unless its fields fill `from` to `end`. Nearly all
 * numbers are one byte: those are read here, without a call, and stay what they are on the wire,
 * zig-zag: 2n for n, 2n - 1 for -n.
 */
function walkRecord(bytes: Uint8Array, from: number, end: number, index: number): number {
  if (end - from < RECORD_BODY_SIZE_MIN || bytes[from] !== 0) return NOT_RECORDS; // attributes
  let zigzag = bytes[from + 1]!;
  let at = from + 2;
  let delta = (zigzag >>> 1) ^ -(zigzag & 1);
  if (zigzag > 127) {
    delta = readVarlong(bytes, from + 1, end);
    at = cursor;
  }
  if (at >= end) return NOT_RECORDS;
  zigzag = bytes[at]!;
  at += 1;
  if (zigzag > 127) {
    zigzag = readRest(bytes, at, end, zigzag);
    at = cursor;
  }
  if (zigzag !== 2 * index) return NOT_RECORDS; // offsetDelta
  for (let field = 0; field < 2; field += 1) { // key and value
    if (at >= end) return NOT_RECORDS;
    zigzag = bytes[at]!;
    at += 1;
    if (zigzag > 127) {
      zigzag = readRest(bytes, at, end, zigzag);
      at = cursor;
    }
    if (zigzag === NULL_SIZE) continue;
    if ((zigzag & 1) !== 0 || zigzag >>> 1 > end - at) return NOT_RECORDS;
    at += zigzag >>> 1;
  }
  if (at === end - 1 && bytes[at] === 0) return delta; // no headers
  return headersFit(bytes, at, end) ? delta : NOT_RECORDS;
}

function headersFit(bytes: Uint8Array, from: number, end: number): boolean {
  const count = readVarint(bytes, from, end);
  if ((count & 1) !== 0) return false;
  for (let header = 0; header < count >>> 1; header += 1) {
    const key = readVarint(bytes, cursor, end);
    if ((key & 1) !== 0 || key >>> 1 > end - cursor) return false;
    const value = readVarint(bytes, cursor + (key >>> 1), end);
    if (value === NULL_SIZE) continue;
    if ((value & 1) !== 0 || value >>> 1 > end - cursor) return false;
    cursor += value >>> 1;
  }
  return cursor === end;
}

/** The varint at `at`, zig-zag; MALFORMED where it does not end before `end`. Sets `cursor`. */
function readVarint(bytes: Uint8Array, at: number, end: number): number {
  cursor = at + 1;
  if (at >= end) return MALFORMED;
  const first = bytes[at]!;
  return first < 128 ? first : readRest(bytes, cursor, end, first);
}

/** `readVarint` behind the first byte, which is known. */
function readRest(bytes: Uint8Array, from: number, end: number, first: number): number {
  const last = Math.min(end, from + VARINT_BYTES_MAX - 1);
  let value = first & 127;
  let shift = 7;
  for (let at = from; at < last; at += 1) {
    const byte = bytes[at]!;
    value |= (byte & 127) << shift;
    shift += 7;
    cursor = at + 1;
    if (byte < 128) return value;
  }
  return MALFORMED;
}

/** The varlong at `from`, as a number; NOT_RECORDS where it does not end or fit 53 bits. */
function readVarlong(bytes: Uint8Array, from: number, end: number): number {
  const last = Math.min(end, from + VARLONG_BYTES_MAX);
  const sign = bytes[from]! & 1;
  // The lowest bit is the sign, so the rest counts halves of what the bytes say.
  let half = (bytes[from]! & 127) >>> 1;
  let scale = 2 ** 6;
  for (let at = from + 1; at < last; at += 1) {
    const byte = bytes[at]!;
    half += (byte & 127) * scale;
    scale *= 128;
    cursor = at + 1;
    if (byte >= 128) continue;
    if (half > Number.MAX_SAFE_INTEGER) return NOT_RECORDS;
    return sign === 0 ? half : -half - 1;
  }
  return NOT_RECORDS;
}
