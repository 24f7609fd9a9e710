/**
 * The format of `consume -F`: text with places for the parts of a record, as kcat has them.
 *
 *     "%p:%o %k=%s\n"   ->   "0:17 user-5=hello" and an LF
 *
 * Invariant: bytes of keys and values are written as they are, whatever they hold.
 */

import { writeU64 } from "../../base/bytes.ts";
import type { Header } from "../../client/record.ts";
import type { RecordView } from "../../client/record_json.ts";

/** Escapes, and what they stand for; docs/CLI.md is made of this table. */
export const ESCAPES: readonly (readonly [escape: string, text: string])[] = [
  ["%t", "topic"],
  ["%p", "partition"],
  ["%o", "offset"],
  ["%T", "timestamp, milliseconds since 1970"],
  ["%k", "key"],
  ["%K", "bytes of the key, -1 for none"],
  ["%s", "value"],
  ["%S", "bytes of the value, -1 for null"],
  ["%R", "bytes of the value as a number of 4 bytes, big-endian, as produce --format binary reads"],
  ["%h", "headers, as name=value,name=value"],
  ["%%", "%"],
];

const BACKSLASHES: Readonly<Record<string, string>> = {
  "n": "\n",
  "r": "\r",
  "t": "\t",
  "0": "\0",
  "\\": "\\",
};

export type RecordFormat = readonly ((record: RecordView) => Uint8Array)[];

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);

/** The parts of a format, or what is wrong with it. */
export function compileFormat(text: string): RecordFormat | string {
  const parts: ((record: RecordView) => Uint8Array)[] = [];
  let literal = "";
  const close = (): void => {
    if (literal === "") return;
    const bytes = encoder.encode(literal);
    parts.push(() => bytes);
    literal = "";
  };
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]!;
    const next = text[at + 1] ?? "";
    if (character === "\\") {
      const hex = /^x([0-9a-fA-F]{2})/.exec(text.slice(at + 1));
      if (hex !== null) {
        close();
        const bytes = Uint8Array.of(Number.parseInt(hex[1]!, 16));
        parts.push(() => bytes);
        at += 3;
        continue;
      }
      if (!Object.hasOwn(BACKSLASHES, next)) return unknown(`\\${next}`);
      literal += BACKSLASHES[next];
      at += 1;
    } else if (character === "%") {
      at += 1;
      if (next === "%") literal += "%";
      else {
        const part = PARTS[next];
        if (part === undefined) return unknown(`%${next}`);
        close();
        parts.push(part);
      }
    } else literal += character;
  }
  close();
  return parts;
}

function unknown(escape: string): string {
  const known = ESCAPES.map(([name]) => name).join(" ");
  return `${escape} is no escape; there are ${known} \\n \\r \\t \\0 \\\\ \\xHH`;
}

const PARTS: Readonly<Record<string, (record: RecordView) => Uint8Array>> = {
  t: ({ topic }) => encoder.encode(topic),
  p: ({ partition }) => encoder.encode(String(partition)),
  o: ({ offset }) => encoder.encode(String(offset)),
  T: ({ timestampMs }) => encoder.encode(String(timestampMs)),
  k: ({ key }) => key ?? NOTHING,
  K: ({ key }) => encoder.encode(String(key?.length ?? -1)),
  s: ({ value }) => value ?? NOTHING,
  S: ({ value }) => encoder.encode(String(value?.length ?? -1)),
  R: ({ value }) => sizePrefix(value?.length ?? 0),
  h: (record) => encodeHeaders(record.headers()),
};

function sizePrefix(size: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeU64(new DataView(bytes.buffer), 0, size);
  return bytes.subarray(4);
}

function encodeHeaders(headers: readonly Header[]): Uint8Array {
  const pieces = headers.flatMap(({ name, value }, at) => {
    return [encoder.encode(`${at === 0 ? "" : ","}${name}=`), value ?? NOTHING];
  });
  return joined(pieces);
}

/** The bytes of a record. */
export function formatRecord(format: RecordFormat, record: RecordView): Uint8Array {
  return joined(format.map((part) => part(record)));
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
