/**
 * Records as JSON the plain way, as an object and through strings, and records of all sorts: what
 * the product writes as bytes is held against it. It shares no line with the product.
 */
import type { RecordShape } from "./batches.ts";
import type { Prng } from "./prng.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Texts that have something about them. */
const TEXTS = [
  "",
  "plain",
  "of the length of a few words, and of some more than that",
  'with "quotes" and \\ backslashes',
  "\u0000\u0001\b\t\n\v\f\r\u001f\u0020\u007e\u007f",
  "\ufeffafter a mark",
  "Zoë, \u0080 \u2028 \u2029 \ufffd and 😀",
  "x\n\nid: 0:99\ndata: y\r\n\r",
];

/** What `consume --json` prints for a record, without the line's end. */
export function recordText(
  topic: string,
  partition: number,
  offset: number,
  timestamp: number,
  { key = null, value = null, headers = [] }: RecordShape,
): string {
  const list = headers.map((header) => ({ name: header.key, ...fieldOf("value", header.value) }));
  return JSON.stringify({
    topic,
    partition,
    offset,
    timestamp,
    ...fieldOf("key", key),
    ...fieldOf("value", value),
    ...(list.length === 0 ? {} : { headers: list }),
  });
}

function fieldOf(name: string, bytes: Uint8Array | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null };
  try {
    return { [name]: decoder.decode(bytes) };
  } catch {
    return {
      [`${name}Base64`]: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")),
    };
  }
}

/** A value of any sort; one in two hundred of more than `largeSize` bytes. */
export function anyBytes(prng: Prng, largeSize: number): Uint8Array | null {
  if (prng.chance(8)) return null;
  if (prng.chance(30)) return prng.bytes(prng.below(40));
  if (prng.chance(30)) return encoder.encode(prng.pick(TEXTS));
  const isLarge = prng.below(200) === 0;
  const bytes = new Uint8Array(isLarge ? largeSize + prng.below(1000) : prng.below(80));
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = prng.between(0x20, 0x7f);
  if (prng.chance(50)) {
    for (let at = 0; at < bytes.length; at += 1) {
      if (bytes[at] === 0x22 || bytes[at] === 0x5c) bytes[at] = 0x61;
    }
  }
  // One byte of another sort, at any place.
  if (prng.chance(50) && bytes.length > 0) bytes[prng.below(bytes.length)] = prng.below(256);
  return bytes;
}

export function anyRecord(prng: Prng, largeSize: number): RecordShape {
  const headers = Array.from({ length: prng.chance(80) ? 0 : prng.between(1, 3) }, () => {
    return { key: prng.pick(TEXTS), value: anyBytes(prng, largeSize) };
  });
  return {
    key: anyBytes(prng, largeSize),
    value: anyBytes(prng, largeSize),
    headers,
    timestampDelta: prng.below(100_000) - 50_000,
  };
}
