/**
 * Retention of all topics together: above the trim mark of the bound (log/bound.ts) the oldest
 * sealed segments leave, whichever topic they are of, by the age of their last append. Where there
 * is none the active segment that was begun first is rolled, so that it may leave next.
 *
 *     used > trim -> oldest: log start wanted -> main: durable -> removed -> freed by the worker
 *
 * Topics of the broker itself and topics whose policy is compact alone count, and lose nothing.
 *
 * Invariant: producers are refused only where nothing is on its way out and nothing may leave.
 */

import { ErrorCodes } from "../format/errors.ts";
import { wantLogStart } from "../log/log_start.ts";
import { type Bound, occupiedBytes } from "../log/bound.ts";
import type { Partition } from "../log/partition.ts";
import type { SegmentStore } from "../log/segment_store.ts";
import type { Broker } from "./broker.ts";
import type { TopicPartition } from "./topics.ts";

/** What a look over all partitions finds. */
interface Found {
  /** Bytes that a higher log start was asked for, or that a sync has to cover first. */
  leavingBytes: number;
  oldest: TopicPartition | null;
  /** Last append of the oldest segment of any other partition. */
  nextMs: number;
  /** Has the active segment that was begun first. */
  rollable: TopicPartition | null;
}

export class TotalRetention {
  readonly #broker: Broker;
  readonly #store: SegmentStore;
  readonly #bound: Bound;
  /** The sum since which nothing was found that may leave: until the next one it is not looked. */
  #emptyAtSum = -1;
  readonly #found: Found = { leavingBytes: 0, oldest: null, nextMs: 0, rollable: null };

  constructor(broker: Broker, store: SegmentStore) {
    this.#broker = broker;
    this.#store = store;
    this.#bound = store.bound;
  }

  /** Late in the turn: asks for log starts, and finds out whether producers wait or are refused. */
  step(): void {
    const bound = this.#bound;
    if (!bound.isSet && !bound.isRefusing) return; // a bound that is gone refuses nobody
    const excess = bound.usedBytes - this.#store.fileJobs.freeingBytes - bound.trimBytes;
    if (excess > 0) this.#trim(excess);
    else bound.isMakingRoom = this.#store.fileJobs.freeingBytes > 0;
    const isAtBound = bound.usedBytes > bound.holdBytes && !bound.isMakingRoom;
    bound.isRefusing = isAtBound;
    this.#store.disk.setAtBound(isAtBound);
  }

  #trim(excess: number): void {
    if (this.#emptyAtSum === this.#bound.sums) return;
    this.#look();
    const { leavingBytes, oldest, rollable } = this.#found;
    let left = excess - leavingBytes;
    let isLeaving = leavingBytes > 0 || this.#store.fileJobs.freeingBytes > 0;
    if (left > 0 && oldest !== null) {
      left -= this.#release(oldest, left);
      isLeaving = true;
    } else if (left > 0 && leavingBytes === 0 && rollable !== null) {
      const { log } = rollable;
      // Where the disk refuses it nothing leaves; behind the next sum it is tried again.
      if (log.roll() === ErrorCodes.none) isLeaving = true;
      log.turnDone();
      this.#broker.queueAttention(rollable);
    }
    this.#bound.isMakingRoom = isLeaving;
    if (!isLeaving) this.#emptyAtSum = this.#bound.sums;
  }

  #look(): void {
    const found = this.#found;
    found.leavingBytes = 0;
    found.oldest = null;
    found.nextMs = Infinity;
    found.rollable = null;
    let oldestMs = Infinity;
    let firstMs = Infinity;
    const { partitions } = this.#broker.topics;
    for (let i = 0; i < partitions.length; i += 1) {
      const partition = partitions[i]!;
      if (!mayLeave(partition)) continue;
      const { log } = partition;
      const first = this.#passLeaving(log);
      const segment = log.segments[first]!;
      if (segment === log.active) {
        if (segment.size === 0 || segment.firstAppendMs >= firstMs) continue;
        firstMs = segment.firstAppendMs;
        found.rollable = partition;
      } else if (!isDurable(log, first)) {
        found.leavingBytes += occupiedBytes(segment); // its turn comes with its sync
      } else if (segment.lastAppendMs < oldestMs) {
        found.nextMs = oldestMs;
        oldestMs = segment.lastAppendMs;
        found.oldest = partition;
      } else found.nextMs = Math.min(found.nextMs, segment.lastAppendMs);
    }
  }

  /** Counts the segments that are asked to leave; which one is the first that is not. */
  #passLeaving({ segments, logStartWanted }: Partition): number {
    let first = 0;
    while (first + 1 < segments.length && segments[first + 1]!.baseOffset <= logStartWanted) {
      this.#found.leavingBytes += occupiedBytes(segments[first]!);
      first += 1;
    }
    return first;
  }

  /** Asks for a log start above those that are older than all others. Returns their bytes. */
  #release(partition: TopicPartition, wanted: number): number {
    const { log } = partition;
    const { segments, logStartWanted } = log;
    let first = 0;
    while (segments[first + 1]!.baseOffset <= logStartWanted) first += 1;
    let bytes = 0;
    do {
      bytes += occupiedBytes(segments[first]!);
      first += 1;
    } while (
      bytes < wanted && isDurable(log, first) && segments[first]!.lastAppendMs <= this.#found.nextMs
    );
    wantLogStart(log, segments[first]!.baseOffset);
    this.#broker.queueAttention(partition);
    return bytes;
  }
}

function mayLeave({ removed, topic, log }: TopicPartition): boolean {
  if (removed || topic.isInternal || !log.config.cleanupDelete) return false;
  return !log.broken && !log.abandoned && log.degraded === "";
}

/** Whether the segment is sealed, on disk and shown, so that the log may begin behind it. */
function isDurable({ segments, durable, visible }: Partition, at: number): boolean {
  const next = segments[at + 1];
  if (next === undefined) return false;
  return next.baseOffset <= durable.offset && next.baseOffset <= visible.offset;
}
