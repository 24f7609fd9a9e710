/**
 * Where `consume --group` begins and what it commits.
 *
 *     committed offset, or --from -> read, printed, written -> committed
 *
 * Invariant: only offsets of records that were written to standard output are committed.
 */

import type { Connection } from "../../client/connection.ts";
import { operation } from "../../native/operations.ts";
import { commitAll } from "../group.ts";

const COMMIT_MS = 5000;

export class GroupPosition {
  readonly #connection: Connection;
  readonly #group: string;
  readonly #topic: string;
  /** The next offset of each partition, and its epoch, that is not committed yet. */
  readonly #open: Map<number, { offset: number; leaderEpoch: number }> = new Map();
  #committedMs: number = performance.now();

  constructor(connection: Connection, group: string, topic: string) {
    this.#connection = connection;
    this.#group = group;
    this.#topic = topic;
  }

  /** The committed offsets of the partitions that have one. */
  async committed(partitions: readonly number[]): Promise<Map<number, number>> {
    const places = partitions.map((partition) => ({ topic: this.#topic, partition }));
    const { offsets } = await this.#connection.request(operation("fetch_offsets"), {
      group: this.#group,
      partitions: places,
    });
    const known = offsets.filter(({ error, offset }) => error === 0 && offset >= 0);
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
    if (offsets.length > 0) await commitAll(this.#connection, this.#group, offsets);
  }
}
