/**
 * snappy: a plain block, or the frames of xerial's library, which Kafka's Java client writes.
 *
 *     block   varint size | { tag & 3: 0 literal, 1 2 3 copy with an offset of 1, 2, 4 bytes } …
 *     xerial  82 "SNAPPY" 00 | i32 version | i32 compatible | { i32 size | block } …  (big-endian)
 *
 * A block is measured first, tag by tag and without output. The decoder is ours, because it is
 * smaller than that walk, and loading a package costs every shard 14 MiB and 25 ms under Deno;
 * compress.ts, which only clients load, has one.
 *
 * Invariant: only blocks are decoded that are sound and that yield exactly the size in their
 * header, and all of them together are within the bound before the first byte is allocated.
 */

import { CodecFailure } from "./failure.ts";

const XERIAL_MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00] as const;
const XERIAL_HEADER_SIZE = 16;
/** A frame holds 32 KiB as Java writes it; many empty ones would be a list of nothing. */
const FRAMES_MAX = 65536;
const VARINT_BYTES_MAX = 5;
const MALFORMED = -1;

export function decompressSnappy(bytes: Uint8Array, outputMax: number): Uint8Array | CodecFailure {
  const blocks = isXerial(bytes) ? xerialBlocks(bytes) : [bytes];
  if (blocks === null) {
    return CodecFailure.malformed("a frame ends outside the bytes, or there are too many");
  }
  let size = 0;
  for (const block of blocks) {
    const promised = promisedSize(block);
    if (promised === MALFORMED) return CodecFailure.malformed("a block has no size");
    size += promised;
    if (size > outputMax) return CodecFailure.tooLarge(outputMax);
  }
  if (!blocks.every(isSound)) {
    return CodecFailure.malformed("a block does not hold what its size promises");
  }
  const output = new Uint8Array(size);
  let at = 0;
  for (const block of blocks) at = decode(block, output, at);
  return output;
}

/** Puts what a sound block holds to `start` of the output; returns where it ends. */
function decode(block: Uint8Array, output: Uint8Array, start: number): number {
  promisedSize(block);
  let end = start;
  for (let at = tagsStart; at < block.length;) {
    const tag = block[at]!;
    const kind = tag & 3;
    at += 1;
    if (kind === 0) {
      const size = literalSize(block, at, tag >> 2);
      at += literalSizeSize(tag >> 2);
      output.set(block.subarray(at, at + size), end);
      at += size;
      end += size;
    } else {
      const size = copySize(tag);
      const from = end - copyOffset(block, at, tag);
      // Byte by byte: a copy may reach into what it has just written.
      for (let i = 0; i < size; i += 1) output[end + i] = output[from + i]!;
      at += copyOffsetSize(kind);
      end += size;
    }
  }
  return end;
}

function isXerial(bytes: Uint8Array): boolean {
  if (bytes.length < XERIAL_HEADER_SIZE) return false;
  return XERIAL_MAGIC.every((byte, at) => bytes[at] === byte);
}

/** The blocks inside the frames, or null. */
function xerialBlocks(bytes: Uint8Array): Uint8Array[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: Uint8Array[] = [];
  let at = XERIAL_HEADER_SIZE;
  while (at < bytes.length) {
    if (bytes.length - at < 4 || blocks.length === FRAMES_MAX) return null;
    const size = view.getInt32(at);
    at += 4;
    if (size <= 0 || size > bytes.length - at) return null;
    blocks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return blocks;
}

/** Where the tags of the block last read begin. */
let tagsStart = 0;

/** The size that a block's header promises, or MALFORMED. */
function promisedSize(block: Uint8Array): number {
  let size = 0;
  for (let read = 0; read < VARINT_BYTES_MAX && read < block.length; read += 1) {
    const byte = block[read]!;
    size += (byte & 127) * 2 ** (7 * read);
    if (byte >= 128) continue;
    tagsStart = read + 1;
    return size < 2 ** 32 ? size : MALFORMED;
  }
  return MALFORMED;
}

/** Whether the tags yield exactly the promised size, without reading outside input or output. */
function isSound(block: Uint8Array): boolean {
  const promised = promisedSize(block);
  let at = tagsStart;
  let output = 0;
  while (at < block.length) {
    const tag = block[at]!;
    const kind = tag & 3;
    at += 1;
    if (kind === 0) {
      const size = literalSize(block, at, tag >> 2);
      if (size === MALFORMED) return false;
      at += literalSizeSize(tag >> 2) + size;
      output += size;
      if (at > block.length) return false;
    } else {
      if (at + copyOffsetSize(kind) > block.length) return false;
      const offset = copyOffset(block, at, tag);
      at += copyOffsetSize(kind);
      if (offset === 0 || offset > output) return false;
      output += copySize(tag);
    }
    if (output > promised) return false;
  }
  return output === promised;
}

/** How many bytes behind the tag hold the size of a literal. */
function literalSizeSize(code: number): number {
  return code < 60 ? 0 : code - 59;
}

function literalSize(block: Uint8Array, at: number, code: number): number {
  if (code < 60) return code + 1;
  const sizeSize = literalSizeSize(code);
  return at + sizeSize > block.length ? MALFORMED : number(block, at, sizeSize) + 1;
}

function copySize(tag: number): number {
  return (tag & 3) === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
}

function copyOffsetSize(kind: number): number {
  return kind === 3 ? 4 : kind;
}

/** How far back the copy reaches whose tag stands before `at`. */
function copyOffset(block: Uint8Array, at: number, tag: number): number {
  const kind = tag & 3;
  return kind === 1 ? ((tag >> 5) << 8) | block[at]! : number(block, at, copyOffsetSize(kind));
}

/** A little-endian number of 1 to 4 bytes. */
function number(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let byte = size - 1; byte >= 0; byte -= 1) value = value * 256 + bytes[at + byte]!;
  return value;
}
