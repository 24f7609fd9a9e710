/**
 * gzip by the zlib of the runtime. Members may follow one another; a cut member and bytes that
 * are none are refused by zlib itself, except zeros, which gzip takes as padding.
 *
 * Invariant: zlib stops when the output passes the bound. Until then it holds the output in
 * chunks, and for a moment as chunks and as the result.
 */

import { CodecFailure } from "./failure.ts";
import { boundFailure, decoderOptions, decodeWhole, plainBytes, zlib } from "./node_zlib.ts";

export function decompressGzip(bytes: Uint8Array, outputMax: number): Uint8Array | CodecFailure {
  try {
    const output = decodeWhole(zlib().createGunzip(decoderOptions(outputMax)), bytes);
    return output.length <= outputMax ? plainBytes(output) : CodecFailure.tooLarge(outputMax);
  } catch (error) {
    return boundFailure(error, outputMax);
  }
}

export function compressGzip(bytes: Uint8Array): Uint8Array {
  return plainBytes(zlib().gzipSync(bytes));
}
