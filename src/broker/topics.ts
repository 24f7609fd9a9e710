/**
 * Topics and partitions of one shard, found by name. What a door holds of a partition is the
 * `TopicPartition`: the log, and who waits for it.
 *
 * A partition of a removed topic keeps its place in `partitions`, marked, while syncs of it may
 * still report under its number; after that a new partition may have the number.
 */

import { isInternalTopic } from "../format/internal_topics.ts";
import type { ConfigEntry, TopicConfig } from "../format/topic_config.ts";
import type { Partition } from "../log/partition.ts";
import { AppendWaiters } from "./append_waiters.ts";
import type { BatchTimes } from "./batch_times.ts";
import type { ColdStream } from "./cold_stream.ts";
import type { FetchWaiter } from "./fetch_waiters.ts";
import { FreshTail } from "./fresh_tail.ts";
import type { LogStartWaiter } from "./log_starts.ts";
import type { Subscription } from "./subscriptions.ts";

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
  firstSubscription: Subscription | null = null;
  /** Consumers that read below the tail, as far as they are remembered; and the tail. */
  readonly readers: ColdStream[] = [];
  readonly fresh: FreshTail = new FreshTail();
  /** Null: nobody has asked when its records were made. */
  batchTimes: BatchTimes | null = null;
  /** Who asked for a higher log start, in the order of the requests. */
  readonly logStartWaiters: LogStartWaiter[] = [];
  /** The topic was deleted: the log is closed, whoever holds this gets topic_not_found. */
  removed = false;
  /** In the list of partitions that this turn appended to. */
  appendQueued = false;
  /** In the list of partitions whose written end is above their durable end. */
  syncQueued = false;
  /** Level interval: when the next sync is due. */
  syncDueMs = 0;
  /** Requests that the next group may hold: those the last sync answered, and who waited on. */
  groupWanted = 0;
  /** The group waits for more of them until then; 0: it does not wait. */
  groupWaitUntilMs = 0;
  /** When the sync in flight began. */
  syncBeganMs = 0;
  /** In the list of partitions that the caretaker looks at in this turn. */
  attentionQueued = false;
  /** When the next checkpoint is due; 0: not known yet. */
  checkpointDueMs = 0;
  /** What main was told last. */
  reportedRecoveryPoint = -1;
  reportedLogStart = -1;

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
  /** In force; one object for all partitions and their logs, changed in place. */
  readonly config: TopicConfig;
  /** What was set. */
  settings: readonly ConfigEntry[];
  /** It belongs to the broker: clients only read it. */
  readonly isInternal: boolean;
  readonly partitions: TopicPartition[] = [];
  /** Grows from topic to topic as they are added. */
  serial = 0;
  /** What was appended; of a batch sent again nothing. */
  recordsIn = 0;
  bytesIn = 0;
  /** What went to consumers. Records by their offsets: gaps of a compacted log count too. */
  recordsOut = 0;
  bytesOut = 0;
  /** Fetched bytes that were in the page cache, and those that had to be read from the disk. */
  cacheHitBytes = 0;
  cacheMissBytes = 0;

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
    this.isInternal = isInternalTopic(name);
  }
}

export class Topics {
  /** All partitions of the shard, by number; also removed ones. */
  readonly partitions: TopicPartition[] = [];
  /** In the order of their serials. */
  readonly #byName: Map<string, Topic> = new Map();
  readonly #byId: Map<string, Topic> = new Map();
  /** By name. Sorted all the time: to sort thousands when somebody asks would be a long turn. */
  readonly #sorted: Topic[] = [];
  #serial = 0;
  /** Removed partitions whose number was not given to another one. */
  #removed: TopicPartition[] = [];

  get(name: string): Topic | undefined {
    return this.#byName.get(name);
  }

  withId(topicId: string): Topic | undefined {
    return this.#byId.get(topicId);
  }

  add(topic: Topic): void {
    this.#serial += 1;
    topic.serial = this.#serial;
    this.#byName.set(topic.name, topic);
    this.#byId.set(topic.topicId, topic);
    this.#sorted.splice(this.#placeOf(topic.name), 0, topic);
  }

  addPartition(topic: Topic, log: Partition): TopicPartition {
    const number = this.#freeNumber();
    const partition = new TopicPartition(topic, topic.partitions.length, number, log);
    topic.partitions.push(partition);
    this.partitions[number] = partition;
    return partition;
  }

  /** Forgets the name and marks the partitions; the caller ends their logs and answers. */
  remove(name: string): Topic | undefined {
    const topic = this.#byName.get(name);
    if (topic === undefined) return undefined;
    this.#byName.delete(name);
    this.#byId.delete(topic.topicId);
    this.#sorted.splice(this.#placeOf(name), 1);
    for (const partition of topic.partitions) {
      partition.removed = true;
      this.#removed.push(partition);
    }
    return topic;
  }

  /** Partitions that are not removed. */
  get count(): number {
    return this.partitions.length - this.#removed.length;
  }

  #freeNumber(): number {
    const at = this.#removed.findIndex(({ log }) => log.syncsPending === 0);
    if (at < 0) return this.partitions.length;
    return this.#removed.splice(at, 1)[0]!.number;
  }

  /** The serial of the newest; 0: there was none. */
  get newest(): number {
    return this.#serial;
  }

  /** Those whose serial is above `serial`, in the order of serials. */
  newerThan(serial: number): Topic[] {
    if (serial >= this.#serial) return [];
    return [...this.#byName.values()].filter((topic) => topic.serial > serial);
  }

  /** Sorted by name. */
  all(): readonly Topic[] {
    return this.#sorted;
  }

  /** The first `limit` of them behind a name, which need not be there. */
  page(after: string, limit: number): Topic[] {
    let at = this.#placeOf(after);
    if (this.#sorted[at]?.name === after) at += 1;
    return this.#sorted.slice(at, at + limit);
  }

  /** Where a name stands among the sorted ones, or would stand. */
  #placeOf(name: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sorted[middle]!.name < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
