/**
 * Reads the batches of a partition from its log start to where it ended when the scan began, some
 * bytes a step, each batch whole and with its checksum looked at. For what the broker itself reads
 * while it serves others.
 *
 * Invariant: batches are handed on in the order of the log, each once, and none behind a damaged
 * one: then `problem` says what was found.
 */

import { errnoName } from "../../ffi/constants.ts";
import type { FileSlice } from "../base/file_slice.ts";
import type { Memory } from "../../ffi/libc.ts";
import { BATCH_HEADER_SIZE, batchLastOffset, batchSize, crcFits } from "../format/batch.ts";
import { BATCH_SIZE_MAX_LIMIT } from "../limits.ts";
import { readWhole } from "./files.ts";
import type { Partition } from "./partition.ts";
import type { Segment } from "./segment.ts";

/** `size` bytes of a batch at `at` of `memory`, good until the visitor returns. */
export type VisitBatch = (memory: Memory, at: number, size: number) => void;

/** Whether a slice of an open segment is read now. */
export type MayRead = (segment: Segment, slice: FileSlice) => boolean;

const ALWAYS: MayRead = () => true;

export class BatchScan {
  /** Why the scan ended before the log did; empty while all is well. */
  problem = "";
  readonly #log: Partition;
  /** What there was to read: a segment and how much of it. */
  readonly #segments: readonly { readonly segment: Segment; readonly size: number }[];
  readonly #pieceBytes: number;
  #memory: Memory | null = null;
  #index = 0;
  #position = 0;
  /** The next batch is larger than a piece. */
  #wanted = 0;

  constructor(log: Partition, pieceBytes: number) {
    this.#log = log;
    this.#pieceBytes = pieceBytes;
    this.#segments = log.segments.map((segment) => ({ segment, size: segment.size }));
  }

  /**
   * Reads a piece, where it `mayRead`: who says no has it read first by somebody who may wait.
   * False when there is nothing more to read.
   */
  step(visit: VisitBatch, mayRead: MayRead = ALWAYS): boolean {
    while (this.#position >= (this.#segments[this.#index]?.size ?? Infinity)) {
      this.#index += 1;
      this.#position = 0;
    }
    const next = this.#segments[this.#index];
    if (this.problem !== "" || next === undefined) return this.#end();
    const { store, directory } = this.#log;
    const opened = store.openFile(directory, next.segment);
    if (opened < 0) return this.#stop(errnoName(-opened));
    const size = Math.min(Math.max(this.#pieceBytes, this.#wanted), next.size - this.#position);
    const { file } = next.segment;
    if (!mayRead(next.segment, { file, position: this.#position, size })) return true;
    const read = this.#read(next.segment, size);
    if (read < 0) return this.#stop(errnoName(-read));
    if (read < size) return this.#stop("the file is shorter than its log");
    return this.#visitAll(size, next.size, visit) || this.#end();
  }

  #read(segment: Segment, size: number): number {
    const { store } = this.#log;
    if (this.#memory === null || this.#memory.size < size) {
      this.#memory = store.libc.allocate(Math.max(size, this.#pieceBytes));
    }
    const { fd } = segment.file!;
    const read = readWhole(store.libc, fd, this.#memory, 0, size, this.#position);
    store.counters.bytesRead += Math.max(0, read);
    return read;
  }

  /** The batches of a piece of `end` bytes; one that is cut short is of the next piece. */
  #visitAll(end: number, segmentSize: number, visit: VisitBatch): boolean {
    const memory = this.#memory!;
    this.#wanted = 0;
    let at = 0;
    while (at + BATCH_HEADER_SIZE <= end) {
      const size = batchSize(memory.view, at);
      const left = segmentSize - this.#position - at;
      if (size < BATCH_HEADER_SIZE || size > BATCH_SIZE_MAX_LIMIT || size > left) {
        return this.#stop("a batch has a size that none can have");
      }
      if (at + size > end) {
        this.#wanted = size;
        break;
      }
      if (!crcFits(memory, at, size)) return this.#stop("the checksum of a batch is wrong");
      if (batchLastOffset(memory.view, at) >= this.#log.logStart) visit(memory, at, size);
      at += size;
    }
    this.#position += at;
    const isCut = at === 0 && this.#wanted === 0;
    return isCut ? this.#stop("bytes that are no batch end the segment") : true;
  }

  /** What was to be read cannot be. */
  fail(errno: number): void {
    this.#stop(errnoName(errno));
  }

  #stop(problem: string): boolean {
    this.problem = `${this.#log.directory}: ${problem}`;
    return this.#end();
  }

  #end(): boolean {
    this.#memory = null;
    return false;
  }
}
