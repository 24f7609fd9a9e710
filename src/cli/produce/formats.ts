/**
 * What a line or a piece of the input means as a record.
 *
 *     lines    value, or key SEPARATOR value
 *     ndjson   what `consume --json` prints: client/record_json.ts
 *     binary   value
 */

import type { RecordPart } from "../../client/record_json.ts";

/** A line as value, or as key and value where the separator stands in it. */
export function lineRecord(line: Uint8Array, separator: Uint8Array | null): RecordPart {
  if (separator === null) return { value: line };
  const at = indexOf(line, separator);
  if (at < 0) return { value: line };
  return { key: line.subarray(0, at), value: line.subarray(at + separator.length) };
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array): number {
  const first = wanted[0]!;
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (at + wanted.length > bytes.length) return -1;
    if (wanted.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  return -1;
}
