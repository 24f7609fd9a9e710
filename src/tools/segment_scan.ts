/**
 * Walks the batches of one segment file from its beginning, in large reads, and finds its way
 * again behind damage.
 *
 *     | batch | batch | ????????? | batch | batch | 0000000
 *                       ^ bad       ^ the next header that is plausible and whose checksum fits
 *
 * Each batch is looked at alone: length, magic, counts, checksum. Whether it follows on the one
 * before is for the caller to say (`log_scan.ts`).
 *
 * Invariant: only bytes below `size` are read, memory is bounded by the largest batch, and every
 * step moves forward.
 */

import type { Libc, Memory } from "../../ffi/libc.ts";
import { isSafeU64 } from "../base/bytes.ts";
import { GiB, MiB } from "../base/units.ts";
import {
  BATCH_HEADER_SIZE,
  BATCH_LENGTH_BASE,
  BATCH_MAGIC,
  BatchAt,
  batchBaseOffset,
  batchLastOffset,
  batchSize,
  CODEC_MASK,
  crcFits,
  isBatchSize,
} from "../format/batch.ts";
import { BATCH_SIZE_MAX_LIMIT } from "../limits.ts";
import { must, readWhole } from "../log/files.ts";
import { openFile, type Root, type SegmentPlace } from "./places.ts";

const CHUNK_SIZE: number = 4 * MiB;
/** Checksums are computed over at most so much while looking for the next batch. */
const SEARCH_BYTES_MAX: number = 1 * GiB;
/** The offsets of one segment, relative to its first. */
const OFFSET_RANGE = 2147483648;

export interface OpenScan {
  readonly fd: number;
  readonly scan: SegmentScan;
}

/** Throws StorageError. `progress` is told how many bytes were read, read by read. */
export function openScan(
  root: Root,
  segment: SegmentPlace,
  progress: (bytes: number) => void,
): OpenScan {
  const fd = openFile(root, segment.path);
  return { fd, scan: new SegmentScan(root.libc, fd, segment.path, segment.size, progress) };
}

export function closeScan(root: Root, { fd }: OpenScan): void {
  root.libc.close(fd);
}

export type Step = "batch" | "bad" | "end";

export class SegmentScan {
  /** Of the batch it stands at, or of the damage. */
  position = 0;
  size = 0;
  baseOffset = 0;
  lastOffset = 0;
  epoch = 0;
  count = 0;
  attributes = 0;
  /** What is wrong, where a step was "bad". */
  problem = "";
  /** The fields are those of a header, although something is wrong with its batch. */
  hasHeader = false;
  /** The batch lies at `at` in `block`. */
  block: Memory;
  at = 0;
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #path: string;
  readonly #fileSize: number;
  #chunkStart = 0;
  #chunkEnd = 0;
  /** Where the next step begins. */
  #next = 0;
  readonly #progress: (bytes: number) => void;

  constructor(
    libc: Libc,
    fd: number,
    path: string,
    fileSize: number,
    progress: (bytes: number) => void,
  ) {
    this.#libc = libc;
    this.#fd = fd;
    this.#path = path;
    this.#fileSize = fileSize;
    this.#progress = progress;
    this.block = libc.allocate(Math.max(1, Math.min(CHUNK_SIZE, fileSize)));
  }

  get codec(): number {
    return this.attributes & CODEC_MASK;
  }

  get end(): number {
    return this.position + this.size;
  }

  /** Moves to the next batch. Throws StorageError where the file cannot be read. */
  next(): Step {
    this.position = this.#next;
    if (this.position >= this.#fileSize) return "end";
    this.problem = this.#look();
    if (this.problem === "") {
      this.#next = this.end;
      return "batch";
    }
    return "bad";
  }

  /**
   * After a bad step: moves behind the damage, to the next whole batch of an offset from
   * `offsetMin` on, or to the end of the file. Returns the size of the damage.
   */
  skipDamage(offsetMin: number): number {
    const start = this.position;
    this.#next = this.#findBatch(start, offsetMin);
    return this.#next - start;
  }

  /** Whether there are only zeros from here to the end: what a power cut leaves of a tail. */
  onlyZerosFollow(): boolean {
    for (let from = this.position; from < this.#fileSize;) {
      const size = Math.min(this.block.size, this.#fileSize - from);
      const at = this.#load(from, size);
      for (let i = at; i < at + size; i += 1) if (this.block.bytes[i] !== 0) return false;
      from += size;
    }
    return true;
  }

  /** Reads the batch at `position` into the fields; returns what is wrong with it, or nothing. */
  #look(): string {
    const left = this.#fileSize - this.position;
    this.size = 0;
    this.hasHeader = false;
    if (left < BATCH_HEADER_SIZE) return "the file ends inside a batch header";
    this.at = this.#load(this.position, BATCH_HEADER_SIZE);
    const size = batchSize(this.block.view, this.at);
    this.size = size;
    if (!isBatchSize(size, BATCH_SIZE_MAX_LIMIT)) {
      return this.onlyZerosFollow()
        ? "only zeros follow"
        : `a batch has a length of ${size - BATCH_LENGTH_BASE}`;
    }
    const magic = this.block.view.getInt8(this.at + BatchAt.magic);
    if (magic !== BATCH_MAGIC) return `a batch has magic ${magic}`;
    if (size > left) return "the file ends inside a batch";
    this.at = this.#load(this.position, size);
    this.#readHeader();
    this.hasHeader = true;
    if (!isSafeU64(this.block.view, this.at)) return "a batch has an offset above 2^53";
    if (!crcFits(this.block, this.at, size)) return "the checksum of a batch does not fit";
    const delta = this.lastOffset - this.baseOffset;
    if (delta < 0 || this.count < 0 || this.count > delta + 1) {
      return "a batch counts more records than it has offsets";
    }
    return "";
  }

  #readHeader(): void {
    const { view } = this.block;
    this.baseOffset = batchBaseOffset(view, this.at);
    this.lastOffset = batchLastOffset(view, this.at);
    this.epoch = view.getInt32(this.at + BatchAt.leaderEpoch);
    this.count = view.getInt32(this.at + BatchAt.recordsCount);
    this.attributes = view.getUint16(this.at + BatchAt.attributes);
  }

  /** The position of the next whole batch behind `start`, or the size of the file. */
  #findBatch(start: number, offsetMin: number): number {
    let budget = SEARCH_BYTES_MAX;
    // Where only the content is damaged, the length is right and leads to the next one.
    const behind = start + this.size;
    const isPlausible = isBatchSize(this.size, BATCH_SIZE_MAX_LIMIT) && behind > start;
    if (isPlausible && behind === this.#fileSize) return behind;
    if (isPlausible && this.#wholeAt(behind, offsetMin) > 0) return behind;
    for (let position = start + 1; position + BATCH_HEADER_SIZE <= this.#fileSize;) {
      const size = Math.min(this.block.size, this.#fileSize - position);
      const at = this.#load(position, size);
      const found = this.#candidate(at, at + size, position - at, offsetMin);
      if (found < 0) {
        position += size - BATCH_HEADER_SIZE + 1;
        continue;
      }
      const whole = this.#wholeAt(found, offsetMin);
      if (whole > 0) return found;
      budget += whole;
      if (budget < 0) return this.#fileSize;
      position = found + 1;
    }
    return this.#fileSize;
  }

  /** The position of the first header in [from, to) of the block that can be one, or -1. */
  #candidate(from: number, to: number, shift: number, offsetMin: number): number {
    const { bytes } = this.block;
    for (let at = from; at + BATCH_HEADER_SIZE <= to; at += 1) {
      if (bytes[at + BatchAt.magic] !== BATCH_MAGIC) continue;
      if (this.#isPlausible(at, at + shift, offsetMin)) return at + shift;
    }
    return -1;
  }

  #isPlausible(at: number, position: number, offsetMin: number): boolean {
    const { view } = this.block;
    const size = batchSize(view, at);
    if (!isBatchSize(size, this.#fileSize - position)) return false;
    if (size > BATCH_SIZE_MAX_LIMIT || view.getInt8(at + BatchAt.magic) !== BATCH_MAGIC) {
      return false;
    }
    if (!isSafeU64(view, at)) return false;
    const baseOffset = batchBaseOffset(view, at);
    if (baseOffset < offsetMin || baseOffset > offsetMin + OFFSET_RANGE) return false;
    const delta = view.getInt32(at + BatchAt.lastOffsetDelta);
    const count = view.getInt32(at + BatchAt.recordsCount);
    return delta >= 0 && count >= 0 && count <= delta + 1;
  }

  /** 1 where a whole batch starts; otherwise minus the bytes that it took to see that none does. */
  #wholeAt(position: number, offsetMin: number): number {
    if (position + BATCH_HEADER_SIZE > this.#fileSize) return 0;
    const header = this.#load(position, BATCH_HEADER_SIZE);
    if (!this.#isPlausible(header, position, offsetMin)) return 0;
    const size = batchSize(this.block.view, header);
    const at = this.#load(position, size);
    return crcFits(this.block, at, size) ? 1 : -size;
  }

  /** Brings [position, position + size) into the block; returns where it lies there. */
  #load(position: number, size: number): number {
    if (position >= this.#chunkStart && position + size <= this.#chunkEnd) {
      return position - this.#chunkStart;
    }
    if (size > this.block.size) this.block = this.#libc.allocate(size);
    const wanted = Math.min(this.block.size, this.#fileSize - position);
    const read = must(
      readWhole(this.#libc, this.#fd, this.block, 0, wanted, position),
      `read ${this.#path}`,
    );
    // Cut while it was read: the rest counts as zeros, which are never a batch.
    if (read < wanted) this.block.bytes.fill(0, read, wanted);
    this.#progress(Math.max(0, position + wanted - Math.max(position, this.#chunkEnd)));
    this.#chunkStart = position;
    this.#chunkEnd = position + wanted;
    return 0;
  }
}
