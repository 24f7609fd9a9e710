/**
 * The scan of one segment after an unclean stop: batch after batch from a position on, each one
 * whole, next in offset, of an epoch not below the last, and with the right checksum. It stops at
 * the first that is not: a whole batch behind a bad one may be a leftover.
 *
 *     | batch | batch | ba              torn: the file ends inside
 *     | batch | batch | 0 0 0 0 0 0     zeros: the file's size reached the disk, its bytes did not
 *     | batch | batch | other batch |   left from before a truncation that a power cut undid
 *
 * Invariant: what it lets through a consumer may be shown.
 */

import { EIO } from "../../ffi/constants.ts";
import type { Libc, Memory } from "../../ffi/libc.ts";
import {
  BATCH_HEADER_SIZE,
  BatchAt,
  batchBaseOffset,
  batchLastOffset,
  batchMaxTimestamp,
  batchSize,
  checkCompacted,
  checkStored,
  isBatchSize,
  Stored,
} from "../format/batch.ts";
import { segmentFile } from "../format/file_names.ts";
import { BATCH_SIZE_MAX_LIMIT } from "../limits.ts";
import { must, readWhole, StorageError } from "./files.ts";
import type { Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";

const ZEROS_AT_A_TIME = 65536;

export class RecoveryScan {
  /** Offset that the next batch must have. */
  expected = 0;
  /** A compacted log whose recovery point is not known: offsets only increase. */
  allowsGaps = false;
  /** Epoch of the batch before. */
  epoch = 0;
  /** Not so: compaction may have taken records out of batches, and batches out of the log. */
  isDense = true;
  /** Why the last scan stopped before the end of its segment. */
  stoppedAt = "";
  bytesScanned = 0;
  readonly #store: SegmentStore;
  readonly #libc: Libc;
  readonly #progress: (bytes: number) => void;
  #safe = 0;
  #epochBelowSafe: number = Infinity;
  #memory: Memory | null = null;
  /** What of the file is in the block. */
  #chunkStart = 0;
  #chunkEnd = 0;

  constructor(store: SegmentStore, progress: (bytes: number) => void) {
    this.#store = store;
    this.#libc = store.libc;
    this.#progress = progress;
  }

  /**
   * An epoch lies outside of the checksum: below the recovery point, `safe`, no batch makes it
   * higher than the epoch file does, else one wrong bit there would make all that follows stale.
   */
  knows(safe: number, epochBelowSafe: number): void {
    this.#safe = safe;
    this.#epochBelowSafe = epochBelowSafe;
  }

  /**
   * Scans an open segment from the batch start `from` to the offset `until`, telling its indexes.
   * Returns the position after the last batch that is right. Throws StorageError.
   */
  run(segment: Segment, from: number, until: number): number {
    this.#chunkStart = from;
    this.#chunkEnd = from;
    let position = from;
    while (position < segment.size && this.expected < until) {
      const found = this.#checkAt(segment, position);
      if (found !== Stored.whole) {
        const name = Object.keys(Stored)[found]!;
        this.stoppedAt = `${segmentFile(segment.baseOffset)} at ${position}: ${name}`;
        return position;
      }
      position += batchSize(this.#memory!.view, position - this.#chunkStart);
    }
    return position;
  }

  /** Whether only zeros follow from `from` on: written ahead of the log, or what a cut left. */
  endsInZeros(segment: Segment, from: number): boolean {
    this.#chunkStart = from;
    this.#chunkEnd = from;
    for (let position = from; position < segment.size;) {
      const size = Math.min(ZEROS_AT_A_TIME, segment.size - position);
      this.#load(segment, position, size);
      const start = position - this.#chunkStart;
      for (let at = start; at < start + size; at += 1) {
        if (this.#memory!.bytes[at] !== 0) return false;
      }
      position += size;
    }
    return true;
  }

  /** Checks the batch at `position` and, when it is right, moves on behind it. */
  #checkAt(segment: Segment, position: number): Stored {
    const left = segment.size - position;
    if (left < BATCH_HEADER_SIZE) return Stored.short;
    this.#load(segment, position, BATCH_HEADER_SIZE);
    let view = this.#memory!.view;
    const size = batchSize(view, position - this.#chunkStart);
    if (!isBatchSize(size, BATCH_SIZE_MAX_LIMIT)) return Stored.length;
    if (size > left) return Stored.short;
    this.#load(segment, position, size);
    const at = position - this.#chunkStart;
    view = this.#memory!.view;
    if (this.allowsGaps) this.expected = Math.max(this.expected, batchBaseOffset(view, at));
    let found = checkStored(this.#memory!, at, size, this.expected, this.epoch);
    const last = batchLastOffset(view, at);
    const mayLack = !this.isDense && (this.allowsGaps || last < this.#safe);
    if (found === Stored.count && mayLack) found = checkCompacted(this.#memory!, at, size);
    if (found !== Stored.whole) return found;
    const epoch = view.getInt32(at + BatchAt.leaderEpoch);
    this.epoch = last < this.#safe ? Math.min(epoch, this.#epochBelowSafe) : epoch;
    this.expected = last + 1;
    segment.batchAppended(last, position, size, batchMaxTimestamp(view, at));
    return found;
  }

  /** Makes sure that `size` bytes from `position` on are in the block. */
  #load(segment: Segment, position: number, size: number): void {
    if (position + size <= this.#chunkEnd) return;
    this.#memory = this.#store.scanBlock(size);
    const wanted = Math.min(this.#memory.size, segment.size - position);
    const name = segmentFile(segment.baseOffset);
    const fd = segment.file!.fd;
    const read = must(
      readWhole(this.#libc, fd, this.#memory, 0, wanted, position),
      `read ${name}`,
    );
    if (read < size) throw new StorageError(`read ${name}`, -EIO); // it became shorter
    this.#chunkStart = position;
    this.#chunkEnd = position + read;
    this.bytesScanned += read;
    this.#progress(this.bytesScanned);
  }
}
