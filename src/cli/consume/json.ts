/**
 * A record as one line of JSON, which `produce --format ndjson` reads again. What is no text is
 * base64 under a name of its own.
 *
 *     {"topic":"t","partition":0,"offset":5,"timestamp":1,"key":"k","value":"v","headers":[…]}
 */

import type { RecordView } from "./format.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
/** `String.fromCharCode` takes its characters as arguments, of which there may not be too many. */
const SLICE = 8192;

export function jsonLine(record: RecordView): Uint8Array {
  const { topic, partition, offset, timestampMs, key, value } = record;
  const headers = record.headers().map(({ name, value }) => ({ name, ...field("value", value) }));
  const object = {
    topic,
    partition,
    offset,
    timestamp: timestampMs,
    ...field("key", key),
    ...field("value", value),
    ...(headers.length === 0 ? {} : { headers }),
  };
  return encoder.encode(`${JSON.stringify(object)}\n`);
}

function field(name: string, bytes: Uint8Array | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null };
  try {
    return { [name]: decoder.decode(bytes) };
  } catch {
    return { [`${name}Base64`]: base64(bytes) };
  }
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += SLICE) {
    text += String.fromCharCode(...bytes.subarray(at, at + SLICE));
  }
  return btoa(text);
}
