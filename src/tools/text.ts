/**
 * Bytes and names of strangers as text that a terminal only shows: no control character, nothing
 * that turns the direction of a line, nothing that ends it.
 *
 *     "a\tb\x1b[2J"   control characters and bytes that are no UTF-8 as escapes
 *
 * Invariant: what comes out holds neither C0 nor C1 controls, no line separators and no marks of
 * direction, and a reader can tell an escape from the characters themselves.
 */

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Controls, separators, and what changes the direction or is not seen. */
const UNSAFE: RegExp = new RegExp(
  "[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u200b-\\u200f\\u2028-\\u202e" +
    "\\u2060-\\u2069\\ufeff\\ufff9-\\ufffb]|\\p{Cs}",
  "gu",
);
const SHORT: Readonly<Record<string, string>> = { "\t": "\\t", "\n": "\\n", "\r": "\\r" };

/** UTF-8 in [start, end), or null where it is none. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string | null {
  try {
    return DECODER.decode(bytes.subarray(start, end));
  } catch {
    return null;
  }
}

/** As it is shown between quotes: backslashes and quotes are escaped too. */
export function quoted(bytes: Uint8Array, start: number, end: number): string {
  const text = decodeText(bytes, start, end);
  if (text !== null) return `"${safe(text.replace(/[\\"]/g, "\\$&"))}"`;
  let shown = "";
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at]!;
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    shown += isPlain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return `"${shown}"`;
}

/** A name or a message, without quotes. */
export function safe(text: string): string {
  return text.replace(UNSAFE, (character) => {
    return SHORT[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}

/** JSON in one line that is as safe; it parses to the same value. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

export function hex(bytes: Uint8Array, start: number, end: number): string {
  let shown = "";
  for (let at = start; at < end; at += 1) shown += bytes[at]!.toString(16).padStart(2, "0");
  return shown;
}

export function base64(bytes: Uint8Array, start: number, end: number): string {
  let binary = "";
  for (let at = start; at < end; at += 1) binary += String.fromCharCode(bytes[at]!);
  return btoa(binary);
}
