/**
 * Where `consume --group` begins and what it commits.
 *
 *     committed offset, or --from -> read, printed, written -> committed
 *
 * Invariant: only offsets of records that were written to standard output are committed.
 */

import type { Admin } from "../../client/admin.ts";

const COMMIT_MS = 5000;

export class GroupPosition {
  readonly #admin: Admin;
  readonly #group: string;
  readonly #topic: string;
  /** The next offset of each partition, and its epoch, that is not committed yet. */
  readonly #open: Map<number, { offset: number; leaderEpoch: number }> = new Map();
  #committedMs: number = performance.now();

  constructor(admin: Admin, group: string, topic: string) {
    this.#admin = admin;
    this.#group = group;
    this.#topic = topic;
  }

  /** The committed offsets of the partitions that have one. */
  async committed(partitions: readonly number[]): Promise<Map<number, number>> {
    const places = partitions.map((partition) => ({ topic: this.#topic, partition }));
    const offsets = await this.#admin.groupOffsets(this.#group, places);
    const known = offsets.filter(({ offset }) => offset >= 0);
    return new Map(known.map(({ partition, offset }) => [partition, offset]));
  }

  /** All records below `offset` are in the output's hands. */
  reached(partition: number, offset: number, leaderEpoch: number): void {
    this.#open.set(partition, { offset, leaderEpoch });
  }

  get isDue(): boolean {
    return this.#open.size > 0 && performance.now() - this.#committedMs >= COMMIT_MS;
  }

  /** Call it when the output is written. */
  async commit(): Promise<void> {
    const offsets = [...this.#open].map(([partition, at]) => {
      return { topic: this.#topic, partition, ...at };
    });
    this.#open.clear();
    this.#committedMs = performance.now();
    if (offsets.length > 0) await this.#admin.commitGroupOffsets(this.#group, offsets);
  }
}
