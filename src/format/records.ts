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
/** So many bytes of a varlong fit an int32: a delta of less than 37 hours. */
const VARLONG_BYTES_SHORT = 4;
/**
 * attributes, timestampDelta, offsetDelta, keySize, valueSize, headerCount: a byte each at least.
 */
const RECORD_BODY_SIZE_MIN = 6;
/** Instead of a delta: the bytes are not those records. */
export const NOT_RECORDS: number = -Infinity;

/** Where the last number read by this module ended. */
let cursor = 0;
/**
 * The lowest timestampDelta of the records that `highestDelta` walked last. Beside its result, so
 * that both stay the small numbers that cost no allocation.
 */
export let lowestDelta = 0;

/**
 * The highest timestampDelta of exactly `count` records, one at least, that stand between `from`
 * and `end`, each with offsetDelta 0, 1, 2 …, and each field inside its record. NOT_RECORDS when
 * they do not. A delta that does not fit 53 bits is told as an infinite one.
 */
export function highestDelta(
  bytes: Uint8Array,
  from: number,
  end: number,
  count: number,
): number {
  cursor = from;
  let highest = 0;
  let lowest = 0;
  for (let index = 0; index < count; index += 1) {
    const length = readVarint(bytes, end);
    if (length < RECORD_BODY_SIZE_MIN || length > end - cursor) return NOT_RECORDS;
    const recordEnd = cursor + length;
    if (bytes[cursor] !== 0) return NOT_RECORDS; // attributes
    cursor += 1;
    const delta = readVarlong(bytes, recordEnd);
    if (index === 0) highest = lowest = delta;
    else if (delta > highest) highest = delta;
    else if (delta < lowest) lowest = delta;
    if (!restFits(bytes, recordEnd, index)) return NOT_RECORDS;
  }
  lowestDelta = lowest;
  return cursor === end ? highest : NOT_RECORDS;
}

/** Walks the fields behind the timestamp; true when they end exactly at `end`. */
function restFits(bytes: Uint8Array, end: number, offsetDelta: number): boolean {
  if (readVarint(bytes, end) !== offsetDelta) return false;
  if (!skipSized(bytes, end, -1)) return false;
  if (!skipSized(bytes, end, -1)) return false;
  const headers = readVarint(bytes, end);
  if (headers < 0) return false;
  for (let header = 0; header < headers; header += 1) {
    if (!skipSized(bytes, end, 0)) return false;
    if (!skipSized(bytes, end, -1)) return false;
  }
  return cursor === end;
}

function skipSized(bytes: Uint8Array, end: number, sizeMin: number): boolean {
  const size = readVarint(bytes, end);
  if (size < sizeMin || size > end - cursor) return false;
  if (size > 0) cursor += size;
  return true;
}

/** What a malformed varint is read as: no size and no count equals it. */
const MALFORMED = -2147483648;

/** The zig-zag varint at `cursor`, or MALFORMED. */
function readVarint(bytes: Uint8Array, end: number): number {
  if (cursor >= end) return MALFORMED;
  const first = bytes[cursor]!;
  cursor += 1;
  if (first < 128) return (first >>> 1) ^ -(first & 1);
  return readVarintRest(bytes, end, first & 127);
}

/** Goes on behind the first byte, which holds `low`. */
function readVarintRest(bytes: Uint8Array, end: number, low: number): number {
  let value = low;
  for (let read = 1; read < VARINT_BYTES_MAX && cursor < end; read += 1) {
    const byte = bytes[cursor]!;
    cursor += 1;
    value |= (byte & 127) << (read * 7);
    if (byte < 128) return (value >>> 1) ^ -(value & 1);
  }
  return MALFORMED;
}

/** The zig-zag varlong at `cursor`; infinite where it does not fit 53 bits or does not end. */
function readVarlong(bytes: Uint8Array, end: number): number {
  let low = 0;
  for (let read = 0; read < VARLONG_BYTES_SHORT && cursor < end; read += 1) {
    const byte = bytes[cursor]!;
    cursor += 1;
    low |= (byte & 127) << (read * 7);
    if (byte < 128) return (low >>> 1) ^ -(low & 1);
  }
  return readVarlongRest(bytes, end, low);
}

/** Goes on behind the first bytes, which hold `low`. */
function readVarlongRest(bytes: Uint8Array, end: number, low: number): number {
  // The lowest bit is the sign, so the rest counts halves of what the bytes say.
  let half = low >>> 1;
  let scale = 2 ** (VARLONG_BYTES_SHORT * 7 - 1);
  for (let read = VARLONG_BYTES_SHORT; read < VARLONG_BYTES_MAX && cursor < end; read += 1) {
    const byte = bytes[cursor]!;
    cursor += 1;
    half += (byte & 127) * scale;
    scale *= 128;
    if (byte >= 128) continue;
    if (half > Number.MAX_SAFE_INTEGER) return (low & 1) === 0 ? Infinity : -Infinity;
    return (low & 1) === 0 ? half : -half - 1;
  }
  return -Infinity;
}
