/**
 * Segment: one file of batches, back to back, named by the offset of its first record.
 *
 *     00000000000000001000.log    | batch 1000-1041 | batch 1042-1042 | … |
 *     00000000000000001000.index  sparse: offset -> position
 *
 * Invariant: bytes below `size` are whole batches and never change. The active segment, always
 * the last of its partition, keeps its file and index open; a sealed one opens them when it is
 * read and may lose them again once it is synced.
 */

import type { SharedFile } from "../base/file_slice.ts";
import { OffsetIndex } from "./offset_index.ts";

export class Segment {
  readonly baseOffset: number;
  /** Bytes written. */
  size: number;
  /** Null only in a sealed, synced segment. */
  file: SharedFile | null;
  index: OffsetIndex | null;
  /** Turn number of the last read, for the cache of open segments. */
  lastUsed = 0;

  constructor(baseOffset: number, size: number, file: SharedFile | null) {
    this.baseOffset = baseOffset;
    this.size = size;
    this.file = file;
    this.index = file === null ? null : new OffsetIndex();
  }
}

/** A point of the log: an offset, and where the byte after everything below it lies. */
export class LogPoint {
  offset = 0;
  position = 0;
  segment: Segment;

  constructor(segment: Segment, offset: number, position: number) {
    this.segment = segment;
    this.offset = offset;
    this.position = position;
  }

  set(segment: Segment, offset: number, position: number): void {
    this.segment = segment;
    this.offset = offset;
    this.position = position;
  }

  copyFrom(other: LogPoint): void {
    this.segment = other.segment;
    this.offset = other.offset;
    this.position = other.position;
  }
}
