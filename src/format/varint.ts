/**
 * Zig-zag varints of record fields: sizes and deltas within an int32, and those of
 * timestamps. Hot.
 *
 *     value   0   -1   1   63   64    8191    8192
 *     bytes  00   01  02   7e   80 01 fe 7f   80 80 01
 */

/** Bytes that the varint of a number from 0 to 2^31 - 1 takes. */
export function varintSize(value: number): number {
  if (value < 64) return 1;
  if (value < 8192) return 2;
  if (value < 1048576) return 3;
  return value < 134217728 ? 4 : 5;
}

/** Writes a number from 0 to 2^31 - 1; returns where the next field begins. */
export function writeVarint(bytes: Uint8Array, start: number, value: number): number {
  let rest = (value << 1) >>> 0;
  let at = start;
  while (rest > 127) {
    bytes[at] = (rest & 127) | 128;
    rest >>>= 7;
    at += 1;
  }
  bytes[at] = rest;
  return at + 1;
}

/** The sign and 30 bits fit the numbers that the engines add fastest. */
const SMALL = 0x3fffffff;

/** Bytes that the varlong of an integer within 53 bits takes. */
export function varlongSize(value: number): number {
  if (value >= 0 && value < SMALL) return varintSize(value);
  let rest = Math.floor((value < 0 ? -value - 1 : value) / 64);
  let size = 1;
  while (rest > 0) {
    rest = Math.floor(rest / 128);
    size += 1;
  }
  return size;
}

/** Writes an integer within 53 bits; returns where the next field begins. */
export function writeVarlong(bytes: Uint8Array, start: number, value: number): number {
  if (value >= 0 && value < SMALL) return writeVarint(bytes, start, value);
  // The lowest bit is the sign; what is left of the number stays exact.
  const sign = value < 0 ? 1 : 0;
  let rest = value < 0 ? -value - 1 : value;
  bytes[start] = (rest % 64) * 2 + sign;
  rest = Math.floor(rest / 64);
  let at = start + 1;
  while (rest > 0) {
    bytes[at - 1]! |= 128;
    bytes[at] = rest % 128;
    rest = Math.floor(rest / 128);
    at += 1;
  }
  return at;
}
