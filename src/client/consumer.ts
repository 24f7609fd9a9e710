/**
 * Consumes partitions, one record or one batch at a time, from where its group stands.
 *
 *     feeds (one per partition) -> ready, in turn -> the loop's body -> finished -> committed
 *
 * A record is finished when the loop asks for the next one. When the loop is left in the middle
 * (break, an error), the record in its body is not finished: with automatic commits it is not
 * committed, and the next loop begins with it.
 *
 * Invariant: records of a partition come in the order of their offsets, without one left out or
 * given twice, but for seeks, jumps that `onReset` hears of, and what was not finished.
 */

import { clearInterval, setInterval } from "node:timers";
import type { Cluster } from "./cluster.ts";
import { Committer, type PartitionOffset } from "./committer.ts";
import {
  type ConsumerSettings,
  feedShape,
  type PartitionStart,
  type StartPoint,
} from "./consumer_options.ts";
import { ClosedError, InvalidOptionError, type SluiceError } from "./errors.ts";
import { PartitionFeed } from "./partition_feed.ts";
import type { ConsumerRecord } from "./record.ts";
import type { RecordReader } from "./record_reader.ts";
import { keyOf, type TopicPartition } from "./topic_partition.ts";

/** What was pushed at once. Valid until the next step of the iteration. */
export interface ConsumerBatch {
  readonly topic: string;
  readonly partition: number;
  /** Stands before the first record; no object is made for a record. */
  readonly records: RecordReader;
  /** Where the next batch begins. */
  readonly nextOffset: number;
}

/** How far a consumer is in a partition. */
export interface PartitionLag extends TopicPartition {
  /** The offset of the next record. */
  readonly position: number;
  /** One above the last offset that a consumer sees. */
  readonly visibleEnd: number;
  /** Records between the two, as offsets count them. */
  readonly lag: number;
}

/** What the loop's body has got. */
interface Unfinished {
  readonly feed: PartitionFeed;
  readonly offset: number;
  readonly generation: number;
}

/** Made by `client.consumer()`. */
export class Consumer implements AsyncIterable<ConsumerRecord> {
  readonly #cluster: Cluster;
  readonly #settings: ConsumerSettings;
  readonly #committer: Committer | null;
  readonly #feeds: Map<string, PartitionFeed> = new Map();
  /** Feeds that may have something, in turn. */
  readonly #ready: Set<PartitionFeed> = new Set();
  readonly #refresher: ReturnType<typeof setInterval>;
  #wake: (() => void) | null = null;
  #failure: SluiceError | null = null;
  #isIterating = false;
  #closing: Promise<void> | null = null;
  readonly #closed: (consumer: Consumer) => void;
  readonly #signal: AbortSignal | undefined;
  /** Where its last commit fails, `close` tells. */
  readonly #abort = (): void => void this.close().catch(() => {});

  private constructor(
    cluster: Cluster,
    settings: ConsumerSettings,
    signal: AbortSignal | undefined,
    closed: (consumer: Consumer) => void,
  ) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.#signal = signal;
    this.#closed = closed;
    signal?.addEventListener("abort", this.#abort, { once: true });
    const { group, commit, commitIntervalMs } = settings;
    const intervalMs = commit === "auto" ? commitIntervalMs : null;
    const failed = (error: SluiceError): void => this.#fail(error);
    this.#committer = group === null
      ? null
      : new Committer(cluster, group, () => this.#finished(), intervalMs, failed);
    this.#refresher = setInterval(() => {
      this.#assign().catch(() => {}); // as it was, then
    }, cluster.options.metadataMaxAgeMs);
    this.#refresher.unref();
  }

  /** `client.consumer()` calls it. Throws BrokerError for a topic that there is not. */
  static async begin(
    cluster: Cluster,
    settings: ConsumerSettings,
    signal: AbortSignal | undefined,
    closed: (consumer: Consumer) => void = () => {},
  ): Promise<Consumer> {
    const consumer = new Consumer(cluster, settings, signal, closed);
    if (signal?.aborted) consumer.#abort();
    try {
      await consumer.#assignUntilAborted();
    } catch (error) {
      await consumer.close();
      throw error;
    }
    return consumer;
  }

  /**
   * Iterates records without end, until `close` or the signal.
   *
   * @example Read three records from the beginning of a topic.
   * ```ts
   * import { Client } from "sluice/client";
   *
   * const client = await Client.connect({ brokers: ["127.0.0.1:7400"] });
   * await client.admin.createTopic("consume-example");
   * const producer = await client.producer();
   * for (const value of ["one", "two", "three"]) {
   *   await producer.send({ topic: "consume-example", value });
   * }
   * const consumer = await client.consumer({ topics: ["consume-example"] });
   * for await (const record of consumer) {
   *   console.log(`${record.offset}: ${record.text()}`);
   *   if (record.offset === 2) break;
   * }
   * await client.close();
   * ```
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerRecord, void, void> {
    this.#begin();
    let unfinished: Unfinished | null = null;
    try {
      for (let feed = await this.#next(); feed !== null; feed = await this.#next()) {
        while (this.#closing === null && feed.next()) {
          const { generation } = feed;
          const record = feed.record();
          unfinished = { feed, offset: record.offset, generation };
          yield record;
          unfinished = null;
          if (feed.generation !== generation) break;
          feed.finished = Math.max(feed.finished, record.offset + 1);
        }
        this.#ready.add(feed);
      }
    } finally {
      this.#isIterating = false;
      if (unfinished !== null) this.#leave(unfinished);
    }
  }

  /**
   * Iterates what was pushed, a batch or more at once, without an object for each record: for
   * those who want every record a second that there is.
   *
   * @example Count bytes.
   * ```ts
   * import { Client } from "sluice/client";
   *
   * const client = await Client.connect({ brokers: ["127.0.0.1:7400"] });
   * await client.admin.createTopic("batches-example");
   * const producer = await client.producer();
   * await producer.send({ topic: "batches-example", value: "12345" });
   * const consumer = await client.consumer({ topics: ["batches-example"] });
   * for await (const { records } of consumer.batches()) {
   *   let bytes = 0;
   *   while (records.next()) bytes += records.valueEnd - records.valueStart;
   *   console.log(`${bytes} bytes`);
   *   break;
   * }
   * await client.close();
   * ```
   */
  async *batches(): AsyncGenerator<ConsumerBatch, void, void> {
    this.#begin();
    let unfinished: Unfinished | null = null;
    try {
      for (let feed = await this.#next(); feed !== null; feed = await this.#next()) {
        const { topic, partition, records, bodyEnd, generation } = feed;
        unfinished = { feed, offset: feed.position, generation };
        feed.position = bodyEnd;
        feed.isLent = true;
        yield { topic, partition, records, nextOffset: bodyEnd };
        feed.isLent = false;
        unfinished = null;
        if (feed.generation === generation) feed.closeBody();
        this.#ready.add(feed);
      }
    } finally {
      this.#isIterating = false;
      if (unfinished !== null) {
        unfinished.feed.isLent = false;
        this.#leave(unfinished);
      }
    }
  }

  /**
   * Commits what was given so far, the record in the loop's body included; or the offsets that are
   * named. Settles when that is durable.
   */
  async commit(offsets?: readonly PartitionOffset[]): Promise<void> {
    if (this.#committer === null) {
      throw new InvalidOptionError("group", null, "a name, where offsets are committed");
    }
    if (offsets !== undefined) return await this.#committer.commit(offsets);
    for (const feed of this.#feeds.values()) feed.finished = feed.position;
    await this.#committer.commit(this.#finished());
  }

  /** Goes on elsewhere in a partition; what was pushed from where it was is dropped. */
  seek(topic: string, partition: number, target: StartPoint): void {
    this.#feed(topic, partition).seek(target);
  }

  /** Gives nothing of these partitions until `resume`. The broker stops pushing by itself. */
  pause(topic?: string, partition?: number): void {
    for (const feed of this.#matching(topic, partition)) feed.isPaused = true;
  }

  resume(topic?: string, partition?: number): void {
    for (const feed of this.#matching(topic, partition)) {
      feed.isPaused = false;
      this.#changed(feed);
    }
  }

  /** How far behind the end it is, partition by partition; asks the broker for the ends. */
  async lag(): Promise<PartitionLag[]> {
    return await Promise.all(
      [...this.#feeds.values()].map(async ({ topic, partition, position }) => {
        const ends = await this.#cluster.requestOf("offsets", topic, partition, {}, true);
        const from = position < 0 ? ends.logStart : position;
        const lag = Math.max(0, ends.visibleEnd - Math.max(from, ends.logStart));
        return { topic, partition, position, visibleEnd: ends.visibleEnd, lag };
      }),
    );
  }

  /** The partitions, and the offset of the next record of each; -1 until it is known. */
  get positions(): PartitionOffset[] {
    return [...this.#feeds.values()].map(({ topic, partition, position, leaderEpoch }) => {
      return { topic, partition, offset: position, leaderEpoch };
    });
  }

  /**
   * Ends the iteration. With automatic commits, what the loop has finished is committed. Throws
   * where that failed.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#refresher);
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#wake?.();
    try {
      await this.#committer?.close(this.#settings.commit === "auto");
    } finally {
      for (const feed of this.#feeds.values()) feed.close();
      this.#closed(this);
    }
  }

  /** The broker may be slow to say what there is; who aborts does not wait for it. */
  async #assignUntilAborted(): Promise<void> {
    const signal = this.#signal;
    if (signal === undefined) return await this.#assign();
    if (signal.aborted) return;
    let abort = (): void => {};
    const aborted = new Promise<void>((resolve) => (abort = resolve));
    signal.addEventListener("abort", abort, { once: true });
    await Promise.race([this.#assign(), aborted])
      .finally(() => signal.removeEventListener("abort", abort));
  }

  /** Makes the feeds of partitions that it has none for yet. */
  async #assign(): Promise<void> {
    const wanted: PartitionStart[] = [...this.#settings.partitions];
    for (const topic of this.#settings.topics) {
      const { leaders } = await this.#cluster.repeated(true, () => this.#cluster.learn(topic));
      leaders.forEach((_, partition) => wanted.push({ topic, partition }));
    }
    const fresh = wanted.filter(({ topic, partition }) =>
      !this.#feeds.has(keyOf(topic, partition))
    );
    if (fresh.length === 0) return;
    const committed = await this.#committer?.load(fresh) ?? new Map<string, number>();
    const shape = feedShape(this.#settings, this.#feeds.size + fresh.length);
    for (const { topic, partition, from } of fresh) {
      const key = keyOf(topic, partition);
      if (this.#closing !== null || this.#feeds.has(key)) continue;
      const start = committed.get(key) ?? from ?? this.#settings.from;
      const changed = (feed: PartitionFeed): void => this.#changed(feed);
      this.#feeds.set(
        key,
        new PartitionFeed(this.#cluster, topic, partition, start, shape, changed),
      );
    }
  }

  #begin(): void {
    if (this.#isIterating) {
      throw new InvalidOptionError("the iteration", "running", "the only one of its consumer");
    }
    const isAborted = this.#signal?.aborted === true; // then the loop ends as it begins
    if (this.#closing !== null && !isAborted) throw new ClosedError("consumer");
    this.#isIterating = true;
  }

  /** The next feed with something to read; null when it was closed. Throws why it cannot go on. */
  async #next(): Promise<PartitionFeed | null> {
    for (;;) {
      if (this.#closing !== null) return null;
      if (this.#failure !== null) throw this.#failure;
      for (const feed of this.#ready) {
        if (feed.failure !== null) throw feed.failure;
        this.#ready.delete(feed);
        if (feed.open()) return feed;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = null;
    }
  }

  #changed(feed: PartitionFeed): void {
    this.#ready.add(feed);
    this.#wake?.();
  }

  #fail(error: SluiceError): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  /** The loop was left with a record, or a batch, in its body. */
  #leave({ feed, offset, generation }: Unfinished): void {
    this.#ready.add(feed);
    if (feed.generation !== generation) return;
    const isAutomatic = this.#committer !== null && this.#settings.commit === "auto";
    if (isAutomatic && feed.finished <= offset) feed.seek(offset);
    else if (feed.position === feed.bodyEnd) feed.closeBody();
  }

  #finished(): PartitionOffset[] {
    const finished: PartitionOffset[] = [];
    for (const feed of this.#feeds.values()) {
      const { topic, partition, finished: offset, leaderEpoch } = feed;
      if (offset >= 0) finished.push({ topic, partition, offset, leaderEpoch });
    }
    return finished;
  }

  #feed(topic: string, partition: number): PartitionFeed {
    const feed = this.#feeds.get(keyOf(topic, partition));
    if (feed !== undefined) return feed;
    throw new InvalidOptionError("partition", keyOf(topic, partition), "one that is consumed");
  }

  #matching(topic: string | undefined, partition: number | undefined): PartitionFeed[] {
    return [...this.#feeds.values()].filter((feed) => {
      const isTopic = topic === undefined || feed.topic === topic;
      return isTopic && (partition === undefined || feed.partition === partition);
    });
  }
}
