/**
 * The codecs of batches, for clients: what compresses is loaded when the first producer wants it.
 *
 *     Bun, Deno, Node from 22.15 on     all four by the runtime and by src/codec
 *     Node before 22.15                 no zstd in node:zlib: a package's functions (`useZstd`),
 *                                       or CodecUnavailableError
 *
 * Invariant: what a batch holds is decompressed whole and within the bound, or an error is thrown
 * that says which batch is damaged.
 */

import process from "node:process";
import { Codec, CodecFailure, codecName, decompress } from "../codec/codec.ts";
import { MiB } from "../base/units.ts";
import {
  CodecUnavailableError,
  CompressionFailedError,
  CorruptBatchError,
  InvalidOptionError,
  reasonOf,
} from "./errors.ts";

export type Compression = "none" | "gzip" | "snappy" | "lz4" | "zstd";

/** A batch that decompresses to more is taken for damaged, where nobody says another limit. */
export const DECOMPRESSED_SIZE_MAX: number = 256 * MiB;

/** What a package for zstd offers. What they give must be bytes of its own, or used no more. */
export interface ZstdFunctions {
  compress(bytes: Uint8Array): Uint8Array;
  /** Also for frames that do not say how large their content is. Throws on damage. */
  decompress(bytes: Uint8Array): Uint8Array;
}

/** Compresses the records of a batch. */
export interface Compressor {
  /** As it stands in a batch. */
  readonly codec: Codec;
  compress(bytes: Uint8Array): Uint8Array;
}

let foreignZstd: ZstdFunctions | null = null;

/**
 * Gives the functions of a package for zstd to a runtime that has none, for all clients of this
 * program. Call what the package needs to begin with before.
 */
export function useZstd(functions: ZstdFunctions | null): void {
  foreignZstd = functions;
}

/** What compresses with a codec; null for none. Throws CodecUnavailableError. */
export async function loadCompressor(name: Compression): Promise<Compressor | null> {
  const codec = codecNamed(name);
  if (codec === Codec.none) return null;
  if (codec === Codec.zstd) {
    if (foreignZstd !== null) return { codec, compress: foreignCompressed };
    if (!hasZstd()) throw new CodecUnavailableError(name);
  }
  const { compress } = await import("../codec/compress.ts");
  return { codec, compress: (bytes) => compress(codec, bytes) };
}

/**
 * The records of a compressed batch, at most `sizeMax` bytes. Throws CorruptBatchError or
 * CodecUnavailableError.
 */
export function decompressRecords(
  codec: number,
  bytes: Uint8Array,
  offset: number,
  sizeMax: number = DECOMPRESSED_SIZE_MAX,
): Uint8Array {
  if (codec === Codec.zstd && foreignZstd !== null) return foreignRecords(bytes, offset, sizeMax);
  if (codec === Codec.zstd && !hasZstd()) throw new CodecUnavailableError("zstd");
  const records = decompress(codec, bytes, sizeMax);
  if (!(records instanceof CodecFailure)) return records;
  throw new CorruptBatchError(`${codecName(codec)}: ${records.text}`, offset);
}

function foreignCompressed(bytes: Uint8Array): Uint8Array {
  try {
    return foreignZstd!.compress(bytes);
  } catch (error) {
    throw new CompressionFailedError("zstd", reasonOf(error));
  }
}

function foreignRecords(bytes: Uint8Array, offset: number, sizeMax: number): Uint8Array {
  let records: Uint8Array;
  try {
    records = foreignZstd!.decompress(bytes);
  } catch (error) {
    throw new CorruptBatchError(`zstd: ${reasonOf(error)}`, offset);
  }
  if (records.length <= sizeMax) return records;
  throw new CorruptBatchError(`zstd: above ${sizeMax} bytes`, offset);
}

function codecNamed(name: string): Codec {
  const codec = (Codec as Readonly<Record<string, Codec>>)[name];
  if (codec !== undefined) return codec;
  throw new InvalidOptionError("compression", name, Object.keys(Codec).join(", "));
}

function hasZstd(): boolean {
  return "createZstdDecompress" in process.getBuiltinModule("node:zlib");
}
