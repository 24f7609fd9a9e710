/**
 * TimestampLooks: finds the highest timestamps of segments that nobody has seen since the start,
 * for retention, one segment after another. What is not in the page cache the background worker
 * reads.
 *
 *     retention asks -> last entry of the time index, confirmed by a few headers -> known for good
 *                    -> cold: false, and the partition is swept again when it has been read
 *
 * Invariant: one segment at a time, and some at most in a turn. What cannot be read is not looked
 * at again: such a segment goes by its last append.
 */

import { COLD_READS_MAX, COLD_TRIES_MAX, TIMESTAMP_LOOKS_MAX } from "../limits.ts";
import { GuardedReads } from "../log/guarded_reads.ts";
import type { Partition } from "../log/partition.ts";
import { NOT_RESIDENT } from "../log/residency.ts";
import type { Timestamps } from "../log/retention.ts";
import type { Segment } from "../log/segment.ts";
import type { SegmentStore } from "../log/segment_store.ts";
import { seeTail } from "../log/time_confirm.ts";
import { Walk } from "../log/walk.ts";
import type { ColdReads } from "./cold_reads.ts";
import type { ColdStream, ColdWaiter } from "./cold_stream.ts";
import { waitForReads } from "./read_slice.ts";
import type { TopicPartition } from "./topics.ts";

export class TimestampLooks implements ColdWaiter, Timestamps {
  stream: ColdStream | null = null;
  tries = 0;
  missedAt = 0;
  partBytes = 0;
  readResult = 0;
  readonly #coldReads: ColdReads | null;
  readonly #reads: GuardedReads;
  /** Partitions that retention is to be asked for again, the one that has waited in front. */
  readonly #asked: Set<TopicPartition> = new Set();
  readonly #unreadable: WeakSet<Segment> = new WeakSet();
  #partition: TopicPartition | null = null;
  /** The segment that is looked at, and whose. */
  #segment: Segment | null = null;
  #at: TopicPartition | null = null;
  #looksLeft = 0;

  constructor(store: SegmentStore, coldReads: ColdReads | null) {
    this.#coldReads = coldReads;
    this.#reads = new GuardedReads(new Walk(store));
  }

  /** Whether `take` would give a partition. */
  get isDue(): boolean {
    return this.stream === null && (this.#at !== null || this.#asked.size > 0);
  }

  beginTurn(): void {
    this.#looksLeft = TIMESTAMP_LOOKS_MAX;
  }

  /** The next partition to be swept again, or null. */
  take(): TopicPartition | null {
    if (!this.isDue) return null;
    const next = this.#at ?? this.#asked.values().next().value!;
    if (this.#at !== null && this.readResult < 0) this.#unreadable.add(this.#segment!);
    this.readResult = 0;
    this.#at = null;
    this.#asked.delete(next);
    return next;
  }

  /** For the retention of this partition. */
  of(partition: TopicPartition): Timestamps {
    this.#partition = partition;
    return this;
  }

  look(log: Partition, segment: Segment): boolean {
    if (this.#unreadable.has(segment)) return false;
    if (this.stream !== null || this.#at !== null || this.#looksLeft === 0) {
      this.#asked.add(this.#partition!);
      return false;
    }
    this.#looksLeft -= 1;
    if (segment !== this.#segment) this.tries = 0;
    this.#segment = segment;
    const code = this.#look(log, segment);
    if (code === NOT_RESIDENT) this.#wait();
    return code === 0;
  }

  /** Returns 0, NOT_RESIDENT, or -errno: at the next sweep it may be there. */
  #look(log: Partition, segment: Segment): number {
    const cold = this.#coldReads;
    const isGuarded = cold !== null && cold.isGuarding && this.tries < COLD_TRIES_MAX;
    this.#reads.guard(isGuarded ? cold.residency : null, COLD_READS_MAX);
    const opened = this.#reads.open(log.directory, segment);
    if (opened < 0) return opened;
    const code = seeTail(this.#reads, log.directory, segment);
    if (code < 0 && code !== NOT_RESIDENT) this.#unreadable.add(segment);
    return code;
  }

  /** Goes on when what is missing has been read, or at once where nothing is but time. */
  #wait(): void {
    const cold = this.#coldReads;
    if (this.#reads.missing.file === null) this.#reads.missHeader();
    if (cold !== null && cold.isGuarding && this.tries < COLD_TRIES_MAX) {
      this.#at = this.#partition;
      waitForReads(cold, this.#partition!, this, this.#reads);
    } else {
      this.tries = 0;
      this.#reads.forgetMissing();
      this.#asked.add(this.#partition!);
    }
  }
}
