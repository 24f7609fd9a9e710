/**
 * Reading a partition: from an offset to a range of one segment file, cut at batch boundaries.
 * Hot.
 *
 *     boundaries (tail)  ->  index of the segment (binary search)  ->  walk over a few headers
 *
 * Invariant: a slice begins at the batch that holds the offset, ends at a batch boundary at or
 * below the visible end, and is empty only when nothing is visible from the offset on.
 */

import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import type { FileSlice } from "../base/file_slice.ts";
import type { Partition } from "./partition.ts";
import type { LogPoint, Segment } from "./segment.ts";
import { type Walk, walkIndex } from "./walk.ts";

/** An entry of the index was not that of its batch: the index is another one now. */
const REBUILT = 1;

export class PartitionReader {
  readonly #walk: Walk;
  readonly #point: LogPoint;

  /** One reader serves all partitions of a shard. */
  constructor(walk: Walk, scratch: LogPoint) {
    this.#walk = walk;
    this.#point = scratch;
  }

  /**
   * Fills `slice` with batches from the one that holds `offset`, at most `maxBytes` of them but
   * always one whole batch. Returns `none` with a slice of size 0 at the visible end.
   */
  read(partition: Partition, offset: number, maxBytes: number, slice: FileSlice): ErrorCode {
    slice.file = null;
    slice.size = 0;
    if (offset < partition.logStart) return ErrorCodes.offset_out_of_range;
    if (offset >= partition.visible.offset) {
      return offset > partition.written.offset ? ErrorCodes.offset_out_of_range : ErrorCodes.none;
    }
    if (this.#locate(partition, offset) < 0) return ErrorCodes.storage_failed;
    const { segment, position } = this.#point;
    const end = this.#cut(partition, segment, position, maxBytes);
    if (end < 0) return ErrorCodes.storage_failed;
    slice.file = segment.file;
    slice.position = position;
    slice.size = end - position;
    return ErrorCodes.none;
  }

  /** Visible bytes from the batch that holds `offset`, counted no further than `enough`. */
  available(partition: Partition, offset: number, enough: number): number {
    if (offset >= partition.visible.offset || offset < partition.logStart) return 0;
    if (this.#locate(partition, offset) < 0) return enough;
    const point = this.#point;
    let bytes = visibleSize(partition, point.segment) - point.position;
    let at = segmentIndex(partition.segments, point.segment.baseOffset) + 1;
    while (bytes < enough && at < partition.segments.length) {
      const segment = partition.segments[at]!;
      if (segment.baseOffset >= partition.visible.offset) break;
      bytes += visibleSize(partition, segment);
      at += 1;
    }
    return bytes;
  }

  /** Sets the point to the batch that holds a visible `offset`, its segment open. */
  #locate(partition: Partition, offset: number): number {
    const point = this.#point;
    if (partition.boundaries.find(offset, point)) {
      if (point.position < visibleSize(partition, point.segment)) {
        return partition.store.open(partition.directory, point.segment);
      }
    }
    const segment = partition.segments[segmentIndex(partition.segments, offset)]!;
    const opened = partition.store.open(partition.directory, segment);
    if (opened < 0) return opened;
    if (segment.baseOffset === offset) {
      point.set(segment, offset, 0);
      return 0;
    }
    const index = segment.index!;
    const entry = index.rank(offset - segment.baseOffset);
    // The batch of entry `entry` ends at or above the offset, that of the one before it ends below.
    const walk = this.#walk;
    // Entries at or above the segment's size are those of batches that are only staged.
    if (entry < index.count && index.position(entry) < segment.size) {
      const code = this.#beginAt(partition, segment, entry);
      if (code === REBUILT) return this.#locate(partition, offset);
      if (code < 0) return code;
      if (walk.baseOffset <= offset) {
        point.set(segment, offset, walk.position);
        return 0;
      }
    }
    let code = entry === 0 ? walk.begin(segment, 0) : this.#beginAt(partition, segment, entry - 1);
    if (code === REBUILT) return this.#locate(partition, offset);
    while (code === 0 && walk.lastOffset < offset) code = walk.next();
    point.set(segment, offset, walk.position);
    return code;
  }

  /**
   * Stands at the batch of an index entry. An entry that came from a file is believed only where
   * the batch is the one it names; else the index is made anew from the log. Returns 0, REBUILT or
   * -errno.
   */
  #beginAt(partition: Partition, segment: Segment, entry: number): number {
    const walk = this.#walk;
    const index = segment.index!;
    const code = walk.begin(segment, index.position(entry));
    if (code < 0 || !index.isFromFile) return code;
    if (walk.isBatchTo(segment.baseOffset + index.lastOffset(entry))) return 0;
    segment.index = walkIndex(partition.store, segment);
    return REBUILT;
  }

  /** Where a slice from `position` of at most `maxBytes` ends; -errno on a failed read. */
  #cut(partition: Partition, segment: Segment, position: number, maxBytes: number): number {
    const limit = visibleSize(partition, segment);
    if (limit - position <= maxBytes) return limit;
    const index = segment.index!;
    const entry = index.entryAtOrBelow(position + maxBytes);
    const known = entry < 0 ? 0 : index.position(entry);
    if (known > position) {
      if (!index.isFromFile) return known;
      const code = this.#beginAt(partition, segment, entry);
      return code === REBUILT ? this.#cut(partition, segment, position, maxBytes) : code || known;
    }
    const walk = this.#walk;
    let code = walk.begin(segment, position);
    let end = position + walk.size;
    while (code === 0 && end < limit) {
      code = walk.next();
      if (walk.position + walk.size - position > maxBytes) break;
      end = walk.position + walk.size;
    }
    return code < 0 ? code : end;
  }
}

/** Bytes of `segment` below the visible end. */
function visibleSize(partition: Partition, segment: Segment): number {
  return segment === partition.visible.segment ? partition.visible.position : segment.size;
}

/** Index of the segment that holds `offset`: the last one that begins at or below it. */
function segmentIndex(segments: readonly Segment[], offset: number): number {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (segments[middle]!.baseOffset <= offset) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}
