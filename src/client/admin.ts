/**
 * What an operator asks for: topics, offsets, counters, a sign of life. One request each.
 */

import type { ConfigEntry } from "../format/topic_config.ts";
import type { ReplyOf } from "../native/operations.ts";
import { type AdminPort, ConnectionPort } from "./admin_port.ts";
import { Connection } from "./connection.ts";

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
  readonly #port: AdminPort;

  /** `client.admin`, or one on a single connection. */
  constructor(port: AdminPort | Connection) {
    this.#port = port instanceof Connection ? new ConnectionPort(port) : port;
  }

  /** Creates a topic; its id comes back when it is durable and open. */
  async createTopic(name: string, options: CreateTopicOptions = {}): Promise<string> {
    const config = (options.config ?? []).map(({ key, value }) => ({ key, value }));
    const partitions = options.partitions ?? 1;
    const values = { name, partitions, config };
    return (await this.#port.request("create_topic", values, false)).topicId;
  }

  /** Deletes a topic; settles when that is durable. */
  async deleteTopic(name: string): Promise<void> {
    await this.#port.request("delete_topic", { name }, false);
    this.#port.forget(name);
  }

  /**
   * The nodes, and the topics named (all without names). A topic that is not there has an `error`.
   */
  metadata(names: readonly string[] = []): Promise<Metadata> {
    const topics = names.map((name) => ({ name }));
    return this.#port.request("metadata", { topics }, true);
  }

  /** All topics, sorted by name. */
  async topics(): Promise<TopicDescription[]> {
    return (await this.metadata()).topics;
  }

  /** The ends of a partition. */
  offsets(topic: string, partition: number): Promise<PartitionOffsets> {
    return this.#port.requestOf("offsets", topic, partition, {}, true);
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
    const values = { offset: offset === "end" ? VISIBLE_END : offset };
    const reply = await this.#port.requestOf("delete_records", topic, partition, values, false);
    return reply.logStart;
  }

  /**
   * The first record whose timestamp is `timestampMs` or later; when there is none, the visible
   * end and timestamp -1.
   */
  offsetForTime(topic: string, partition: number, timestampMs: number): Promise<OffsetForTime> {
    const values = { timestamp: timestampMs };
    return this.#port.requestOf("offset_for_time", topic, partition, values, true);
  }

  /** Counters of the node, in the broker's order. */
  async stats(): Promise<Counter[]> {
    return (await this.#port.request("stats", {}, true)).counters;
  }

  /** Milliseconds that a question and its answer took. */
  async ping(): Promise<number> {
    const startedMs = performance.now();
    await this.#port.request("ping", {}, true);
    return performance.now() - startedMs;
  }
}
