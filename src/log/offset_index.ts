/**
 * Sparse offset index of one segment: about one entry per 4 KiB of log, so that a read finds its
 * batch by a binary search and a short walk. Hot.
 *
 *     on disk, 8 bytes an entry, big-endian, no checksum
 *     i32  lastOffset - baseOffset   of the batch that starts at
 *     i32  position
 *
 * The entries of the active segment live here and are written at a checkpoint, a roll and a clean
 * stop; those of a sealed one are read from its file. A missing or wrong file is rebuilt from the
 * log.
 *
 * Invariant: offsets and positions grow strictly, and every position is the start of a batch. The
 * index is never evidence about the log.
 */

import { assert } from "../base/assert.ts";
import { BATCH_HEADER_SIZE } from "../format/batch.ts";
import { INDEX_INTERVAL_BYTES } from "../limits.ts";

export const INDEX_ENTRY_SIZE = 8;
const CAPACITY_FIRST = 64;

export class OffsetIndex {
  count = 0;
  /** Decoded from a file, which may be damaged: a reader compares an entry with its batch. */
  isFromFile = false;
  #lastOffsets: Int32Array = new Int32Array(CAPACITY_FIRST);
  #positions: Int32Array = new Int32Array(CAPACITY_FIRST);
  /** Bytes of batches since the last entry. */
  #bytesSince = 0;

  /**
   * Tells of the next batch of the log; `lastOffset` is relative to the segment. True when the
   * batch got an entry.
   */
  batchAppended(lastOffset: number, position: number, size: number): boolean {
    const due = this.#bytesSince > INDEX_INTERVAL_BYTES;
    if (due) {
      this.#push(lastOffset, position);
      this.#bytesSince = 0;
    }
    this.#bytesSince += size;
    return due;
  }

  /** Forgets entries at or above `position`: the bytes there were never written. */
  truncate(position: number): void {
    while (this.count > 0 && this.#positions[this.count - 1]! >= position) this.count -= 1;
    // Unknown now: the next batch gets an entry, unless it is the first, which never has one.
    this.#bytesSince = position === 0 ? 0 : INDEX_INTERVAL_BYTES + 1;
  }

  /** How many entries have a last offset below `offset`. */
  rank(offset: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#lastOffsets[middle]! < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  position(entry: number): number {
    assert(entry >= 0, "an entry");
    assert(entry < this.count, "an entry that exists");
    return this.#positions[entry]!;
  }

  lastOffset(entry: number): number {
    assert(entry >= 0, "an entry");
    assert(entry < this.count, "an entry that exists");
    return this.#lastOffsets[entry]!;
  }

  /** The last entry whose batch starts at or below `position`, or -1. */
  entryAtOrBelow(position: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#positions[middle]! <= position) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Bytes of a file that holds every entry. */
  get encodedSize(): number {
    return this.count * INDEX_ENTRY_SIZE;
  }

  /** Writes the entries from `first` on to the start of `view`. */
  encode(view: DataView, first = 0): void {
    for (let entry = first; entry < this.count; entry += 1) {
      const at = (entry - first) * INDEX_ENTRY_SIZE;
      view.setInt32(at, this.#lastOffsets[entry]!);
      view.setInt32(at + 4, this.#positions[entry]!);
    }
  }

  /**
   * Takes `size` bytes of an index file of a segment of `segmentSize` bytes. False when they cannot
   * be its index: then the log must be walked.
   */
  decode(view: DataView, size: number, segmentSize: number): boolean {
    this.count = 0;
    this.isFromFile = true;
    if (size % INDEX_ENTRY_SIZE !== 0) return false;
    let offsetBefore = -1;
    let positionBefore = 0;
    for (let at = 0; at < size; at += INDEX_ENTRY_SIZE) {
      const lastOffset = view.getInt32(at);
      const position = view.getInt32(at + 4);
      if (lastOffset <= offsetBefore || position <= positionBefore) return false;
      if (position > segmentSize - BATCH_HEADER_SIZE) return false;
      this.#push(lastOffset, position);
      offsetBefore = lastOffset;
      positionBefore = position;
    }
    return true;
  }

  #push(lastOffset: number, position: number): void {
    if (this.count === this.#positions.length) {
      this.#lastOffsets = grown(this.#lastOffsets);
      this.#positions = grown(this.#positions);
    }
    this.#lastOffsets[this.count] = lastOffset;
    this.#positions[this.count] = position;
    this.count += 1;
  }
}

function grown(array: Int32Array): Int32Array {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
