/**
 * The codecs of a record batch, numbered as in its attributes: 0 none, 1 gzip, 2 snappy, 3 lz4,
 * 4 zstd. For paths that must look inside a batch: tools, a lookup by time, the client.
 *
 *     bytes of the block -> decompress(codec, bytes, outputMax) -> bytes | CodecFailure
 *
 * What is decompressed was written by a stranger. A header that promises more than the bound
 * fails before anything is allocated, a stream that grows beyond it fails at the bound and not
 * after.
 *
 * Invariant: `decompress` never throws, whatever the bytes are; it gives back at most `outputMax`
 * bytes, and all of them: a stream that ends early, or is followed by bytes that belong to none,
 * is a failure and not a shorter result.
 */

import { assert } from "../base/assert.ts";
import { CodecFailure } from "./failure.ts";
import { decompressGzip } from "./gzip.ts";
import { decompressLz4 } from "./lz4.ts";
import { decompressSnappy } from "./snappy.ts";
import { decompressZstd } from "./zstd.ts";

export { CodecFailure, type CodecFailureKind } from "./failure.ts";

export const Codec = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;
export type Codec = typeof Codec[keyof typeof Codec];

const CODEC_NAMES = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

/** "zstd" for 4; "codec 6" for what no version of the format has. */
export function codecName(codec: number): string {
  return CODEC_NAMES[codec] ?? `codec ${codec}`;
}

/** The number of a name that a person wrote, or null. */
export function codecOf(name: string): Codec | null {
  const codec = (CODEC_NAMES as readonly string[]).indexOf(name);
  return codec < 0 ? null : codec as Codec;
}

/** The bytes that were compressed, `outputMax` at the most. Codec 0 gives `bytes` back as it is. */
export function decompress(
  codec: number,
  bytes: Uint8Array,
  outputMax: number,
): Uint8Array | CodecFailure {
  assert(outputMax >= 0, "a bound is not negative");
  switch (codec) {
    case Codec.none:
      return bytes.length <= outputMax ? bytes : CodecFailure.tooLarge(outputMax);
    case Codec.gzip:
      return decompressGzip(bytes, outputMax);
    case Codec.snappy:
      return decompressSnappy(bytes, outputMax);
    case Codec.lz4:
      return decompressLz4(bytes, outputMax);
    case Codec.zstd:
      return decompressZstd(bytes, outputMax);
    default:
      return CodecFailure.unknownCodec(codec);
  }
}
