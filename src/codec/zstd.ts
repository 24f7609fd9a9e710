/**
 * zstd by the zlib of the runtime, one frame at a time. Numbers are little-endian.
 *
 *     frame      u32 0xfd2fb528 | descriptor | window 0..1 | dictionary 0..4 | content size 0..8
 *                { u24: bit 0 last, 1-2 kind, 3-23 size | bytes }  … | checksum 0 or 4
 *     skippable  u32 0x184d2a50..5f | u32 size | bytes
 *
 * The runtimes cannot be asked alone: both give a frame that is cut off back as a shorter result,
 * without an error, and they differ about what follows the first frame. So the frames are walked
 * here first: their blocks say where they end.
 *
 * Invariant: only whole frames reach the runtime, none that promises or needs more than the bound
 * (8 MiB of window are always granted, as the format asks of every decoder).
 */

import { WORD_RANGE } from "../base/units.ts";
import { CodecFailure } from "./failure.ts";
import { boundFailure, decoderOptions, decodeWhole, plainBytes, zlib } from "./node_zlib.ts";

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const WINDOW_SIZE_GRANTED = 8388608;
/** A frame costs a decoder; encoders of batches write one. */
const FRAMES_MAX = 256;
const BLOCK_ONE_BYTE = 1;
const BLOCK_RESERVED = 3;
const MALFORMED = -1;
const TOO_LARGE = -2;

const DICTIONARY_ID_SIZES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_SIZES = [0, 2, 4, 8] as const;

export function compressZstd(bytes: Uint8Array): Uint8Array {
  return plainBytes(zlib().zstdCompressSync(bytes));
}

export function decompressZstd(bytes: Uint8Array, outputMax: number): Uint8Array | CodecFailure {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const outputs: Uint8Array[] = [];
  let left = outputMax;
  let at = 0;
  for (let frame = 0; at < bytes.length; frame += 1) {
    if (frame === FRAMES_MAX) return CodecFailure.malformed(`more than ${FRAMES_MAX} frames`);
    const isSkippable = isSkippableFrame(view, at);
    const end = isSkippable ? skippableEnd(view, at) : frameEnd(view, at, left);
    if (end === TOO_LARGE) return CodecFailure.tooLarge(outputMax);
    if (end === MALFORMED) return CodecFailure.malformed(`no whole frame at byte ${at}`);
    if (!isSkippable) {
      const output = decompressFrame(bytes.subarray(at, end), left);
      if (output instanceof CodecFailure) {
        return output.kind === "too_large" ? CodecFailure.tooLarge(outputMax) : output;
      }
      outputs.push(output);
      left -= output.length;
    }
    at = end;
  }
  if (outputs.length === 0) return CodecFailure.malformed("there is no frame");
  return outputs.length === 1 ? outputs[0]! : joined(outputs, outputMax - left);
}

function decompressFrame(frame: Uint8Array, outputMax: number): Uint8Array | CodecFailure {
  try {
    const decoder = zlib().createZstdDecompress(decoderOptions(outputMax));
    const output = plainBytes(decodeWhole(decoder, frame));
    return output.length <= outputMax ? output : CodecFailure.tooLarge(outputMax);
  } catch (error) {
    return boundFailure(error, outputMax);
  }
}

function isSkippableFrame(view: DataView, at: number): boolean {
  if (view.byteLength - at < 4) return false;
  return (view.getUint32(at, true) & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC;
}

function skippableEnd(view: DataView, at: number): number {
  if (view.byteLength - at < 8) return MALFORMED;
  const end = at + 8 + view.getUint32(at + 4, true);
  return end <= view.byteLength ? end : MALFORMED;
}

/** Where the frame at `start` ends, MALFORMED, or TOO_LARGE when its header says so. */
function frameEnd(view: DataView, start: number, outputMax: number): number {
  if (view.byteLength - start < 6 || view.getUint32(start, true) !== FRAME_MAGIC) return MALFORMED;
  const descriptor = view.getUint8(start + 4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 0x04) !== 0;
  if ((descriptor & 0x08) !== 0) return MALFORMED; // reserved
  const sizeFlag = descriptor >> 6;
  const sizeSize = sizeFlag === 0 && isSingleSegment ? 1 : CONTENT_SIZE_SIZES[sizeFlag]!;
  const sizeAt = start + 5 + (isSingleSegment ? 0 : 1) + DICTIONARY_ID_SIZES[descriptor & 3]!;
  const blocks = sizeAt + sizeSize;
  if (blocks > view.byteLength) return MALFORMED;
  if (contentSize(view, sizeAt, sizeSize) > outputMax) return TOO_LARGE;
  if (!isSingleSegment) {
    const window = windowSize(view.getUint8(start + 5));
    if (window > Math.max(outputMax, WINDOW_SIZE_GRANTED)) return TOO_LARGE;
  }
  const end = blocksEnd(view, blocks);
  if (end === MALFORMED || !hasChecksum) return end;
  return end + 4 <= view.byteLength ? end + 4 : MALFORMED;
}

/** What the frame says it holds; 0 where it does not say. */
function contentSize(view: DataView, at: number, size: number): number {
  if (size === 1) return view.getUint8(at);
  if (size === 2) return view.getUint16(at, true) + 256;
  if (size === 4) return view.getUint32(at, true);
  return size === 0 ? 0 : view.getUint32(at, true) + view.getUint32(at + 4, true) * WORD_RANGE;
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function blocksEnd(view: DataView, start: number): number {
  let at = start;
  for (;;) {
    if (at + 3 > view.byteLength) return MALFORMED;
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    const kind = (header >> 1) & 3;
    if (kind === BLOCK_RESERVED) return MALFORMED;
    at += 3 + (kind === BLOCK_ONE_BYTE ? 1 : header >> 3);
    if (at > view.byteLength) return MALFORMED;
    if ((header & 1) !== 0) return at;
  }
}

function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
