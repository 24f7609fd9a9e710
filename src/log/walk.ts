/**
 * Walking batch headers in a segment file, from a batch start that is known: to find the batch
 * that holds an offset, where a size limit cuts, or every entry of an index. Hot.
 *
 * A header is read alone first; where batches are small, a few KiB at once, so that a walk over
 * many of them is one call. So the log files are read for about one part in a thousand of what is
 * sent.
 *
 * A walk that is given a `Residency` never waits for the disk: where a header is not in the page
 * cache it answers NOT_RESIDENT, and `missingPosition` and `missingSize` say what to read first. It
 * answers the same after as many reads as it was allowed, so that a long walk is many short steps.
 *
 * Invariant: only bytes below the segment's size are read. A header that cannot be one is -EIO:
 * old segments are not checked at a start, so a damaged one is met here.
 */

import { EIO } from "../../ffi/constants.ts";
import { readI64 } from "../base/bytes.ts";
import {
  BATCH_HEADER_SIZE,
  BatchAt,
  batchBaseOffset,
  batchLastOffset,
  batchMaxTimestamp,
  batchSize,
} from "../format/batch.ts";
import { readWhole } from "./files.ts";
import { NOT_RESIDENT, type Residency } from "./residency.ts";
import type { Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";

/** A batch smaller than this has neighbours worth reading in the same call. */
const SMALL_BATCH_SIZE = 2048;
const CHUNK_SIZE = 4096;

/**
 * The batch that a walk stands at. One per shard is enough: a walk never waits. Its header stays
 * in the store's scratch block, which belongs to the walk for as long as it is walked; what only
 * some callers want is read from there when it is asked for.
 */
export class Walk {
  position = 0;
  size = 0;
  baseOffset = 0;
  lastOffset = 0;
  /** Reads what does not wait for the disk; null: reads may wait. */
  residency: Residency | null = null;
  /** Reads that are left of this step. */
  readsLeft: number = Infinity;
  missingPosition = 0;
  missingSize = 0;
  readonly store: SegmentStore;
  #segment: Segment | null = null;
  /** Where in the scratch block the header stands. */
  #at = 0;
  /** What of the file is in the scratch block. */
  #chunkStart = 0;
  #chunkEnd = 0;

  constructor(store: SegmentStore) {
    this.store = store;
  }

  /** Whether the batch is the last of its segment. */
  get atEnd(): boolean {
    return this.position + this.size === this.#segment!.size;
  }

  /** Stands at the batch that starts at `position`. Returns 0 or -errno: -EIO where none is. */
  begin(segment: Segment, position: number): number {
    this.#segment = segment;
    this.#chunkStart = 0;
    this.#chunkEnd = 0;
    this.size = 0;
    return this.#standAt(position);
  }

  /** Stands at the next batch. The caller has seen that there is one. */
  next(): number {
    return this.#standAt(this.position + this.size);
  }

  /** The segment that is walked; it must have been begun. */
  get segment(): Segment {
    return this.#segment!;
  }

  get maxTimestamp(): number {
    return batchMaxTimestamp(this.store.scratch.view, this.#at);
  }

  get leaderEpoch(): number {
    return this.store.scratch.view.getInt32(this.#at + BatchAt.leaderEpoch);
  }

  get attributes(): number {
    return this.store.scratch.view.getUint16(this.#at + BatchAt.attributes);
  }

  get producerId(): number {
    return readI64(this.store.scratch.view, this.#at + BatchAt.producerId);
  }

  get producerEpoch(): number {
    return this.store.scratch.view.getInt16(this.#at + BatchAt.producerEpoch);
  }

  get baseSequence(): number {
    return this.store.scratch.view.getInt32(this.#at + BatchAt.baseSequence);
  }

  get lastOffsetDelta(): number {
    return this.store.scratch.view.getInt32(this.#at + BatchAt.lastOffsetDelta);
  }

  #standAt(position: number): number {
    const segment = this.#segment!;
    if (position + BATCH_HEADER_SIZE > segment.size) return -EIO;
    if (position < this.#chunkStart || position + BATCH_HEADER_SIZE > this.#chunkEnd) {
      const code = this.#load(segment, position);
      if (code < 0) return code;
    }
    const view = this.store.scratch.view;
    const at = position - this.#chunkStart;
    this.#at = at;
    this.position = position;
    this.size = batchSize(view, at);
    this.baseOffset = batchBaseOffset(view, at);
    this.lastOffset = batchLastOffset(view, at);
    return this.#isWhole() ? 0 : -EIO;
  }

  #isWhole(): boolean {
    if (this.size < BATCH_HEADER_SIZE || this.lastOffset < this.baseOffset) return false;
    return this.position + this.size <= this.#segment!.size;
  }

  #load(segment: Segment, position: number): number {
    const { store } = this;
    const small = this.size > 0 && this.size < SMALL_BATCH_SIZE;
    const wanted = Math.min(small ? CHUNK_SIZE : BATCH_HEADER_SIZE, segment.size - position);
    this.#chunkEnd = 0; // where only a part can be read, it takes the place of what there was
    const read = this.#read(segment.file!.fd, position, wanted);
    if (read === NOT_RESIDENT) {
      this.missingPosition = position;
      this.missingSize = wanted;
    }
    if (read < 0) return read;
    if (read < wanted) return -EIO; // the file is shorter than what was written to it
    store.counters.bytesRead += read;
    this.#chunkStart = position;
    this.#chunkEnd = position + read;
    return 0;
  }

  /** One call where nothing has to wait, and that is nearly always. */
  #read(fd: number, position: number, wanted: number): number {
    const { residency } = this;
    const { libc, scratch } = this.store;
    if (this.readsLeft === 0) return NOT_RESIDENT;
    this.readsLeft -= 1;
    if (residency !== null) {
      if (residency.read(fd, scratch, wanted, position) === wanted) return wanted;
      if (!residency.holds(fd, position, wanted)) return NOT_RESIDENT;
    }
    return readWhole(libc, fd, scratch, 0, wanted, position);
  }
}
