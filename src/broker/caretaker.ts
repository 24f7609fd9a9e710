/**
 * Housekeeping of a shard, a bounded step per turn: checkpoints, rolls by age, retention, a look at
 * the room on the disk, and what is to be told to main.
 *
 *     attention   partitions whose checkpoint is due or ready, or whose log start is to rise
 *     sweep       all partitions once a second, at most so many in a turn
 *     total       what is too much for the bound of all logs, its oldest first
 *     timestamps  of old segments, one after another: what has to be read the worker reads
 *
 * Invariant: what an entry reports is durable: the recovery point by its checkpoint, the log start
 * because it is never reported above the durable end.
 */

import { shorten } from "../base/shorten.ts";
import { ClockGuard } from "../log/clock_guard.ts";
import type { CheckpointEntry } from "../log/keeper.ts";
import { dropBelow, wantLogStart } from "../log/log_start.ts";
import { retentionStart } from "../log/retention.ts";
import { rollIfDue } from "../log/roll.ts";
import type { SegmentStore } from "../log/segment_store.ts";
import {
  CHECKPOINT_BYTES,
  CHECKPOINT_MS,
  PRODUCER_EXPIRATION_MS,
  SWEEP_MS,
  SWEEP_PARTITIONS_MAX,
} from "../limits.ts";
import type { Broker, Door } from "./broker.ts";
import { completeSync } from "./produce.ts";
import { TimestampLooks } from "./timestamp_looks.ts";
import { TotalRetention } from "./total_retention.ts";
import type { TopicPartition } from "./topics.ts";

export interface CaretakerOptions {
  readonly checkpointBytes?: number;
  readonly checkpointMs?: number;
  readonly clockConfirmMs?: number;
}

const CHECKPOINT_SPREAD = 64;

export class Caretaker {
  readonly #broker: Broker;
  readonly #store: SegmentStore;
  readonly #timestamps: TimestampLooks;
  readonly #total: TotalRetention;
  readonly #clock: ClockGuard;
  readonly #checkpointBytes: number;
  readonly #checkpointMs: number;
  #entries: CheckpointEntry[] = [];
  /** Next partition of the sweep that goes on; -1: it is over. */
  #sweepAt = -1;
  /** It sums up for the bound: there was one when it began. */
  #isSumming = false;
  #sweepDueMs = 0;
  #isClockTrusted = false;
  #wallMs = 0;
  /** Partitions that have something left for the next step. */
  readonly #hasMore: TopicPartition[] = [];

  constructor(broker: Broker, store: SegmentStore, options: CaretakerOptions = {}) {
    this.#broker = broker;
    this.#store = store;
    this.#timestamps = new TimestampLooks(store, broker.coldReads);
    this.#total = new TotalRetention(broker, store);
    this.#clock = new ClockGuard(options.clockConfirmMs);
    this.#checkpointBytes = options.checkpointBytes ?? CHECKPOINT_BYTES;
    this.#checkpointMs = options.checkpointMs ?? CHECKPOINT_MS;
  }

  /** When the next step has something to do. */
  get nextDueMs(): number {
    const isNews = this.#broker.waitsForRoom !== this.#store.bound.holds; // for producer_budget.ts
    const isDue = this.#sweepAt >= 0 || this.#timestamps.isDue || isNews;
    return isDue || this.#broker.attention.length > 0 ? 0 : this.#sweepDueMs;
  }

  /** One bounded step. Returns what main is to write down; empty most of the time. */
  step(nowMs: number, wallMs: number, door: Door): readonly CheckpointEntry[] {
    const { attention, topics } = this.#broker;
    const { bound } = this.#store;
    this.#wallMs = wallMs;
    this.#total.step();
    if (attention.length === 0 && nowMs < this.nextDueMs) return NOTHING;
    for (let i = 0; i < attention.length; i += 1) {
      attention[i]!.attentionQueued = false;
      this.#visit(attention[i]!, nowMs, door);
    }
    shorten(attention, 0);
    while (this.#hasMore.length > 0) this.#broker.queueAttention(this.#hasMore.pop()!);
    this.#timestamps.beginTurn();
    const seen = this.#timestamps.take();
    if (seen !== null) this.#sweep(seen, nowMs, wallMs, door);
    if (this.#sweepAt < 0 && nowMs >= this.#sweepDueMs) {
      this.#sweepAt = 0;
      this.#sweepDueMs = nowMs + SWEEP_MS;
      this.#store.disk.look();
      this.#isClockTrusted = this.#clock.look(nowMs, wallMs);
      this.#isSumming = bound.isSet;
      if (this.#isSumming) bound.beginSum();
    }
    if (this.#sweepAt >= 0) {
      const { partitions } = topics;
      const end = Math.min(partitions.length, this.#sweepAt + SWEEP_PARTITIONS_MAX);
      for (let i = this.#sweepAt; i < end; i += 1) {
        this.#sweep(partitions[i]!, nowMs, wallMs, door);
        if (this.#isSumming && !partitions[i]!.removed) bound.sum(partitions[i]!.log);
      }
      this.#sweepAt = end < partitions.length ? end : -1;
      if (this.#sweepAt < 0 && this.#isSumming) bound.endSum();
    }
    if (this.#entries.length === 0) return NOTHING;
    const entries = this.#entries;
    this.#entries = [];
    return entries;
  }

  #sweep(partition: TopicPartition, nowMs: number, wallMs: number, door: Door): void {
    const { log } = partition;
    if (partition.removed || log.broken) return;
    rollIfDue(log, wallMs);
    const timestamps = this.#timestamps.of(partition);
    const start = retentionStart(log, timestamps, wallMs, this.#isClockTrusted);
    if (start > log.logStartWanted) wantLogStart(log, start);
    log.turnDone();
    this.#visit(partition, nowMs, door);
  }

  #visit(partition: TopicPartition, nowMs: number, door: Door): void {
    const { log } = partition;
    if (partition.removed) return;
    if (log.broken) return completeSync(this.#broker, partition, door);
    const { checkpoint } = log;
    if (partition.checkpointDueMs === 0) { // the first ones spread over the time between two
      const share = ((partition.number % CHECKPOINT_SPREAD) + 1) / CHECKPOINT_SPREAD;
      partition.checkpointDueMs = nowMs + this.#checkpointMs * share;
    }
    const isDue = nowMs >= partition.checkpointDueMs && !checkpoint.isHeld;
    if (isDue || checkpoint.isDue(log.config.durability, this.#checkpointBytes)) {
      if (this.#isClockTrusted) log.producers.expire(this.#wallMs - PRODUCER_EXPIRATION_MS);
      log.beginCheckpoint();
      partition.checkpointDueMs = nowMs + this.#checkpointMs;
    }
    if (log.checkpointReady) log.finishCheckpoint();
    if (log.needsSync) this.#broker.queueUnsynced(partition, nowMs);
    this.#report(partition);
    if (dropBelow(log)) this.#hasMore.push(partition);
  }

  #report(partition: TopicPartition): void {
    const { log } = partition;
    const { recoveryPoint } = log;
    const logStart = Math.max(log.logStart, Math.min(log.logStartWanted, log.durable.offset));
    if (
      recoveryPoint <= partition.reportedRecoveryPoint && logStart <= partition.reportedLogStart
    ) {
      return;
    }
    partition.reportedRecoveryPoint = recoveryPoint;
    partition.reportedLogStart = logStart;
    const { name, topicId } = partition.topic;
    this.#entries.push({
      topic: name,
      topicId,
      partition: partition.index,
      recoveryPoint,
      logStart,
    });
  }
}

const NOTHING: readonly CheckpointEntry[] = [];
