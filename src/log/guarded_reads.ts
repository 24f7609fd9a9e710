/**
 * GuardedReads: how the loop reads of a log's files without waiting for the disk. What is not in
 * the page cache is not read: the answer is NOT_RESIDENT, and `missing` is what somebody who may
 * wait has to read first. Then the same is asked again. Hot.
 *
 *     open   -> an index file is cold                     missing = the file, `isAside`
 *            -> none, or a wrong one: made anew           missing = the next headers, `isAside`
 *     walk   -> a header is cold                          missing = it, and what follows
 *     holds  -> a range that is to be read as a whole     missing = the range
 *
 * A step makes no more reads than `guard` allows: one that would is NOT_RESIDENT as well.
 *
 * Invariant: while guarded nothing is read that is not resident. `missing` holds a reference to its
 * file, until `forgetMissing`.
 */

import { POSIX_FADV_RANDOM } from "../../ffi/constants.ts";
import { assert } from "../base/assert.ts";
import { emptySlice, type FileSlice } from "../base/file_slice.ts";
import { COLD_HEADERS_MIN, COLD_PIECE, COLD_READS_MAX } from "../limits.ts";
import { findMissingIndex, readIndexes, writeIndexes } from "./index_files.ts";
import { IndexRebuild } from "./index_rebuild.ts";
import { NOT_RESIDENT, type Residency } from "./residency.ts";
import { REPLACE, type Segment } from "./segment.ts";
import type { Walk } from "./walk.ts";

export class GuardedReads {
  readonly walk: Walk;
  readonly missing: FileSlice = emptySlice();
  /** What is missing is not on the way of a reader through the log. */
  isAside = false;
  #segment: Segment | null = null;
  #residency: Residency | null = null;
  /** A walk that goes on has more and more of what follows read with a header. */
  #ahead: number = COLD_HEADERS_MIN;
  #aheadEnd = -1;

  constructor(walk: Walk) {
    this.walk = walk;
  }

  /** Of what is missing. */
  get segment(): Segment {
    assert(this.#segment !== null, "something is missing");
    return this.#segment;
  }

  /**
   * From now on nothing is read that is not in the page cache; null: it may wait for the disk. So
   * many reads of headers are left until the next call.
   */
  guard(
    residency: Residency | null,
    readsMax: number = residency === null ? Infinity : COLD_READS_MAX,
  ): void {
    this.#residency = residency;
    this.walk.residency = residency;
    this.walk.readsLeft = readsMax;
  }

  /**
   * Opens a segment and its indexes where they are not. Of a guarded one the kernel reads nothing
   * ahead by itself: even a probe of one byte would begin a read of many MiB. Opening a name does
   * not wait long: the start has looked at every file, and what it found is kept by the kernel
   * longer than any page. Returns 0, NOT_RESIDENT or -errno.
   */
  open(directory: string, segment: Segment): number {
    const { store } = this.walk;
    const isLoaded = segment.index !== null;
    if (isLoaded && segment.rebuild === null) return store.openFile(directory, segment);
    const residency = this.#residency;
    if (segment.rebuild === null && residency !== null) {
      if (findMissingIndex(store, directory, segment, residency, this.missing)) {
        return this.#missed(segment, true);
      }
    }
    const opened = store.openFile(directory, segment);
    if (opened < 0) return opened;
    if (residency !== null && !isLoaded) {
      store.libc.fadvise(segment.file!.fd, 0, 0, POSIX_FADV_RANDOM);
    }
    if (segment.rebuild === null && readIndexes(store, directory, segment)) return 0;
    return this.rebuild(directory, segment);
  }

  /** Makes both indexes of an open segment anew. Returns 0 when they are, or NOT_RESIDENT. */
  rebuild(directory: string, segment: Segment): number {
    segment.rebuild ??= new IndexRebuild(segment);
    if (segment.rebuild.step(this.walk) === NOT_RESIDENT) {
      this.#miss(segment, this.walk.missingPosition, COLD_PIECE);
      return this.#missed(segment, true);
    }
    segment.rebuild = null;
    segment.indexWritten = REPLACE;
    segment.timesWritten = REPLACE;
    writeIndexes(this.walk.store, directory, segment);
    return 0;
  }

  /** Whether a range of an open segment can be read at once: 0 or NOT_RESIDENT. */
  holds(segment: Segment, position: number, size: number): number {
    const residency = this.#residency;
    if (residency === null || residency.holds(segment.file!.fd, position, size)) return 0;
    this.#miss(segment, position, size);
    return this.#missed(segment, false);
  }

  /** The walk answered NOT_RESIDENT, and nothing else is known to be missing. */
  missHeader(): void {
    const { segment, missingPosition: position, missingSize } = this.walk;
    const isNext = position >= this.#aheadEnd && position < this.#aheadEnd + COLD_PIECE;
    this.#ahead = isNext ? Math.min(2 * this.#ahead, COLD_PIECE) : COLD_HEADERS_MIN;
    const size = Math.max(missingSize, this.#ahead);
    this.#aheadEnd = position + size;
    this.#miss(segment, position, size);
    this.#missed(segment, false);
  }

  /** A slice of the segment is missing, from `position` on. */
  missSlice(segment: Segment, position: number, size: number): void {
    this.#miss(segment, position, size);
    this.#missed(segment, false);
  }

  /** Lets go of what is missing, when whoever reads it has it, or nobody does. */
  forgetMissing(): void {
    this.missing.file?.release();
    this.missing.file = null;
  }

  #miss(segment: Segment, position: number, size: number): void {
    const { missing } = this;
    missing.file = segment.file!;
    missing.file.retain();
    missing.position = position;
    missing.size = Math.min(size, segment.size - position);
  }

  #missed(segment: Segment, isAside: boolean): number {
    this.#segment = segment;
    this.isAside = isAside;
    return NOT_RESIDENT;
  }
}
