/**
 * What an operator asks for: topics, offsets, counters, a sign of life. One request each, nothing
 * kept but the handles of partitions that were asked about.
 */

import type { ConfigEntry } from "../format/topic_config.ts";
import { operation, type ReplyOf } from "../native/operations.ts";
import type { Connection } from "./connection.ts";

export type Metadata = ReplyOf<"metadata">;
export type TopicDescription = Metadata["topics"][number];
export type PartitionOffsets = ReplyOf<"offsets">;
export type OffsetForTime = ReplyOf<"offset_for_time">;
export type Counter = ReplyOf<"stats">["counters"][number];

/** In place of an offset: everything that is visible. */
const VISIBLE_END = -1;

export interface CreateTopicOptions {
  readonly partitions?: number | undefined;
  readonly config?: readonly ConfigEntry[] | undefined;
}

export class Admin {
  readonly connection: Connection;
  readonly #handles: Map<string, number> = new Map();

  constructor(connection: Connection) {
    this.connection = connection;
  }

  /** Creates a topic; its id comes back when it is durable and open. */
  async createTopic(name: string, options: CreateTopicOptions = {}): Promise<string> {
    const config = (options.config ?? []).map(({ key, value }) => ({ key, value }));
    const partitions = options.partitions ?? 1;
    const reply = await this.connection.request(operation("create_topic"), {
      name,
      partitions,
      config,
    });
    return reply.topicId;
  }

  /** Deletes a topic; settles when that is durable. */
  async deleteTopic(name: string): Promise<void> {
    await this.connection.request(operation("delete_topic"), { name });
    for (const key of this.#handles.keys()) {
      if (key.slice(0, key.lastIndexOf("/")) === name) this.#handles.delete(key);
    }
  }

  /**
   * The nodes, and the topics named (all without names). A topic that is not there has an `error`.
   */
  metadata(names: readonly string[] = []): Promise<Metadata> {
    const topics = names.map((name) => ({ name }));
    return this.connection.request(operation("metadata"), { topics });
  }

  /** All topics, sorted by name. */
  async topics(): Promise<TopicDescription[]> {
    return (await this.metadata()).topics;
  }

  async offsets(topic: string, partition: number): Promise<PartitionOffsets> {
    const handle = await this.#handle(topic, partition);
    return await this.connection.request(operation("offsets"), { handle });
  }

  /**
   * Deletes the records below `offset`, or all that are visible; settles with the first offset
   * when that is durable.
   */
  async deleteRecords(
    topic: string,
    partition: number,
    offset: number | "end",
  ): Promise<number> {
    const handle = await this.#handle(topic, partition);
    const below = offset === "end" ? VISIBLE_END : offset;
    const row = operation("delete_records");
    return (await this.connection.request(row, { handle, offset: below })).logStart;
  }

  /**
   * The first record whose timestamp is `timestampMs` or later; when there is none, the visible
   * end and timestamp -1.
   */
  async offsetForTime(
    topic: string,
    partition: number,
    timestampMs: number,
  ): Promise<OffsetForTime> {
    const handle = await this.#handle(topic, partition);
    const row = operation("offset_for_time");
    return await this.connection.request(row, { handle, timestamp: timestampMs });
  }

  /** Counters of the node, in the broker's order. */
  async stats(): Promise<Counter[]> {
    return (await this.connection.request(operation("stats"), {})).counters;
  }

  /** Milliseconds that a question and its answer took. */
  async ping(): Promise<number> {
    const startedMs = performance.now();
    await this.connection.request(operation("ping"), {});
    return performance.now() - startedMs;
  }

  async #handle(topic: string, partition: number): Promise<number> {
    const key = `${topic}/${partition}`;
    const known = this.#handles.get(key);
    if (known !== undefined) return known;
    const row = operation("open_partition");
    const { handle } = await this.connection.request(row, { topic, partition });
    this.#handles.set(key, handle);
    return handle;
  }
}
