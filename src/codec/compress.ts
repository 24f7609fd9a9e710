/**
 * The other way of codec.ts, for clients: what they compress the broker stores as it is. A file of
 * its own, so that a shard does not load a package that it never calls.
 */

import { compress as snappyCompress } from "snappyjs";
import { Codec } from "./codec.ts";
import { compressGzip } from "./gzip.ts";
import { compressLz4 } from "./lz4.ts";
import { compressZstd } from "./zstd.ts";

/** The block of a batch that holds `bytes`, as every Kafka client reads it. */
export function compress(codec: Codec, bytes: Uint8Array): Uint8Array {
  switch (codec) {
    case Codec.none:
      return bytes;
    case Codec.gzip:
      return compressGzip(bytes);
    case Codec.snappy:
      return compressSnappy(bytes);
    case Codec.lz4:
      return compressLz4(bytes);
    case Codec.zstd:
      return compressZstd(bytes);
  }
}

/** A plain block: every client of Kafka reads both forms. snappyjs treats a Buffer otherwise. */
function compressSnappy(bytes: Uint8Array): Uint8Array {
  return snappyCompress(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}
