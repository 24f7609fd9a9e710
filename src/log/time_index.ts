/**
 * Time index of one segment: the highest timestamp up to a batch, so that a time finds its
 * offset. Hot.
 *
 *     on disk, 12 bytes an entry, big-endian, no checksum
 *     i64  highest timestamp up to here
 *     i32  lastOffset - baseOffset   of the batch that holds it
 *
 * An entry is taken with every entry of the offset index, and once more when the segment is
 * sealed, so that the last entry of a sealed segment is its highest timestamp.
 *
 * Invariant: timestamps and offsets grow strictly. The index is never evidence about the log.
 */

import { isSafeI64, readI64, writeI64 } from "../base/bytes.ts";
import { assert } from "../base/assert.ts";

export const TIME_ENTRY_SIZE = 12;
/** Before every time: what an empty segment has as its highest timestamp. */
export const NO_TIMESTAMP = -1;
const CAPACITY_FIRST = 64;

export class TimeIndex {
  count = 0;
  /** Highest timestamp of the segment, and the last offset of the batch that holds it. */
  maxTimestamp: number = NO_TIMESTAMP;
  maxOffset = 0;
  /** Decoded from a file, which may be damaged: a reader compares an entry with its batch. */
  isFromFile = false;
  /** Last offset of the batch last told of, or -1: entries of a file tell of none. */
  toldOffset = -1;
  #timestamps: Float64Array = new Float64Array(CAPACITY_FIRST);
  #lastOffsets: Int32Array = new Int32Array(CAPACITY_FIRST);

  /** Tells of the next batch; `lastOffset` is relative to the segment. */
  batchAppended(timestamp: number, lastOffset: number): void {
    this.toldOffset = lastOffset;
    if (timestamp <= this.maxTimestamp) return;
    this.maxTimestamp = timestamp;
    this.maxOffset = lastOffset;
  }

  /** Takes an entry, unless it would say what the last one says. */
  mark(): void {
    if (this.maxTimestamp === NO_TIMESTAMP) return;
    if (this.count > 0) {
      if (this.maxTimestamp <= this.#timestamps[this.count - 1]!) return;
      if (this.maxOffset <= this.#lastOffsets[this.count - 1]!) return;
    }
    if (this.count === this.#timestamps.length) this.#grow();
    this.#timestamps[this.count] = this.maxTimestamp;
    this.#lastOffsets[this.count] = this.maxOffset;
    this.count += 1;
  }

  /** Forgets what lies at or above `offset`; the highest timestamp must then be found again. */
  truncate(offset: number): void {
    while (this.count > 0 && this.#lastOffsets[this.count - 1]! >= offset) this.count -= 1;
    this.maxTimestamp = this.count > 0 ? this.#timestamps[this.count - 1]! : NO_TIMESTAMP;
    this.maxOffset = this.count > 0 ? this.#lastOffsets[this.count - 1]! : 0;
  }

  timestamp(entry: number): number {
    assert(entry >= 0, "an entry");
    assert(entry < this.count, "an entry that exists");
    return this.#timestamps[entry]!;
  }

  lastOffset(entry: number): number {
    assert(entry >= 0, "an entry");
    assert(entry < this.count, "an entry that exists");
    return this.#lastOffsets[entry]!;
  }

  /** How many entries are older than `timestamp`. */
  rank(timestamp: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#timestamps[middle]! < timestamp) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  get encodedSize(): number {
    return this.count * TIME_ENTRY_SIZE;
  }

  /** Writes the entries from `first` on to the start of `view`. */
  encode(view: DataView, first = 0): void {
    for (let entry = first; entry < this.count; entry += 1) {
      const at = (entry - first) * TIME_ENTRY_SIZE;
      writeI64(view, at, this.#timestamps[entry]!);
      view.setInt32(at + 8, this.#lastOffsets[entry]!);
    }
  }

  /** Takes an index file; false when it cannot be one, and then the log must be walked. */
  decode(view: DataView, size: number, offsetMax: number): boolean {
    this.count = 0;
    this.isFromFile = true;
    this.maxTimestamp = NO_TIMESTAMP;
    if (size % TIME_ENTRY_SIZE !== 0) return false;
    for (let at = 0; at < size; at += TIME_ENTRY_SIZE) {
      const timestamp = readI64(view, at);
      const lastOffset = view.getInt32(at + 8);
      if (!isSafeI64(view, at)) return false;
      if (lastOffset < 0 || lastOffset > offsetMax) return false;
      if (timestamp <= this.maxTimestamp) return false;
      if (at > 0 && lastOffset <= this.maxOffset) return false;
      this.maxTimestamp = timestamp;
      this.maxOffset = lastOffset;
      this.mark();
    }
    return true;
  }

  #grow(): void {
    const timestamps = new Float64Array(this.#timestamps.length * 2);
    const lastOffsets = new Int32Array(this.#lastOffsets.length * 2);
    timestamps.set(this.#timestamps);
    lastOffsets.set(this.#lastOffsets);
    this.#timestamps = timestamps;
    this.#lastOffsets = lastOffsets;
  }
}
