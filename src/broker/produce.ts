/**
 * Producing: check the batch, stage it, and answer when its level is reached. Hot.
 *
 * Invariant: a batch is answered at most once, never as a success before everything below its end
 * has reached the level, and answers of one partition and level keep the order of the requests.
 */

import type { ByteBlock } from "../base/bytes.ts";
import { shorten } from "../base/shorten.ts";
import { BatchAt, checkProduced } from "../format/batch.ts";
import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import { Acks, Level } from "../format/levels.ts";
import { CHECKPOINT_BYTES } from "../limits.ts";
import { type AppendWaiters, COORDINATOR_SLOT } from "./append_waiters.ts";
import type { Broker, Door } from "./broker.ts";
import { refuseLogStarts } from "./log_starts.ts";
import type { TopicPartition } from "./topics.ts";

/** Checks and stages the batch of `size` bytes at `at`; the answer comes through the door later. */
export function produce(
  broker: Broker,
  partition: TopicPartition,
  memory: ByteBlock,
  at: number,
  size: number,
  acks: number,
  slot: number,
  generation: number,
  correlation: number,
  handle: number,
): void {
  const log = partition.log;
  let error: ErrorCode = checkProduced(memory, at, size, log.config.maxMessageBytes);
  let base = 0;
  if (error === ErrorCodes.none) {
    base = log.stage(memory, at, size);
    if (base < 0) error = -base as ErrorCode;
  }
  if (error === ErrorCodes.duplicate_sequence) {
    // Answered like the original: it is not above what is staged now.
    error = ErrorCodes.none;
    base = log.producers.duplicateOffset;
    broker.counters.duplicateAppends += 1;
  } else if (error === ErrorCodes.none) {
    countAppended(broker, partition, size, memory.view.getInt32(at + BatchAt.recordsCount));
  } else {
    broker.counters.refusedAppends += 1;
    const { refusal } = log.store.disk;
    // While the disk takes nothing, a gap between two batches is of our making: both may be sent
    // again.
    if (error === ErrorCodes.out_of_order_sequence && refusal !== ErrorCodes.none) error = refusal;
    if (error === refusal) broker.counters.diskRefusedAppends += 1;
  }
  broker.queueAppended(partition);
  if (acks === Acks.none) return;
  const waiters = waitsForSync(partition, acks)
    ? partition.durableWaiters
    : partition.writtenWaiters;
  const { nowMs } = broker;
  waiters.push(slot, generation, correlation, handle, error, base, log.stagedEnd, nowMs);
}

function countAppended(
  { counters }: Broker,
  { topic }: TopicPartition,
  bytes: number,
  records: number,
): void {
  counters.appends += 1;
  counters.appendedBytes += bytes;
  counters.appendedRecords += records;
  topic.bytesIn += bytes;
  topic.recordsIn += records;
}

/** Whether a produce of these acks is answered after the sync. */
export function waitsForSync(partition: TopicPartition, acks: number): boolean {
  return acks === Acks.all && partition.log.config.durability === Level.fsync;
}

/** Whether the partition takes no batch for now; the turn says when it does again. */
export function mustHold(broker: Broker, partition: TopicPartition): boolean {
  if (partition.log.store.bound.holds) return true;
  return broker.holdsProducers && partition.log.config.durability !== Level.os;
}

/** One `pwritev` per partition that this turn appended to. */
export function flushAppended(broker: Broker, nowMs: number): void {
  for (let i = 0; i < broker.appended.length; i += 1) {
    const partition = broker.appended[i]!;
    const log = partition.log;
    log.flush();
    if (log.failure !== ErrorCodes.none) refuse(partition);
    if (log.needsSync) broker.queueUnsynced(partition, nowMs + log.config.flushMs);
    if (log.checkpoint.isDue(log.config.durability, CHECKPOINT_BYTES)) {
      broker.queueAttention(partition);
    }
  }
  broker.offsets.flushed();
}

/**
 * After a write that failed: what was not written is refused, behind what was. A broken partition
 * is never synced again, so there nobody waits for that either.
 */
function refuse(partition: TopicPartition): void {
  const { written, durable, failure, broken } = partition.log;
  partition.writtenWaiters.refuseAbove(written.offset, failure);
  partition.durableWaiters.refuseAbove(broken ? durable.offset : written.offset, failure);
}

/** Answers the producers of this turn's partitions whose level is reached, and ends the turn. */
export function completeAppends(broker: Broker, door: Door): void {
  const list = broker.appended;
  for (let i = 0; i < list.length; i += 1) {
    const partition = list[i]!;
    const log = partition.log;
    const level = log.config.durability === Level.interval ? Level.interval : Level.os;
    answer(broker, partition, partition.writtenWaiters, log.written.offset, level, door);
    answer(broker, partition, partition.durableWaiters, log.durable.offset, Level.fsync, door);
    if (log.config.durability !== Level.fsync) broker.moved.push(partition);
    if (log.broken) completeSync(broker, partition, door); // no sync will come that tells them
    log.turnDone();
    partition.appendQueued = false;
  }
  shorten(list, 0);
}

/** A sync of the partition is over, or will never be: answers who waited for it. */
export function completeSync(broker: Broker, partition: TopicPartition, door: Door): void {
  const log = partition.log;
  if (log.broken) partition.durableWaiters.refuseAbove(log.durable.offset, log.failure);
  answer(broker, partition, partition.durableWaiters, log.durable.offset, Level.fsync, door);
  if (log.config.durability === Level.fsync) broker.moved.push(partition);
  if (log.broken) return refuseLogStarts(partition, log.failure, door);
  if (log.checkpoint.isHeld || log.logStartWanted > log.logStart) broker.queueAttention(partition);
}

/** Answers those whose end is at or below `reached`, producers and the coordinator of groups. */
export function answer(
  broker: Broker,
  partition: TopicPartition,
  waiters: AppendWaiters,
  reached: number,
  level: Level,
  door: Door,
): void {
  while (waiters.take(reached)) {
    if (waiters.slot !== COORDINATOR_SLOT) door.appendDone(partition, waiters, level);
    else broker.offsets.appended(waiters.correlation, waiters.error as ErrorCode, door);
  }
}
