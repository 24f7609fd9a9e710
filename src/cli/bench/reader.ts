/**
 * Consumers of a bench: at the tail while records come, and from the beginning afterwards. Both
 * check every record against its chain.
 */

import type { Connection } from "../../client/connection.ts";
import { type Fetched, PartitionConsumer } from "../../client/partition_consumer.ts";
import { ChainReader, type Fault } from "./chain.ts";
import type { Figures, Window } from "./figures.ts";

export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

/** What is wrong with what was read, by kind. */
export type Faults = Map<Exclude<Fault, "">, number>;

/** All of what one consumer has read. */
export class Reader {
  bytes = 0;
  readonly faults: Faults = new Map();
  readonly #chains: ChainReader = new ChainReader();
  readonly #figures: Figures | null;
  readonly #window: Window;

  /** `figures` take the latencies, from when a record was due to when it was read here. */
  constructor(window: Window, figures: Figures | null) {
    this.#window = window;
    this.#figures = figures;
  }

  get records(): number {
    return this.#chains.count;
  }

  /** Follows the partitions from their beginning until `signal`. Settles when that has come. */
  async follow(
    connection: Connection,
    partitions: readonly PartitionName[],
    signal: AbortSignal,
  ): Promise<{ readonly ended: Promise<void> }> {
    const ends: Promise<void>[] = [];
    for (const { topic, partition } of partitions) {
      const consumer = await PartitionConsumer.open(connection, topic, partition);
      ends.push(this.#takeAll(consumer.subscribe({ signal })));
    }
    const ended = Promise.all(ends).then(() => {});
    ended.catch(() => {}); // seen when it is awaited
    return { ended };
  }

  /** Reads the partitions one after another, from the beginning to the end or until `signal`. */
  async catchUp(
    connection: Connection,
    partitions: readonly PartitionName[],
    signal: AbortSignal,
  ): Promise<void> {
    for (const { topic, partition } of partitions) {
      if (signal.aborted) return;
      const consumer = await PartitionConsumer.open(connection, topic, partition);
      await this.#takeAll(consumer.fetches({ signal }));
    }
  }

  async #takeAll(pieces: AsyncIterable<Fetched>): Promise<void> {
    for await (const { records } of pieces) {
      const nowMs = performance.now();
      while (records.next()) {
        const { block, valueStart, valueEnd } = records;
        const fault = this.#chains.take(block, valueStart, valueEnd);
        if (fault !== "") this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1);
        const dueMs = this.#window.beganMs + this.#chains.intendedUs / 1000;
        this.bytes += valueEnd - valueStart;
        this.#figures?.add(dueMs, nowMs, valueEnd - valueStart);
      }
    }
  }
}
