/**
 * Walking batch headers in a segment file, from a batch start that is known: to find the batch
 * that holds an offset, where a size limit cuts, or every entry of an index. Hot.
 *
 * A header is read alone first; where batches are small, a few KiB at once, so that a walk over
 * many of them is one call. So the log files are read for about one part in a thousand of what is
 * sent.
 *
 * Invariant: only bytes below the segment's size are read, and every batch there is whole.
 */

import { EIO } from "../../ffi/constants.ts";
import { assert } from "../base/assert.ts";
import { BATCH_HEADER_SIZE, batchBaseOffset, batchLastOffset, batchSize } from "../format/batch.ts";
import { readWhole } from "./files.ts";
import { OffsetIndex } from "./offset_index.ts";
import type { Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";

/** A batch smaller than this has neighbours worth reading in the same call. */
const SMALL_BATCH_SIZE = 2048;
const CHUNK_SIZE = 4096;

/** The batch that a walk stands at. One per shard is enough: a walk never waits. */
export class Walk {
  position = 0;
  size = 0;
  baseOffset = 0;
  lastOffset = 0;
  readonly #store: SegmentStore;
  #segment: Segment | null = null;
  /** What of the file is in the scratch block. */
  #chunkStart = 0;
  #chunkEnd = 0;

  constructor(store: SegmentStore) {
    this.#store = store;
  }

  /** Stands at the batch that starts at `position`. Returns 0 or -errno. */
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

  /** Whether what it stands at can be a batch of the segment that ends at `lastOffset`. */
  isBatchTo(lastOffset: number): boolean {
    if (this.lastOffset !== lastOffset || this.baseOffset > lastOffset) return false;
    return this.size >= BATCH_HEADER_SIZE && this.position + this.size <= this.#segment!.size;
  }

  #standAt(position: number): number {
    const segment = this.#segment!;
    assert(position + BATCH_HEADER_SIZE <= segment.size, "a batch of the segment");
    if (position < this.#chunkStart || position + BATCH_HEADER_SIZE > this.#chunkEnd) {
      const code = this.#load(segment, position);
      if (code < 0) return code;
    }
    const view = this.#store.scratch.view;
    const at = position - this.#chunkStart;
    this.position = position;
    this.size = batchSize(view, at);
    this.baseOffset = batchBaseOffset(view, at);
    this.lastOffset = batchLastOffset(view, at);
    return 0;
  }

  #load(segment: Segment, position: number): number {
    const store = this.#store;
    const small = this.size > 0 && this.size < SMALL_BATCH_SIZE;
    const wanted = Math.min(small ? CHUNK_SIZE : BATCH_HEADER_SIZE, segment.size - position);
    const read = readWhole(store.libc, segment.file!.fd, store.scratch, 0, wanted, position);
    if (read < 0) return read;
    if (read < wanted) return -EIO; // the file is shorter than what was written to it
    store.counters.bytesRead += read;
    this.#chunkStart = position;
    this.#chunkEnd = position + read;
    return 0;
  }
}

/** The index of a whole segment from its headers. */
export function walkIndex(store: SegmentStore, segment: Segment): OffsetIndex {
  const index = new OffsetIndex();
  const walk = new Walk(store);
  let position = 0;
  while (position + BATCH_HEADER_SIZE <= segment.size) {
    if (walk.begin(segment, position) < 0) break;
    if (walk.size < BATCH_HEADER_SIZE) break;
    index.batchAppended(walk.lastOffset - segment.baseOffset, position, walk.size);
    position += walk.size;
  }
  return index;
}
