/** What gzip and zstd share of `node:zlib`, which Bun and Deno both have. */

import type * as Zlib from "node:zlib";
import { CodecFailure } from "./failure.ts";

const CHUNK_SIZE_MIN = 64;
const CHUNK_SIZE_MAX = 65536;

/**
 * Loaded when the first batch needs it: with it come ten megabytes and as many milliseconds, and
 * most shards never open a batch. By the global object, because in a worker nothing asynchronous
 * runs.
 */
export function zlib(): typeof Zlib {
  return globalThis.process.getBuiltinModule("node:zlib");
}

/** A chunk is allocated before anything is known, so it is no larger than what may come out. */
export function decoderOptions(outputMax: number): { chunkSize: number; maxOutputLength: number } {
  const chunkSize = Math.min(CHUNK_SIZE_MAX, Math.max(CHUNK_SIZE_MIN, outputMax));
  // Zero is not accepted as a bound; the caller looks at the length once more.
  return { chunkSize, maxOutputLength: Math.max(1, outputMax) };
}

/** What zlib threw, as a value. */
export function boundFailure(error: unknown, outputMax: number): CodecFailure {
  const { code } = Object(error) as { code?: unknown };
  if (code === "ERR_BUFFER_TOO_LARGE") return CodecFailure.tooLarge(outputMax);
  return CodecFailure.malformed(error instanceof Error ? error.message : String(error));
}

/** The bytes of a Buffer as the plain array that the rest of the program deals in. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
