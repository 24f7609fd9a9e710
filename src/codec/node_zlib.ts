/**
 * What gzip and zstd share of `node:zlib`, which Bun and Deno both have.
 *
 *     bytes -> decoder of the runtime, one call -> bytes | it throws
 *                    -> closed, and nothing left in the queue of ticks
 *
 * Invariant: a decoder holds no memory after the call that it was made for, also where the bytes
 * were bad. `gunzipSync` does not keep it: a stream that fails is destroyed in the next tick, and
 * in a shard there is none, so on Deno each lookup in a bad batch would keep 20 KB for ever.
 */

import type * as Zlib from "node:zlib";
import { CodecFailure } from "./failure.ts";

const CHUNK_SIZE_MIN = 64;
const CHUNK_SIZE_MAX = 65536;

/** The part of a zlib stream that the runtimes' own `*Sync` functions are made of. */
interface Decoder {
  readonly _handle: { close(): void };
  readonly _finishFlushFlag: number;
  _processChunk(bytes: Uint8Array, flushFlag: number): Uint8Array;
  destroy(): void;
}

/**
 * Loaded when the first batch needs it: with it come ten megabytes and as many milliseconds, and
 * most shards never open a batch. By the global object, because in a worker nothing asynchronous
 * runs.
 */
export function zlib(): typeof Zlib {
  return globalThis.process.getBuiltinModule("node:zlib");
}

/** The bytes that `stream`, which is new, makes of all of `bytes`. Throws zlib's errors. */
export function decodeWhole(
  stream: Zlib.Gunzip | Zlib.InflateRaw | Zlib.ZstdDecompress,
  bytes: Uint8Array,
): Uint8Array {
  const decoder = stream as unknown as Decoder;
  const { process } = globalThis;
  const { nextTick } = process;
  const handle = decoder._handle;
  // Bun destroys it at once, and tells its listeners in the next tick; Deno destroys it then.
  decoder.destroy = () => {};
  process.nextTick = () => {};
  try {
    return decoder._processChunk(bytes, decoder._finishFlushFlag);
  } finally {
    process.nextTick = nextTick;
    handle.close();
  }
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
