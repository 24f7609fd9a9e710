/**
 * lz4: the frame format around blocks, as Kafka uses it. Little-endian. Our own, because the one
 * library without native code trusts every size it reads (docs/adr/0003-codecs.md).
 *
 *     u32 0x184d2204 | flags | block size | content size 0 or 8 | header checksum
 *     { u32 size, top bit: stored | bytes | checksum 0 or 4 } … | u32 0 | checksum 0 or 4
 *
 *     block: { token: literals << 4 | match - 4 | more length … | literals | u16 offset back } …
 *
 * A frame is walked twice with the same code: first without an output, which gives its exact
 * size, then into an array of that size.
 *
 * Invariant: nothing is allocated before the whole frame was found sound and within the bound.
 */

import { WORD_RANGE } from "../base/units.ts";
import { CodecFailure } from "./failure.ts";
import { LZ4_MAGIC } from "./lz4_compress.ts";
import { xxhash32 } from "./xxhash32.ts";

export { compressLz4 } from "./lz4_compress.ts";

const VERSION_MASK = 0xc0;
const VERSION_1 = 0x40;
const INDEPENDENT_BLOCKS = 0x20;
const BLOCK_CHECKSUMS = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
/** A bit without meaning, and dictionaries, which a batch cannot bring. */
const REFUSED_FLAGS = 0x03;
const STORED_BIT = 0x80000000;
const MATCH_SIZE_MIN = 4;
const MALFORMED = -1;
const TOO_LARGE = -2;

export function decompressLz4(bytes: Uint8Array, outputMax: number): Uint8Array | CodecFailure {
  const frame = new Frame(bytes);
  const problem = frame.readHeader();
  if (problem !== "") return CodecFailure.malformed(problem);
  if (frame.contentSize > outputMax) return CodecFailure.tooLarge(outputMax);
  const size = frame.walk(null, outputMax);
  if (size === TOO_LARGE) return CodecFailure.tooLarge(outputMax);
  if (size === MALFORMED) return CodecFailure.malformed(frame.problem);
  if (frame.contentSize >= 0 && frame.contentSize !== size) {
    return CodecFailure.malformed("it does not hold as much as its header says");
  }
  const output = new Uint8Array(size);
  frame.walk(output, size);
  return frame.contentFits(output) ? output : CodecFailure.malformed("its checksum is wrong");
}

class Frame {
  /** What its header promises, or -1. */
  contentSize = -1;
  problem = "";
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #flags = 0;
  #blockSizeMax = 0;
  #blocksStart = 0;
  /** Where the block that is being decoded is read. */
  #at = 0;
  /** Behind the end mark, once walked. */
  #blocksEnd = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Returns what is wrong, or nothing. */
  readHeader(): string {
    const { length } = this.#bytes;
    if (length < 7 || this.#view.getUint32(0, true) !== LZ4_MAGIC) return "it is not a frame";
    this.#flags = this.#bytes[4]!;
    const blockSize = this.#bytes[5]!;
    if ((this.#flags & VERSION_MASK) !== VERSION_1) return "it is of another version";
    if ((this.#flags & REFUSED_FLAGS) !== 0) return "it has flags that a batch cannot have";
    if ((blockSize & 0x8f) !== 0 || blockSize < 0x40) return "its block size is none";
    this.#blockSizeMax = 2 ** (8 + 2 * (blockSize >> 4));
    const hasSize = (this.#flags & CONTENT_SIZE) !== 0;
    const end = hasSize ? 14 : 6;
    if (length <= end) return "its header is cut";
    if (hasSize) {
      this.contentSize = this.#view.getUint32(6, true) +
        this.#view.getUint32(10, true) * WORD_RANGE;
    }
    const checksum = (xxhash32(this.#bytes, 4, end) >>> 8) & 255;
    if (checksum !== this.#bytes[end]) return "the checksum of its header is wrong";
    this.#blocksStart = end + 1;
    return "";
  }

  /** The size of the content, MALFORMED or TOO_LARGE; fills `output` where there is one. */
  walk(output: Uint8Array | null, outputMax: number): number {
    const hasChecksums = (this.#flags & BLOCK_CHECKSUMS) !== 0;
    let at = this.#blocksStart;
    let size = 0;
    for (;;) {
      if (at + 4 > this.#bytes.length) return this.#refuse("it is cut off");
      const word = this.#view.getUint32(at, true);
      at += 4;
      if (word === 0) return this.#finish(at) ? size : MALFORMED;
      const isStored = word >= STORED_BIT;
      const end = at + (isStored ? word - STORED_BIT : word);
      const next = end + (hasChecksums ? 4 : 0);
      if (end - at > this.#blockSizeMax || next > this.#bytes.length) {
        return this.#refuse("a block ends outside it");
      }
      if (hasChecksums && xxhash32(this.#bytes, at, end) !== this.#view.getUint32(end, true)) {
        return this.#refuse("the checksum of a block is wrong");
      }
      const after = isStored
        ? this.#store(output, size, at, end)
        : this.#block(output, size, at, end, outputMax);
      if (after < 0) return after;
      if (after > outputMax) return TOO_LARGE;
      if (after - size > this.#blockSizeMax) return this.#refuse("a block is above its size");
      size = after;
      at = next;
    }
  }

  contentFits(output: Uint8Array): boolean {
    if ((this.#flags & CONTENT_CHECKSUM) === 0) return true;
    return xxhash32(output, 0, output.length) === this.#view.getUint32(this.#blocksEnd, true);
  }

  /** Whether the frame ends where the bytes do. */
  #finish(at: number): boolean {
    this.#blocksEnd = at;
    const end = at + ((this.#flags & CONTENT_CHECKSUM) !== 0 ? 4 : 0);
    if (end !== this.#bytes.length) this.#refuse("it does not end where its bytes do");
    return end === this.#bytes.length;
  }

  #store(output: Uint8Array | null, to: number, from: number, end: number): number {
    if (output !== null) output.set(this.#bytes.subarray(from, end), to);
    return to + end - from;
  }

  /** Decodes [from, end) to `start` of the output. Returns where the output ends then. */
  #block(
    output: Uint8Array | null,
    start: number,
    from: number,
    end: number,
    outputMax: number,
  ): number {
    const bytes = this.#bytes;
    const oldest = (this.#flags & INDEPENDENT_BLOCKS) !== 0 ? start : 0;
    let to = start;
    this.#at = from;
    while (this.#at < end) {
      const token = bytes[this.#at]!;
      this.#at += 1;
      const literals = this.#length(token >> 4, end);
      if (literals > end - this.#at) return this.#refuse("literals end outside their block");
      if (literals > outputMax - to) return TOO_LARGE;
      if (output !== null) output.set(bytes.subarray(this.#at, this.#at + literals), to);
      this.#at += literals;
      to += literals;
      if (this.#at === end) return to; // the last sequence has no match
      if (this.#at + 2 > end) return this.#refuse("a match is cut");
      const offset = this.#view.getUint16(this.#at, true);
      this.#at += 2;
      const match = this.#length(token & 15, end) + MATCH_SIZE_MIN;
      if (offset === 0 || offset > to - oldest) return this.#refuse("a match is of nothing");
      if (match > outputMax - to) return TOO_LARGE;
      if (output !== null) copyMatch(output, to, offset, match);
      to += match;
    }
    return this.#refuse("a block ends with a match");
  }

  /** A length of four bits, with the bytes that go on with it; Infinity where they are cut. */
  #length(bits: number, end: number): number {
    if (bits < 15) return bits;
    let length = bits;
    while (this.#at < end) {
      const byte = this.#bytes[this.#at]!;
      this.#at += 1;
      length += byte;
      if (byte < 255) return length;
    }
    return Infinity;
  }

  #refuse(problem: string): typeof MALFORMED {
    this.problem = problem;
    return MALFORMED;
  }
}

/** The match may reach into what it is writing: then its bytes repeat. */
function copyMatch(output: Uint8Array, to: number, offset: number, size: number): void {
  if (offset >= size) {
    output.copyWithin(to, to - offset, to - offset + size);
    return;
  }
  for (let at = to; at < to + size; at += 1) output[at] = output[at - offset]!;
}
