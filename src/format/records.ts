/**
 * Records inside an uncompressed batch. Numbers are zig-zag varints.
 *
 *     varint length | i8 attributes | varlong timestampDelta | varint offsetDelta
 *     varint keySize (-1: null) key | varint valueSize (-1: null) value
 *     varint headerCount { varint keySize key | varint valueSize (-1: null) value }
 *
 * `length` counts what follows it. The broker walks records to see that they fill the batch and
 * count as the header says; it never decodes one. Hot.
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

/** Where the last varint read by this module ended. */
let cursor = 0;

/**
 * Whether exactly `count` records stand between `from` and `end`, each with offsetDelta 0, 1, 2
 * …, and each field inside its record.
 */
export function recordsFit(bytes: Uint8Array, from: number, end: number, count: number): boolean {
  cursor = from;
  for (let index = 0; index < count; index += 1) {
    const length = readVarint(bytes, end);
    if (length < RECORD_BODY_SIZE_MIN || length > end - cursor) return false;
    if (!recordFits(bytes, cursor + length, index)) return false;
  }
  return cursor === end;
}

/** Walks one record's fields from `cursor`; true when they end exactly at `end`. */
function recordFits(bytes: Uint8Array, end: number, offsetDelta: number): boolean {
  if (bytes[cursor] !== 0) return false;
  cursor += 1;
  if (!skipVarlong(bytes, end)) return false;
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

function skipVarlong(bytes: Uint8Array, end: number): boolean {
  for (let read = 0; read < VARLONG_BYTES_MAX && cursor < end; read += 1) {
    const byte = bytes[cursor]!;
    cursor += 1;
    if (byte < 128) return true;
  }
  return false;
}

/** What a malformed varint is read as: no size and no count equals it. */
const MALFORMED = -2147483648;

/** The zig-zag varint at `cursor`, or MALFORMED. */
function readVarint(bytes: Uint8Array, end: number): number {
  let value = 0;
  for (let read = 0; read < VARINT_BYTES_MAX && cursor < end; read += 1) {
    const byte = bytes[cursor]!;
    cursor += 1;
    value |= (byte & 127) << (read * 7);
    if (byte < 128) return (value >>> 1) ^ -(value & 1);
  }
  return MALFORMED;
}
