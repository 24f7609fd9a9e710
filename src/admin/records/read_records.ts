/**
 * Reads what is there from positions on, up to limits, and waits for a moment where there is
 * nothing.
 *
 *     partition 0: its share of the records -> 1: its share of what is left -> … -> all of it
 *
 * Every partition has a share, so that who goes on from where an answer ended gets to all of them
 * however much comes in the first.
 *
 * Invariant: the positions that are given back are behind exactly the records that are given.
 */

import type { Connection } from "../../client/connection.ts";
import type { JsonWriter } from "../../client/json_writer.ts";
import { type FetchedOnce, PartitionConsumer } from "../../client/partition_consumer.ts";
import { viewOf, writeRecord } from "../../client/record_json.ts";
import { HTTP_DECOMPRESSED_SIZE_MAX } from "../../limits.ts";
import type { Begin } from "./start.ts";

export interface ReadLimits {
  readonly records: number;
  /** Of batches as they are fetched, and of text that is made of them. */
  readonly bytes: number;
  readonly waitMs: number;
}

/** Where records are written as JSON, and what stands between two of them. */
export interface RecordSink {
  readonly out: JsonWriter;
  readonly between: string;
}

export interface Taken {
  /** How many were written. */
  readonly records: number;
  /** Where the next one begins. */
  readonly positions: Map<number, number>;
}

/** `connection`: the caller's, with nothing else on it. Throws BrokerError, CorruptBatchError. */
export async function readRecords(
  connection: Connection,
  topic: string,
  begin: Begin,
  limits: ReadLimits,
  sink: RecordSink,
): Promise<Taken> {
  const reading = new Reading(connection, topic, begin.positions, limits, sink);
  const there = [...begin.positions].filter(([partition, offset]) => {
    return offset < begin.partitions[partition]!.visibleEnd;
  }).map(([partition]) => partition);
  await reading.take(there);
  if (reading.isEmpty && limits.waitMs > 0) await reading.take(await reading.wait());
  return { records: reading.records, positions: reading.positions };
}

/** The batches of one partition as they lie on disk, from the one that holds the offset on. */
export async function readBatches(
  connection: Connection,
  topic: string,
  [partition, offset]: readonly [number, number],
  limits: Omit<ReadLimits, "records">,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; positions: Map<number, number> }> {
  const consumer = await PartitionConsumer.open(connection, topic, partition);
  const options = { maxBytes: limits.bytes, maxWaitMs: limits.waitMs };
  const fetched = await consumer.fetch(offset, options);
  const bytes = fetched.batches.slice();
  fetched.release();
  return { bytes, positions: new Map([[partition, fetched.nextOffset]]) };
}

class Reading {
  records = 0;
  readonly positions: Map<number, number>;
  readonly #connection: Connection;
  readonly #topic: string;
  readonly #limits: ReadLimits;
  readonly #sink: RecordSink;
  readonly #consumers: Map<number, Promise<PartitionConsumer>> = new Map();
  #bytes = 0;

  constructor(
    connection: Connection,
    topic: string,
    positions: ReadonlyMap<number, number>,
    limits: ReadLimits,
    sink: RecordSink,
  ) {
    this.#connection = connection;
    this.#topic = topic;
    this.positions = new Map(positions);
    this.#limits = limits;
    this.#sink = sink;
  }

  get isEmpty(): boolean {
    return this.records === 0;
  }

  /** Reads partitions that have something, each its share. */
  async take(partitions: readonly number[]): Promise<void> {
    for (const [index, partition] of partitions.entries()) {
      const others = partitions.length - index;
      const records = Math.ceil((this.#limits.records - this.records) / others);
      const bytes = Math.ceil((this.#limits.bytes - this.#bytes) / others);
      if (records > 0 && bytes > 0) await this.#takeShare(partition, records, bytes);
    }
  }

  /** The partitions that have something when the first of them has. */
  async wait(): Promise<number[]> {
    const found: number[] = [];
    let left = this.positions.size;
    await new Promise<void>((resolve, reject) => {
      for (const [partition, offset] of this.positions) {
        this.#fetch(partition, offset, 1, this.#limits.waitMs).then((fetched) => {
          if (fetched.nextOffset > offset) found.push(partition);
          fetched.release();
          left -= 1;
          if (left === 0 || found.length > 0) resolve();
        }, reject);
      }
    });
    return found;
  }

  async #takeShare(partition: number, records: number, bytes: number): Promise<void> {
    const recordsEnd = this.records + records;
    const bytesEnd = this.#bytes + bytes;
    const isRoom = (): boolean => this.records < recordsEnd && this.#bytes < bytesEnd;
    while (isRoom()) {
      const offset = this.positions.get(partition)!;
      const fetched = await this.#fetch(partition, offset, bytesEnd - this.#bytes, 0);
      try {
        if (fetched.nextOffset === offset) return;
        this.#takeFetched(partition, fetched, isRoom);
      } finally {
        fetched.release();
      }
    }
  }

  #takeFetched(
    partition: number,
    { records, nextOffset }: FetchedOnce,
    isRoom: () => boolean,
  ): void {
    const { out, between } = this.#sink;
    records.decompressedSizeMax = HTTP_DECOMPRESSED_SIZE_MAX;
    while (records.next()) {
      const before = out.size;
      if (this.records > 0) out.text(between);
      writeRecord(out, viewOf(records, this.#topic, partition));
      this.records += 1;
      this.#bytes += out.size - before;
      this.positions.set(partition, records.offset + 1);
      if (!isRoom()) return;
    }
    this.positions.set(partition, nextOffset);
  }

  async #fetch(
    partition: number,
    offset: number,
    maxBytes: number,
    maxWaitMs: number,
  ): Promise<FetchedOnce> {
    let opening = this.#consumers.get(partition);
    if (opening === undefined) {
      opening = PartitionConsumer.open(this.#connection, this.#topic, partition);
      this.#consumers.set(partition, opening);
    }
    return await (await opening).fetch(offset, { maxBytes, maxWaitMs });
  }
}
