/**
 * What the broker answers, heard as a client hears it: every answer is checked at once, and what
 * it promises is remembered for the next crash.
 */
import type { FileSlice } from "../../src/base/file_slice.ts";
import type { LogStartWaiter } from "../../src/broker/log_starts.ts";
import type { TopicPartition } from "../../src/broker/topics.ts";
import { ErrorCodes } from "../../src/format/errors.ts";
import { Acks, Level } from "../../src/format/levels.ts";
import { COLD_WAIT_MS } from "../../src/limits.ts";
import { checkRead } from "./checker.ts";
import type { Life } from "./life.ts";
import type { Attempt, Client } from "./model.ts";
import { violated } from "./violation.ts";
import type { PendingFetch, Send, World } from "./world.ts";

export function appendAnswered(
  world: World,
  correlation: number,
  error: number,
  base: number,
  level: number,
): void {
  const send = world.sends[correlation]!;
  const { attempt, partition } = send;
  if (error !== ErrorCodes.none) {
    world.note(`  batch ${attempt.number}: refused, error ${error}`);
    return refused(send, error);
  }
  world.note(`  batch ${attempt.number}: acknowledged at ${base}, level ${level}`);
  const log = world.life!.partition(partition.topic, partition.index)!.log;
  const entry = send.entry ?? attempt.entry;
  if (entry === null || entry.base !== base) {
    const where = entry === null ? "nowhere" : `at ${entry.base}`;
    return violated(
      "P",
      `${partition.name}: batch ${attempt.number} acknowledged at ${base}, it is ${where}`,
    );
  }
  if (attempt.ackedAt >= 0 && attempt.ackedAt !== base && level === Level.fsync) {
    violated(
      "C7",
      `batch ${attempt.number} was acknowledged at ${attempt.ackedAt}, now at ${base}`,
    );
  }
  attempt.ackedAt = base;
  // What it was asked for counts, whatever the answer says that it is.
  const isPromised = send.acks === Acks.all && send.level === Level.fsync;
  if (level === Level.fsync || isPromised) {
    if (log.broken && entry.end > log.durable.offset) {
      violated(
        "C13",
        `${partition.name}: batch ${attempt.number} is acknowledged after a storage error`,
      );
    }
    partition.promise(entry.end);
  } else if (entry.end > log.written.offset) {
    violated("C13", `${partition.name}: batch ${attempt.number} is acknowledged and not written`);
  }
  if (attempt.client !== null) forget(attempt.client, attempt);
}

function forget(client: Client, attempt: Attempt): void {
  const at = client.waiting.indexOf(attempt);
  if (at < 0) return;
  client.waiting.splice(at, 1);
  client.lost = Math.min(client.lost, client.waiting.length);
}

function refused({ attempt, partition }: Send, error: number): void {
  const { client } = attempt;
  switch (error) {
    case ErrorCodes.disk_full:
    case ErrorCodes.storage_failed:
      if (client !== null) client.lost = client.waiting.length; // all of it again, in order
      return;
    case ErrorCodes.topic_not_found:
      return;
    case ErrorCodes.out_of_order_sequence:
    case ErrorCodes.invalid_producer_epoch:
      if (client !== null && client.epoch === attempt.producerEpoch) client.beginAgain();
      return;
    default:
      violated("X", `${partition.name}: batch ${attempt.number} is refused with error ${error}`);
  }
}

export function fetchAnswered(
  world: World,
  topicPartition: TopicPartition,
  correlation: number,
  error: number,
  slice: FileSlice,
): void {
  const asked = world.fetches.get(correlation);
  if (asked === undefined) return violated("L1", `fetch ${correlation} is answered twice`);
  world.fetches.delete(correlation);
  const { partition, offset } = asked;
  const { log } = topicPartition;
  world.note(`  fetch of ${partition.name} at ${offset}: error ${error}, ${slice.size} bytes`);
  if (error === ErrorCodes.topic_not_found && topicPartition.removed) return;
  if (mayRefuse(world.life!, asked, error)) return;
  const isOutside = offset < log.logStart || offset > log.written.offset;
  if (error === ErrorCodes.offset_out_of_range && isOutside) return;
  if (error !== ErrorCodes.none) {
    violated("C1", `${partition.name}: the fetch at ${offset} gave error ${error}`);
  }
  if (isOutside) violated("C9", `${partition.name}: the fetch at ${offset} is answered`);
  if (slice.size === 0 && offset < log.visible.offset) {
    violated("C1", `${partition.name}: the fetch at ${offset} gave nothing`);
  }
  const view = world.view!;
  view.take(slice);
  checkRead(partition, log, view, offset);
}

/** What has kept the bytes from being read, if anything has. */
function mayRefuse(life: Life, { askedMs }: PendingFetch, error: number): boolean {
  if (error === ErrorCodes.storage_failed) return life.worker.failures > 0;
  if (error === ErrorCodes.storage_slow) return life.turnMs - askedMs >= COLD_WAIT_MS;
  return error === ErrorCodes.shutting_down && life.isStopping;
}

/**
 * Nobody is left waiting: neither for records beyond the time, nor for a disk, which may be asked
 * as late as in the first turn after that time, whenever that turn comes.
 */
export function checkFetches(fetches: ReadonlyMap<number, PendingFetch>, life: Life): void {
  for (const fetch of fetches.values()) {
    const { partition, offset, askedMs, maxWaitMs } = fetch;
    if (life.turnMs <= askedMs + maxWaitMs) continue;
    if (fetch.overMs < 0) fetch.overMs = life.turnMs;
    if (life.turnMs <= fetch.overMs + COLD_WAIT_MS) continue;
    violated("L1", `${partition.name}: the fetch at ${offset} waits since ${askedMs}`);
  }
}

export function logStartAnswered(
  world: World,
  topicPartition: TopicPartition,
  waiter: LogStartWaiter,
  error: number,
): void {
  const { topic, index, log, removed } = topicPartition;
  const partition = world.model.partition(topic.name, index);
  world.note(`  ${topic.name}-${index}: log start ${waiter.offset}: error ${error}`);
  if (error !== ErrorCodes.none || removed || partition === null) return;
  if (log.logStart < waiter.offset) {
    violated("C9", `${partition.name}: the log start is acknowledged and was not raised`);
  }
  partition.logStart = Math.max(partition.logStart, waiter.offset);
}
