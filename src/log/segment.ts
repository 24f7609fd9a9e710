/**
 * Segment: one file of batches, back to back, named by the offset of its first record.
 *
 *     00000000000000001000.log        | batch 1000-1041 | batch 1042-1042 | … |
 *     00000000000000001000.index      sparse: offset -> position
 *     00000000000000001000.timeindex  sparse: highest timestamp so far -> offset
 *
 * Invariant: bytes below `size` are whole batches and never change. The active segment, always
 * the last of its partition, keeps its file and indexes open; a sealed one opens them when it is
 * read and may lose them again once it is synced.
 */

import { EROFS } from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import type { SharedFile } from "../base/file_slice.ts";
import type { IndexRebuild } from "./index_rebuild.ts";
import { OffsetIndex } from "./offset_index.ts";
import { NO_TIMESTAMP, TimeIndex } from "./time_index.ts";

/** Instead of a number of entries: whatever the index file holds may be of another log. */
export const REPLACE = -1;

export class Segment {
  readonly baseOffset: number;
  /** Bytes written. */
  size: number;
  /** Where the file ends: above `size` are zeros, see written_ahead.ts. */
  fileSize: number;
  /** Null only in a sealed, synced segment. */
  file: SharedFile | null;
  index: OffsetIndex | null;
  times: TimeIndex | null;
  /** Entries of each index that its file holds already; REPLACE: the file is written anew. */
  indexWritten: number = REPLACE;
  timesWritten: number = REPLACE;
  /** Highest timestamp of the batches from `unseenSize` on. */
  maxTimestamp: number = NO_TIMESTAMP;
  /** Bytes at the start whose timestamps nobody has looked at since the broker started. */
  unseenSize = 0;
  /** How much was looked at since: the indexes that are in memory know of it. */
  seenSize = 0;
  /** Its indexes are being made anew, by whoever opens it. */
  rebuild: IndexRebuild | null = null;
  /** Wall clock of the first and of the last append; 0 while it is empty. */
  firstAppendMs = 0;
  lastAppendMs = 0;
  /** How much earlier than the topic says it is rolled; below zero: not drawn yet. */
  jitterMs = -1;
  /** Turn number of the last read, for the cache of open segments. */
  lastUsed = 0;
  /** The time index as it was before this turn's batches. */
  readonly #before: Float64Array = new Float64Array(5);

  constructor(baseOffset: number, size: number, file: SharedFile | null) {
    this.baseOffset = baseOffset;
    this.size = size;
    this.fileSize = size;
    this.file = file;
    this.index = file === null ? null : new OffsetIndex();
    this.times = file === null ? null : new TimeIndex();
  }

  /** Recovery: what lies behind is not of the log, and is cut off or never touched again. */
  endAt(size: number): void {
    this.size = size;
    this.fileSize = size;
  }

  /** Batches follow that `undoStaging` may take back. */
  beginStaging(wallMs: number): void {
    const times = this.times!;
    this.#before[0] = times.count;
    this.#before[1] = times.maxTimestamp;
    this.#before[2] = times.maxOffset;
    this.#before[3] = this.maxTimestamp;
    this.#before[4] = this.firstAppendMs;
    if (this.firstAppendMs === 0) this.firstAppendMs = wallMs;
  }

  /** The batches since `beginStaging` were never written. */
  undoStaging(): void {
    const times = this.times!;
    this.index!.truncate(this.size);
    times.count = Math.min(times.count, this.#before[0]!); // it may have been rebuilt meanwhile
    times.maxTimestamp = this.#before[1]!;
    times.maxOffset = this.#before[2]!;
    this.maxTimestamp = this.#before[3]!;
    this.firstAppendMs = this.#before[4]!;
  }

  /**
   * A write failed at `position`: the file ends where it ended before. False where it cannot be
   * cut. A disk that can only be read has taken nothing, and would refuse this as well.
   */
  cutBack(libc: Libc, errno: number, position: number): boolean {
    if (errno === EROFS && position === this.size) return true;
    if (libc.ftruncate(this.file!.fd, this.size) < 0) return false;
    this.fileSize = this.size;
    return true;
  }

  /** The batch at `position`, of `offset`, is the next that the indexes are told of. */
  truncateIndexes(offset: number, position: number): void {
    this.index!.truncate(position);
    this.times!.truncate(offset - this.baseOffset);
    this.indexWritten = REPLACE;
    this.timesWritten = REPLACE;
  }

  /** Tells the indexes of the next batch. */
  batchAppended(lastOffset: number, position: number, size: number, maxTimestamp: number): void {
    const relative = lastOffset - this.baseOffset;
    const times = this.times!;
    times.batchAppended(maxTimestamp, relative);
    if (this.index!.batchAppended(relative, position, size)) times.mark();
    if (maxTimestamp > this.maxTimestamp) this.maxTimestamp = maxTimestamp;
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
