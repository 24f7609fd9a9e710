/**
 * Index files against the log, entry by entry, in step with a scan of the segment.
 *
 *     entries   (last offset, position)      batches of the scan, in the same order
 *     time      (timestamp, offset)
 *
 * An index is never evidence about the log: whatever is wrong with it loses nothing, it is
 * removed and made anew. Kafka fills up the file of an active segment with zeros; entries end
 * where they begin.
 *
 * Invariant: every entry up to the end of the scan is either that of a batch or told.
 */

import { readI64 } from "../base/bytes.ts";
import type { SegmentScan } from "./segment_scan.ts";

const OFFSET_ENTRY_SIZE = 8;
const TIME_ENTRY_SIZE = 12;

/** Tells what is wrong at a byte of the index file. */
export type Complain = (position: number, text: string) => void;

export class OffsetIndexCheck {
  readonly #view: DataView;
  readonly #count: number;
  readonly #complain: Complain;
  #entry = 0;

  constructor(bytes: Uint8Array, complain: Complain) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#complain = complain;
    this.#count = this.#entries(bytes.length);
  }

  /** A whole batch of the log; its offset relative to the segment. */
  batch(scan: SegmentScan, lastOffset: number): void {
    while (this.#entry < this.#count) {
      const at = this.#entry * OFFSET_ENTRY_SIZE;
      const position = this.#view.getInt32(at + 4);
      if (position > scan.position) return;
      const entryOffset = this.#view.getInt32(at);
      this.#entry += 1;
      if (position < scan.position) {
        this.#complain(at, `it points to ${position}, where no batch begins`);
      } else if (entryOffset !== lastOffset) {
        this.#complain(
          at,
          `it says that the batch at ${position} ends at ${entryOffset}, it ends at ${lastOffset}`,
        );
      }
    }
  }

  /** The scan went through the bytes up to `position`, where the damage ends that it met. */
  skip(position: number): void {
    while (this.#entry < this.#count) {
      if (this.#view.getInt32(this.#entry * OFFSET_ENTRY_SIZE + 4) >= position) return;
      this.#entry += 1;
    }
  }

  end(): void {
    if (this.#entry >= this.#count) return;
    const at = this.#entry * OFFSET_ENTRY_SIZE;
    const more = this.#count - this.#entry;
    this.#complain(at, `${more} entries point behind the end of the log`);
  }

  #entries(size: number): number {
    if (size % OFFSET_ENTRY_SIZE !== 0) {
      this.#complain(0, `${size} bytes are no whole number of entries`);
    }
    const whole = Math.floor(size / OFFSET_ENTRY_SIZE);
    let offsetBefore = -1;
    let positionBefore = -1;
    for (let entry = 0; entry < whole; entry += 1) {
      const offset = this.#view.getInt32(entry * OFFSET_ENTRY_SIZE);
      const position = this.#view.getInt32(entry * OFFSET_ENTRY_SIZE + 4);
      if (position === 0 && offset === 0) return entry;
      if (offset <= offsetBefore || position <= positionBefore) {
        this.#complain(entry * OFFSET_ENTRY_SIZE, "its entries do not increase");
        return entry;
      }
      offsetBefore = offset;
      positionBefore = position;
    }
    return whole;
  }
}

export class TimeIndexCheck {
  readonly #view: DataView;
  readonly #count: number;
  readonly #complain: Complain;
  #entry = 0;
  /** Of the batches before. */
  #highest = -Infinity;

  constructor(bytes: Uint8Array, complain: Complain) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#complain = complain;
    this.#count = this.#entries(bytes.length);
  }

  /**
   * A whole batch of the log, its last offset relative to the segment. Its highest timestamp is
   * that of its header, or that of its records where the header lies.
   */
  batch(lastOffset: number, headerTimestamp: number, recordsTimestamp: number): void {
    const before = this.#highest;
    this.#highest = Math.max(before, Math.min(headerTimestamp, recordsTimestamp));
    while (this.#entry < this.#count) {
      const at = this.#entry * TIME_ENTRY_SIZE;
      if (this.#view.getInt32(at + 8) > lastOffset) return;
      const timestamp = readI64(this.#view, at);
      this.#entry += 1;
      const isOfBatch = timestamp === headerTimestamp || timestamp === recordsTimestamp;
      if (isOfBatch && timestamp >= before) continue;
      const offset = this.#view.getInt32(at + 8);
      this.#complain(
        at,
        `it says that ${timestamp} is the highest time up to ${offset}, ` +
          `it is ${Math.max(before, recordsTimestamp)}`,
      );
    }
  }

  skip(lastOffset: number): void {
    while (this.#entry < this.#count) {
      if (this.#view.getInt32(this.#entry * TIME_ENTRY_SIZE + 8) > lastOffset) return;
      this.#entry += 1;
    }
  }

  end(): void {
    if (this.#entry >= this.#count) return;
    const at = this.#entry * TIME_ENTRY_SIZE;
    const more = this.#count - this.#entry;
    this.#complain(at, `${more} entries are of offsets behind the end of the log`);
  }

  #entries(size: number): number {
    if (size % TIME_ENTRY_SIZE !== 0) {
      this.#complain(0, `${size} bytes are no whole number of entries`);
    }
    const whole = Math.floor(size / TIME_ENTRY_SIZE);
    let timeBefore = -Infinity;
    let offsetBefore = -1;
    for (let entry = 0; entry < whole; entry += 1) {
      const timestamp = readI64(this.#view, entry * TIME_ENTRY_SIZE);
      const offset = this.#view.getInt32(entry * TIME_ENTRY_SIZE + 8);
      if (timestamp === 0 && offset === 0) return entry;
      if (timestamp <= timeBefore || offset <= offsetBefore) {
        this.#complain(entry * TIME_ENTRY_SIZE, "its entries do not increase");
        return entry;
      }
      timeBefore = timestamp;
      offsetBefore = offset;
    }
    return whole;
  }
}
