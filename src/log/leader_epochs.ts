/**
 * Leader epochs of one partition: which epoch began at which offset. A line is durable before the
 * first append of its epoch is acknowledged.
 *
 * Invariant: epochs grow strictly, start offsets never fall.
 */

import { assert } from "../base/assert.ts";
import { type EpochEntry, formatEpochs, parseEpochs } from "../format/checkpoint.ts";

export class LeaderEpochs {
  /** The latest epoch, or -1. Read for every batch. */
  latest = -1;
  #entries: readonly EpochEntry[] = [];

  /** From the file's text; false when it is not right, and then the log must tell. */
  load(text: string): boolean {
    const entries = parseEpochs(text);
    this.#set(entries ?? []);
    return entries !== null;
  }

  format(): string {
    return formatEpochs(this.#entries);
  }

  get entries(): readonly EpochEntry[] {
    return this.#entries;
  }

  /** The epoch of the record before `offset`, or null. */
  before(offset: number): number | null {
    return this.#entries.findLast(({ startOffset }) => startOffset < offset)?.epoch ?? null;
  }

  /** The first batch of `epoch` is at `startOffset`. True when the file must be written. */
  assign(epoch: number, startOffset: number): boolean {
    if (epoch === this.latest) return false;
    assert(epoch > this.latest, "epochs never fall");
    // An epoch that began where this one begins holds no record.
    const before = this.#entries.filter((entry) => entry.startOffset < startOffset);
    this.#set([...before, { epoch, startOffset }]);
    return true;
  }

  /** Takes back to what `entries` was before. */
  restore(entries: readonly EpochEntry[]): void {
    this.#set(entries);
  }

  /** The log ends at `end` now; what begins there has no record yet. True when it changed. */
  truncateAbove(end: number): boolean {
    if ((this.#entries[this.#entries.length - 1]?.startOffset ?? -1) <= end) return false;
    this.#set(this.#entries.filter((entry) => entry.startOffset <= end));
    return true;
  }

  /** The log begins at `start` now. True when something changed. */
  truncateStart(start: number): boolean {
    let first = 0;
    while (first + 1 < this.#entries.length && this.#entries[first + 1]!.startOffset <= start) {
      first += 1;
    }
    const [oldest] = this.#entries.slice(first);
    if (oldest === undefined) return false;
    if (first === 0 && oldest.startOffset >= start) return false;
    const startOffset = Math.max(oldest.startOffset, start);
    this.#set([{ epoch: oldest.epoch, startOffset }, ...this.#entries.slice(first + 1)]);
    return true;
  }

  #set(entries: readonly EpochEntry[]): void {
    this.#entries = entries;
    this.latest = entries[entries.length - 1]?.epoch ?? -1;
  }
}
