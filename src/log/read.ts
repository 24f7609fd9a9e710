/**
 * Reading a partition: from an offset to a range of one segment file, cut at batch boundaries.
 * Hot.
 *
 *     boundaries (tail)  ->  index of the segment (binary search)  ->  walk over a few headers
 *
 * With a `Residency` it never waits for the disk: where a header or an index file that it needs is
 * not in the page cache it answers COLD, and `missing` says what to read first.
 *
 * Invariant: a slice begins at the batch that holds the offset, ends at a batch boundary at or
 * below the visible end, and is empty only when nothing is visible from the offset on.
 */

import { EIO } from "../../ffi/constants.ts";
import { BATCH_HEADER_SIZE } from "../format/batch.ts";
import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import type { FileSlice } from "../base/file_slice.ts";
import { GuardedReads } from "./guarded_reads.ts";
import { PartitionKind } from "./opened_log.ts";
import type { Partition } from "./partition.ts";
import { NOT_RESIDENT, type Residency } from "./residency.ts";
import type { LogPoint, Segment } from "./segment.ts";
import type { Walk } from "./walk.ts";

/** An entry of the index was not that of its batch: the index is another one now. */
const REBUILT = 1;
/** Not an error: what is needed lies on the disk only. */
export const COLD = -1;

export class PartitionReader {
  /** An offset of the batch behind the slice that was read last: there the next slice begins. */
  nextOffset = 0;
  /** After COLD: what to read first. */
  readonly reads: GuardedReads;
  readonly #walk: Walk;
  readonly #point: LogPoint;

  /** One reader serves all partitions of a shard. */
  constructor(walk: Walk, scratch: LogPoint) {
    this.#walk = walk;
    this.reads = new GuardedReads(walk);
    this.#point = scratch;
  }

  /** The segment of the last slice. */
  get segment(): Segment {
    return this.#point.segment;
  }

  /** From now on nothing is read that is not in the page cache; null: it may wait for the disk. */
  guard(residency: Residency | null): void {
    this.reads.guard(residency);
  }

  /**
   * Fills `slice` with batches from the one that holds `offset`, at most `maxBytes` of them but
   * always one whole batch. Returns `none` with a slice of size 0 at the visible end, or COLD.
   */
  read(
    partition: Partition,
    offset: number,
    maxBytes: number,
    slice: FileSlice,
  ): ErrorCode | typeof COLD {
    slice.file = null;
    slice.size = 0;
    if (offset < partition.logStart) return ErrorCodes.offset_out_of_range;
    if (isDamaged(partition, offset)) return ErrorCodes.partition_degraded;
    if (offset >= partition.visible.offset) {
      if (offset <= partition.written.offset) return ErrorCodes.none;
      // What lies behind the damage is not known: nobody may take the log for shorter than it was.
      return partition.degraded === ""
        ? ErrorCodes.offset_out_of_range
        : ErrorCodes.partition_degraded;
    }
    const located = this.#locate(partition, offset);
    if (located < 0) return this.#failed(located, -1);
    const { segment, position } = this.#point;
    const end = this.#cut(partition, segment, position, maxBytes);
    if (end < 0) return this.#failed(end, position);
    slice.file = segment.file;
    slice.position = position;
    slice.size = end - position;
    return ErrorCodes.none;
  }

  /** Visible bytes from the batch that holds `offset`, counted no further than `enough`. */
  available(partition: Partition, offset: number, enough: number): number {
    if (isDamaged(partition, offset)) return enough;
    if (offset >= partition.visible.offset || offset < partition.logStart) return 0;
    const located = this.#locate(partition, offset);
    if (located < 0) {
      this.reads.forgetMissing(); // whoever reads finds it missing again
      return enough;
    }
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

  /**
   * Has `reads.walk` stand at the batch that holds a visible `offset`; where that was compacted
   * away, at the next one. Returns `none`, offset_out_of_range where nothing visible follows, or
   * COLD.
   */
  stand(partition: Partition, offset: number): ErrorCode | typeof COLD {
    if (isDamaged(partition, offset)) return ErrorCodes.partition_degraded;
    const located = this.#locate(partition, offset);
    if (located < 0) return this.#failed(located, -1);
    const { segment, position } = this.#point;
    if (position >= visibleSize(partition, segment)) return ErrorCodes.offset_out_of_range;
    const code = this.#walk.begin(segment, position);
    return code < 0 ? this.#failed(code, -1) : ErrorCodes.none;
  }

  /** Who read `slice` found that it is not resident. */
  missSlice(slice: FileSlice): void {
    this.reads.missSlice(this.segment, slice.position, slice.size);
  }

  /**
   * `from` is where the slice begins, or -1: a header that ends it is missed together with the
   * slice, because whoever reads ahead knows its readers by where they go on.
   */
  #failed(code: number, from: number): ErrorCode | typeof COLD {
    if (code !== NOT_RESIDENT) return ErrorCodes.storage_failed;
    if (this.reads.missing.file !== null) return COLD; // for an index
    const { segment, missingPosition, missingSize } = this.#walk;
    const position = from < 0 ? missingPosition : from;
    this.reads.missSlice(segment, position, missingPosition + missingSize - position);
    return COLD;
  }

  /** Sets the point to the batch that holds a visible `offset`, its segment open. */
  #locate(partition: Partition, offset: number): number {
    const point = this.#point;
    if (partition.boundaries.find(offset, point)) {
      if (point.position < visibleSize(partition, point.segment)) {
        return this.reads.open(partition.directory, point.segment);
      }
    }
    const at = segmentIndex(partition.segments, offset);
    const segment = partition.segments[at]!;
    const opened = this.reads.open(partition.directory, segment);
    if (opened < 0) return opened;
    if (segment.size === 0) return this.#locateBehind(partition, at);
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
    while (code === 0 && walk.lastOffset < offset) {
      if (walk.atEnd) return this.#locateBehind(partition, at);
      code = walk.next();
    }
    point.set(segment, offset, walk.position);
    if (code === 0 && walk.baseOffset > offset && partition.kind === PartitionKind.own) return -EIO;
    return code;
  }

  /** The offset lies in a gap that a copied or cleaned log has behind its segment `at`. */
  #locateBehind(partition: Partition, at: number): number {
    if (partition.kind === PartitionKind.own) return -EIO; // nothing may be missing there
    let next = at + 1;
    while (next < partition.segments.length && partition.segments[next]!.size === 0) next += 1;
    const segment = partition.segments[next];
    if (segment === undefined) { // what was compacted away was the last: nothing is visible behind
      this.#point.copyFrom(partition.visible);
      return this.reads.open(partition.directory, partition.visible.segment);
    }
    this.#point.set(segment, segment.baseOffset, 0);
    return this.reads.open(partition.directory, segment);
  }

  /**
   * Stands at the batch of an index entry. An entry that came from a file is believed only where
   * the batch is the one it names; else the index is made anew from the log. Returns 0, REBUILT,
   * NOT_RESIDENT or -errno.
   */
  #beginAt(partition: Partition, segment: Segment, entry: number): number {
    const walk = this.#walk;
    const index = segment.index!;
    const code = walk.begin(segment, index.position(entry));
    if (!index.isFromFile || code === NOT_RESIDENT) return code;
    const wanted = segment.baseOffset + index.lastOffset(entry);
    if (code === 0 && walk.lastOffset === wanted) return 0;
    return this.reads.rebuild(partition.directory, segment) || REBUILT;
  }

  /** Where a slice from `position` of at most `maxBytes` ends; -errno on a failed read. */
  #cut(partition: Partition, segment: Segment, position: number, maxBytes: number): number {
    const limit = visibleSize(partition, segment);
    if (limit - position <= maxBytes) {
      this.nextOffset = offsetBehind(partition, segment, this.#point.offset);
      return limit;
    }
    const index = segment.index!;
    // Of an entry that came from a file the batch is looked at: it shall not lie further away.
    const behind = index.isFromFile ? BATCH_HEADER_SIZE : 0;
    const entry = index.entryAtOrBelow(position + maxBytes - behind);
    const known = entry < 0 ? 0 : index.position(entry);
    if (known > position) {
      this.nextOffset = segment.baseOffset + index.lastOffset(entry);
      if (!index.isFromFile) return known;
      const code = this.#beginAt(partition, segment, entry);
      return code === REBUILT ? this.#cut(partition, segment, position, maxBytes) : code || known;
    }
    const walk = this.#walk;
    let code = walk.begin(segment, position);
    let end = position + walk.size;
    if (code < 0) return code;
    this.nextOffset = walk.lastOffset + 1;
    // What lies before a damaged header can be read.
    while (end < limit && code === 0) {
      code = walk.next();
      if (code < 0 || walk.position + walk.size - position > maxBytes) break;
      end = walk.position + walk.size;
      this.nextOffset = walk.lastOffset + 1;
    }
    return end;
  }
}

function isDamaged(partition: Partition, offset: number): boolean {
  const { damage } = partition;
  for (let i = 0; i < damage.length; i += 1) {
    if (offset >= damage[i]!.from && offset < damage[i]!.to) return true;
  }
  return false;
}

/** The offset behind all that is visible of `segment`: of the next one, or where damage begins. */
function offsetBehind(partition: Partition, segment: Segment, offset: number): number {
  const { damage, segments, visible } = partition;
  if (segment === visible.segment) return visible.offset;
  let next = segments[segmentIndex(segments, segment.baseOffset) + 1]!.baseOffset;
  for (let i = 0; i < damage.length; i += 1) {
    if (damage[i]!.from > offset) next = Math.min(next, damage[i]!.from);
  }
  return next;
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
