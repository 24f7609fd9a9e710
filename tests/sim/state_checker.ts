/**
 * The checker of what a partition knows beside its log: producers, epochs and times, each against
 * what the model derives from the log alone.
 */
import type { Partition } from "../../src/log/partition.ts";
import { offsetForTime } from "../../src/log/time_lookup.ts";
import type { PartitionModel } from "./model.ts";
import { violated } from "./violation.ts";

/** The five last batches of every producer, as the log has them: neither less nor more. */
export function checkProducers(partition: PartitionModel, log: Partition): void {
  const { name, producers } = partition;
  const remembered: Set<number> = new Set();
  log.producers.each((producerId, epoch, batch) => {
    remembered.add(batch.baseOffset);
    const entry = partition.find(batch.baseOffset);
    const attempt = entry?.attempt;
    const isRight = entry !== null && entry.base === batch.baseOffset &&
      entry.end === batch.lastOffset + 1 && attempt!.producerId === producerId &&
      attempt!.producerEpoch === epoch && attempt!.sequence === batch.firstSequence;
    if (!isRight) {
      const what = `producer ${producerId}, epoch ${epoch}, sequence ${batch.firstSequence}`;
      violated("P", `${name}: ${what} is remembered at ${batch.baseOffset}, the log has none`);
    }
  });
  for (const [producerId, { window }] of producers.known) {
    for (const entry of window) {
      if (remembered.has(entry.base) || producers.isVague(entry)) continue;
      violated("P", `${name}: the batch of producer ${producerId} at ${entry.base} is forgotten`);
    }
  }
}

/** The epochs that are on record are those of the batches (and epochs of batches never fall). */
export function checkEpochs(partition: PartitionModel, log: Partition): void {
  const { name, entries } = partition;
  const lines = log.epochs.entries;
  let line = -1;
  let before = -1;
  for (const { base, epoch } of entries) {
    if (epoch < before) violated("E", `${name}: epoch ${epoch} at ${base} after ${before}`);
    before = epoch;
    if (base < log.logStart) continue;
    while (line + 1 < lines.length && lines[line + 1]!.startOffset <= base) line += 1;
    const recorded = line < 0 ? -1 : lines[line]!.epoch;
    if (recorded !== epoch) {
      violated("E", `${name}: the batch at ${base} is of epoch ${epoch}, on record is ${recorded}`);
    }
  }
}

/** What the wall clock may decide. */
export interface Clock {
  readonly wallMs: number;
  /** It ran in step with the monotonic clock for long enough. */
  readonly isTrusted: boolean;
}

/**
 * Retention asks for a higher log start: what goes is above the size that the topic keeps, or older
 * than it keeps, by a clock that is trusted.
 */
export function checkRetention(partition: PartitionModel, log: Partition, clock: Clock): void {
  const { name, entries, logStart } = partition;
  const { retentionBytes, retentionMs } = log.config;
  const wanted = log.logStartWanted;
  let after = 0;
  for (const { base, attempt } of entries) if (base >= logStart) after += attempt.bytes.length;
  const before = clock.isTrusted ? clock.wallMs - retentionMs : -Infinity;
  for (const { base, attempt, takenMs } of entries) {
    if (base < logStart || base >= wanted) continue;
    after -= attempt.bytes.length;
    if (after >= retentionBytes || Math.min(attempt.timestamp, takenMs) < before) continue;
    const words = `timestamp ${attempt.timestamp}, taken at ${takenMs}, now ${clock.wallMs}`;
    violated(
      "C1",
      `${name}: retention takes the batch at ${base} (${words}), ${after} bytes follow`,
    );
  }
}

/** A time finds the first record that is as new, exactly. */
export function checkTime(partition: PartitionModel, log: Partition, timestamp: number): void {
  const found = offsetForTime(log, timestamp);
  const { name } = partition;
  if (typeof found === "number") violated("C11", `${name}: time ${timestamp} gave error ${found}`);
  const expected = firstAt(partition, log, timestamp);
  const offset = found === null ? -1 : found.offset;
  if (offset !== expected) {
    violated("C11", `${name}: time ${timestamp} is offset ${expected}, the lookup says ${offset}`);
  }
}

function firstAt(partition: PartitionModel, log: Partition, timestamp: number): number {
  for (const { base, end, attempt } of partition.entries) {
    if (end <= log.logStart || end > log.visible.offset) continue;
    for (let offset = Math.max(base, log.logStart); offset < end; offset += 1) {
      if (attempt.timestamp + offset - base >= timestamp) return offset;
    }
  }
  return -1;
}
