/**
 * Bound: what all logs of a shard together may take of the disk (`retention.total`), and what they
 * take. Hot.
 *
 *     0 ----------------- trim ---------- hold ---- limit
 *                          |               |          what is there never gets here
 *                          |               producers wait, or are refused where nothing may leave
 *                          the oldest segments leave (broker/total_retention.ts)
 *
 * What there is is summed up by every sweep over the partitions; between two sweeps what was
 * written since the last one began is added, and what was removed since it ended is taken off. So
 * `usedBytes` is never less than what is there. Files that the sum does not look at (indexes, small
 * files) count with what they may take at the most.
 *
 * Invariant: with a limit, no producer's batch is staged while `usedBytes` is above the hold mark.
 */

import {
  BOUND_SEGMENTS,
  BOUND_STEP_DIVISOR,
  BOUND_STEP_MAX,
  BOUND_STEP_MIN,
  INDEX_INTERVAL_BYTES,
  MAIN_FILES_BYTES,
  PARTITION_FILES_BYTES,
  SEGMENT_FILES_BYTES,
  SNAPSHOTS_MAX,
} from "../limits.ts";
import type { Partition } from "./partition.ts";
import { SNAPSHOT_ENTRY_SIZE } from "./producer_snapshot.ts";
import type { Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";
import { reserveBytes } from "./watermarks.ts";

/** An entry of both indexes, for each interval: 8 bytes and 12. */
const INDEX_SHARE = 20 / INDEX_INTERVAL_BYTES;

export class Bound {
  /** Infinity: there is none. */
  limitBytes: number = Infinity;
  /** What is too much is on its way out: producers wait for it. */
  isMakingRoom = false;
  /** Nothing may leave: producers are refused. */
  isRefusing = false;
  readonly #store: SegmentStore;
  /** Of the last whole sum, and what was added by the time it began. */
  #summedBytes = 0;
  #addedAtSum = 0;
  /** What was removed by the time it ended. */
  #deletedAtSum = 0;
  /** Whole sums so far. */
  sums = 0;
  /** All that was ever added. */
  #addedBytes = 0;
  #countedRolls = 0;
  /** Of the sum that goes on. */
  #sumBytes = 0;
  #addedAtBegin = 0;

  constructor(store: SegmentStore) {
    this.#store = store;
  }

  get isSet(): boolean {
    return this.limitBytes !== Infinity;
  }

  /** Never less than what all files take. Only after the first sum. */
  get usedBytes(): number {
    const { counters, fileJobs } = this.#store;
    const added = this.#addedBytes - this.#addedAtSum;
    const rolled = (counters.rolls - this.#countedRolls) * SEGMENT_FILES_BYTES;
    const deleted = counters.segmentsDeletedBytes - this.#deletedAtSum;
    const removed = fileJobs.freeingBytes + fileJobs.heldBytes;
    return this.#summedBytes + added + rolled + removed - deleted;
  }

  get #stepBytes(): number {
    const step = Math.floor(this.limitBytes / BOUND_STEP_DIVISOR);
    return Math.min(BOUND_STEP_MAX, Math.max(BOUND_STEP_MIN, step));
  }

  /** Above it the oldest segments leave. */
  get trimBytes(): number {
    return this.limitBytes - 3 * this.#stepBytes;
  }

  get holdBytes(): number {
    return this.limitBytes - this.#stepBytes;
  }

  /** Segments are no larger, so that what leaves is a small part of what is there. */
  get segmentBytesMax(): number {
    return Math.max(BOUND_STEP_MIN, Math.floor(this.limitBytes / BOUND_SEGMENTS));
  }

  /** Whether producers wait now: until there is room, or it is known that there will be none. */
  get holds(): boolean {
    if (this.limitBytes === Infinity || this.isRefusing) return false;
    return this.sums === 0 || this.usedBytes > this.holdBytes;
  }

  /** So much is written in this turn, or never. */
  added(bytes: number): void {
    this.#addedBytes += bytes;
  }

  beginSum(): void {
    const { disk, counters } = this.#store;
    this.#addedBytes += (counters.rolls - this.#countedRolls) * SEGMENT_FILES_BYTES;
    this.#countedRolls = counters.rolls;
    this.#addedAtBegin = this.#addedBytes;
    this.#sumBytes = MAIN_FILES_BYTES + reserveBytes(disk.totalBytes);
  }

  sum(partition: Partition): void {
    const snapshot = partition.producers.batchCount * SNAPSHOT_ENTRY_SIZE;
    let bytes = PARTITION_FILES_BYTES + SNAPSHOTS_MAX * snapshot;
    const { segments } = partition;
    for (let i = 0; i < segments.length; i += 1) bytes += occupiedBytes(segments[i]!);
    this.#sumBytes += bytes;
  }

  endSum(): void {
    this.#summedBytes = this.#sumBytes;
    this.#addedAtSum = this.#addedAtBegin;
    this.#deletedAtSum = this.#store.counters.segmentsDeletedBytes;
    this.sums += 1;
  }
}

/** What a segment takes with its indexes, at the most. */
export function occupiedBytes(segment: Segment): number {
  return segment.fileSize + Math.ceil(segment.size * INDEX_SHARE) + SEGMENT_FILES_BYTES;
}
