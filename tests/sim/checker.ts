/**
 * The checker of logs: what a consumer reads against what the model knows, after a start and while
 * the broker runs (docs, durability: C1 to C12).
 *
 * After a start the log must be the model's log, cut at one place: at or behind what had to
 * survive, with nothing missing before and nothing following. Where a write had failed before the
 * crash, a batch that it took back may stand at its old place.
 */
import type { Partition } from "../../src/log/partition.ts";
import { At, attemptOf, HEADER_SIZE, sameBatch } from "./attempt_bytes.ts";
import type { LogView } from "./log_view.ts";
import type { Entry, Model, PartitionModel } from "./model.ts";
import type { Prng } from "../support/prng.ts";
import { violated } from "./violation.ts";

const READ_SIZES = [1, 1000, 4000, 65536, 65536, 65536];

/** One batch in what was read. */
interface Seen {
  base: number;
  epoch: number;
  size: number;
}

const seen: Seen = { base: 0, epoch: 0, size: 0 };

/** Decodes the batch at `at` of what the view has read. */
function look(view: LogView, at: number, name: string): Seen {
  const data = view.view;
  if (at + HEADER_SIZE > view.size) violated("C3", `${name}: a slice ends in a header`);
  seen.base = data.getUint32(at) * 2 ** 32 + data.getUint32(at + 4);
  seen.epoch = data.getInt32(at + At.epoch);
  seen.size = data.getInt32(at + At.length) + At.epoch;
  if (seen.size < HEADER_SIZE || at + seen.size > view.size) {
    violated("C3", `${name}: no batch of ${seen.size} bytes fits a slice of ${view.size}`);
  }
  return seen;
}

/**
 * A start is over: compares the log with the model, and makes the model what the log is.
 * `mustReach`: what the crash may not have taken.
 */
export function checkRecovered(
  model: Model,
  partition: PartitionModel,
  log: Partition,
  view: LogView,
  prng: Prng,
  mustReach: number,
): void {
  const { name, entries } = partition;
  if (log.degraded !== "") violated("C1", `${name} is degraded: ${log.degraded}`);
  checkLogStart(partition, log);
  const end = log.visible.offset;
  if (end < mustReach) {
    violated("C1", `${name} ends at ${end}, ${lostText(partition, end, mustReach)}`);
  }
  const scan = model.nextScan();
  const first = entries.findIndex((entry) => entry.end > log.logStart);
  const kept = entries.slice(0, first < 0 ? entries.length : first);
  const maxBytes = prng.pick(READ_SIZES);
  let offset = log.logStart;
  let isFirst = true;
  while (offset < end) {
    const error = view.read(log, offset, maxBytes);
    if (error !== 0) violated("C1", `${name}: reading at ${offset} gave error ${error}`);
    if (view.size === 0) violated("C1", `${name}: nothing at ${offset}, and the end is ${end}`);
    for (let at = 0; at < view.size; at += seen.size) {
      const { base } = look(view, at, name);
      const entry = recognise(model, partition, view, at);
      if (isFirst ? base > offset || entry.end <= offset : base !== offset) {
        violated("C3", `${name}: a batch at ${base} where ${offset} follows`);
      }
      if (entry.attempt.seenBy === scan) violated("C5", `${name}: ${text(entry)} is there twice`);
      entry.attempt.seenBy = scan;
      kept.push(entry);
      offset = entry.end;
      isFirst = false;
    }
  }
  if (offset > end) violated("C3", `${name}: a batch ends at ${offset}, the log at ${end}`);
  settle(partition, kept, log);
}

/** The entry that this batch is, by the model; else it says what is wrong with it. */
function recognise(model: Model, partition: PartitionModel, view: LogView, at: number): Entry {
  const { base, epoch, size } = seen;
  const expected = partition.find(base);
  if (expected !== null && isEntry(expected, view, at)) return expected;
  for (let i = partition.ghosts.length - 1; i >= 0; i -= 1) {
    const ghost = partition.ghosts[i]!;
    if (isEntry(ghost, view, at)) return ghost;
  }
  const number = attemptOf(view.view, at, size);
  const attempt = model.attempts[number];
  const where = `${partition.name} at ${base}, epoch ${epoch}`;
  if (attempt === undefined || !sameBatch(view.bytes, at, attempt.bytes)) {
    const wanted = expected === null ? "" : `, where ${text(expected)} was`;
    return violated("C2", `${where}: ${size} bytes that nobody sent${wanted}`);
  }
  const what = `batch ${number} of ${size} bytes`;
  if (attempt.dropped) return violated("C12", `${where}: ${what} is back`);
  const other = expected === null ? "nothing" : text(expected);
  if (attempt.entry === null) return violated("C4", `${where}: ${what} was never taken`);
  return violated("C7", `${where}: ${what}, where ${other} was`);
}

function isEntry(entry: Entry, view: LogView, at: number): boolean {
  return entry.base === seen.base && entry.epoch === seen.epoch &&
    entry.attempt.bytes.length === seen.size && sameBatch(view.bytes, at, entry.attempt.bytes);
}

function text({ attempt, base, epoch }: Entry): string {
  return `batch ${attempt.number} (offset ${base}, epoch ${epoch})`;
}

function lostText(partition: PartitionModel, end: number, mustReach: number): string {
  const lost = partition.entries.filter((entry) => entry.base >= end && entry.base < mustReach);
  const acked = lost.filter(({ attempt }) => attempt.ackedAt >= 0).map(text);
  const what = acked.length > 0
    ? `acknowledged: ${acked.join(", ")}`
    : "seen by consumers or claimed";
  return `but everything below ${mustReach} had to survive (${what})`;
}

function checkLogStart(partition: PartitionModel, log: Partition): void {
  const { name, logStart, logStartWanted } = partition;
  if (log.logStart < logStart) {
    violated("C9", `${name}: the log start was ${logStart} and is ${log.logStart}`);
  }
  if (log.logStart > logStartWanted) {
    const asked = `nobody asked for more than ${logStartWanted}`;
    violated("C1", `${name}: the log start is ${log.logStart}, ${asked}`);
  }
}

/** The model becomes what was found; what was not found is dropped for good. */
function settle(partition: PartitionModel, kept: Entry[], log: Partition): void {
  for (const entry of partition.entries) {
    if (entry.attempt.entry === entry) entry.attempt.entry = null;
    entry.attempt.dropped = true;
  }
  for (const entry of partition.ghosts) entry.attempt.dropped = true;
  for (const entry of kept) {
    entry.attempt.entry = entry;
    entry.attempt.dropped = false;
  }
  partition.entries = kept;
  partition.ghosts.length = 0;
  partition.durableEnd = log.visible.offset;
  partition.writtenEnd = log.visible.offset;
  partition.logStart = log.logStart;
  partition.logStartWanted = log.logStart;
  partition.shownBefore = 0;
  partition.producers.restart(kept, log.logStart);
}

/**
 * What a fetch from `offset` has brought, while the broker runs: the batch that holds the offset
 * and those that follow, as the model has them. At level fsync what was seen must survive.
 */
export function checkRead(
  partition: PartitionModel,
  log: Partition,
  view: LogView,
  offset: number,
): void {
  const { name } = partition;
  let next = -1;
  for (let at = 0; at < view.size; at += seen.size) {
    const { base } = look(view, at, name);
    const entry = partition.find(base);
    if (entry === null || !isEntry(entry, view, at)) {
      const wanted = entry === null ? "nothing" : text(entry);
      violated("C2", `${name}: the fetch at ${offset} gave, at ${base}, what is not ${wanted}`);
    }
    if (next < 0 ? entry.end <= offset || base > offset : base !== next) {
      violated("C3", `${name}: the fetch at ${offset} gave a batch at ${base}`);
    }
    next = entry.end;
  }
  if (next > log.visible.offset) violated("C7", `${name}: bytes above the visible end are shown`);
  partition.shown(next);
}

/** Every lookup of an offset finds the batch where a scan finds it (C11). */
export function checkLookups(
  partition: PartitionModel,
  log: Partition,
  view: LogView,
  step: number,
): void {
  const { name, entries } = partition;
  let segment = -1;
  let position = 0;
  for (const entry of entries) {
    if (entry.end > log.visible.offset) return;
    const holder = log.segments.findLast(({ baseOffset }) => baseOffset <= entry.base);
    if (holder === undefined) continue;
    if (holder.baseOffset !== segment) {
      segment = holder.baseOffset;
      position = sizeBefore(entries, segment, entry);
    }
    for (let offset = entry.base; offset < entry.end; offset += step) {
      if (offset < log.logStart) continue;
      const error = view.locate(log, offset);
      if (error === 0 && view.position === position) continue;
      const found = `${view.position}, error ${error}`;
      violated("C11", `${name}: offset ${offset} is at ${position}, the lookup says ${found}`);
    }
    position += entry.attempt.bytes.length;
  }
}

/** Bytes of the batches of a segment that stand before `entry`. */
function sizeBefore(entries: readonly Entry[], segment: number, entry: Entry): number {
  let size = 0;
  for (const { base, attempt } of entries) {
    if (base >= segment && base < entry.base) size += attempt.bytes.length;
  }
  return size;
}
