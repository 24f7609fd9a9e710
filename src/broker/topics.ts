/**
 * Topics and partitions of one shard, found by name. What a door holds of a partition is the
 * `TopicPartition`: the log, and who waits for it.
 */

import type { ConfigEntry, TopicConfig } from "../format/topic_config.ts";
import type { Partition } from "../log/partition.ts";
import { AppendWaiters } from "./append_waiters.ts";
import type { FetchWaiter } from "./fetch_waiters.ts";

export class TopicPartition {
  readonly topic: Topic;
  readonly index: number;
  /** Number of the partition in its shard: the tag of its syncs. */
  readonly number: number;
  readonly log: Partition;
  /** Producers that wait for the write, and for the sync. */
  readonly writtenWaiters: AppendWaiters = new AppendWaiters();
  readonly durableWaiters: AppendWaiters = new AppendWaiters();
  firstWaiter: FetchWaiter | null = null;
  /** In the list of partitions that this turn appended to. */
  appendQueued = false;
  /** In the list of partitions whose written end is above their durable end. */
  syncQueued = false;
  /** Level interval: when the next sync is due. */
  syncDueMs = 0;

  constructor(topic: Topic, index: number, number: number, log: Partition) {
    this.topic = topic;
    this.index = index;
    this.number = number;
    this.log = log;
  }
}

export class Topic {
  readonly name: string;
  readonly topicId: string;
  readonly config: TopicConfig;
  readonly settings: readonly ConfigEntry[];
  readonly partitions: TopicPartition[] = [];

  constructor(
    name: string,
    topicId: string,
    config: TopicConfig,
    settings: readonly ConfigEntry[],
  ) {
    this.name = name;
    this.topicId = topicId;
    this.config = config;
    this.settings = settings;
  }
}

export class Topics {
  /** All partitions of the shard, by number. */
  readonly partitions: TopicPartition[] = [];
  readonly #byName: Map<string, Topic> = new Map();

  get(name: string): Topic | undefined {
    return this.#byName.get(name);
  }

  add(topic: Topic): void {
    this.#byName.set(topic.name, topic);
  }

  addPartition(topic: Topic, log: Partition): TopicPartition {
    const partition = new TopicPartition(
      topic,
      topic.partitions.length,
      this.partitions.length,
      log,
    );
    topic.partitions.push(partition);
    this.partitions.push(partition);
    return partition;
  }

  /** Sorted by name. */
  all(): Topic[] {
    return [...this.#byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
