/**
 * Zig-zag varints of record fields, for sizes and deltas within an int32. Hot.
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
