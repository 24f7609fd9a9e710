/**
 * What an operator asks for: topics, offsets, counters, a sign of life. One request each.
 */

import type { ConfigEntry } from "../format/topic_config.ts";
import {
  DESCRIBED_AT_ONCE,
  GROUP_LAGS_AT_ONCE,
  GROUP_LAGS_MAX,
  OFFSET_TIMES_MAX,
  TOPICS_LISTED_MAX,
} from "../limits.ts";
import type { ReplyOf } from "../native/operations.ts";
import { type AdminPort, ConnectionPort } from "./admin_port.ts";
import {
  commitOffsets,
  type CommittedOffset,
  fetchOffsets,
  type PartitionOffset,
} from "./committer.ts";
import { Connection } from "./connection.ts";
import type { TopicPartition } from "./topic_partition.ts";

export type Metadata = ReplyOf<"metadata">;
export type TopicDescription = Metadata["topics"][number];
export type PartitionOffsets = ReplyOf<"offsets">;
export type OffsetForTime = ReplyOf<"offset_for_time">;
export type Counter = ReplyOf<"stats">["counters"][number];
/** How the partitions of a topic are; `error` where there is no such topic. */
export type TopicState = ReplyOf<"describe_topic">["topics"][number];
/** How the partitions of a node and its disk are. */
export type Health = ReplyOf<"health">;
export type HistogramState = ReplyOf<"histograms">["histograms"][number];
export type TopicCounters = ReplyOf<"topic_counters">;
export type TopicListing = ReplyOf<"list_topics">["topics"][number];
/** How far a group is behind in a topic; `lagMs` -1: not known. */
export type TopicLag = ReplyOf<"group_lags">["groups"][number]["topics"][number];
export type GroupListing = ReplyOf<"list_groups">["groups"][number];
export type ConnectionInfo = ReplyOf<"connections">["connections"][number];

/** Where the value of a broker setting comes from. */
export const SETTING_SOURCES = [
  "default",
  "file",
  "environment",
  "command line",
  "changed while running",
] as const;

/** A setting of the broker. */
export interface BrokerSetting {
  readonly key: string;
  readonly value: string;
  readonly source: typeof SETTING_SOURCES[number];
  /** Whether `alterConfig` takes it. */
  readonly isChangeable: boolean;
  readonly text: string;
}

/** Settings to set, by name; null: follows the default again. */
export type SettingChanges = Readonly<Record<string, string | number | boolean | null>>;

/** Which topics `topicCounters` tells of. */
export interface TopicCountersWanted {
  /** By id; those that are gone are left out. */
  readonly topicIds?: readonly string[];
  /** Also those added after this one (`newest` of an earlier answer); 0: all. */
  readonly newerThan?: number;
  /** So many of these, those with most bytes; at most 256. */
  readonly limit?: number;
}

/** What the counter `disk_state` of `stats` says, and `diskState` of `health`, from 0 on. */
export const DISK_STATES = ["ok", "full", "read-only"] as const;

/** In place of an offset: everything that is visible. */
const VISIBLE_END = -1;

export interface CreateTopicOptions {
  readonly partitions?: number | undefined;
  /** Settings of the topic, as a list or by name. */
  readonly config?: readonly ConfigEntry[] | Readonly<Record<string, string | number>> | undefined;
}

export class Admin {
  readonly #port: AdminPort;

  /** `client.admin`, or one on a single connection. */
  constructor(port: AdminPort | Connection) {
    this.#port = port instanceof Connection ? new ConnectionPort(port) : port;
  }

  /** Creates a topic; its id comes back when it is durable and open. */
  async createTopic(name: string, options: CreateTopicOptions = {}): Promise<string> {
    const config = entriesOf(options.config ?? []);
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

  /**
   * The topics named (all without names), sorted by name; those that are not there are left out. In
   * pieces: however many there are, nobody else waits long for it. What comes or goes meanwhile may
   * be in it or not.
   */
  async topics(names: readonly string[] = []): Promise<TopicDescription[]> {
    const found: TopicDescription[] = [];
    for (const piece of await this.#pieces(names)) {
      found.push(...(await this.metadata(piece)).topics.filter(({ error }) => error === 0));
    }
    return found;
  }

  /** Names, ids and partition counts of all topics, sorted by name; in pieces, as `topics`. */
  async listTopics(): Promise<TopicListing[]> {
    const found: TopicListing[] = [];
    for (;;) {
      const wanted = { after: found.at(-1)?.name ?? "", limit: TOPICS_LISTED_MAX };
      const { topics } = await this.#port.request("list_topics", wanted, true);
      found.push(...topics);
      if (topics.length < TOPICS_LISTED_MAX) return found;
    }
  }

  /** Changes settings of a topic; settles when that is durable and in force. */
  async alterTopic(name: string, changes: SettingChanges): Promise<void> {
    await this.#port.request("alter_topic", { name, ...changesOf(changes) }, true);
    this.#port.forget(name);
  }

  /** Gives a topic more partitions: `partitions` in all. */
  async addPartitions(name: string, partitions: number): Promise<void> {
    await this.#port.request("add_partitions", { name, partitions }, true);
    this.#port.forget(name);
  }

  /**
   * Ends, sizes and health of every partition of the topics named (all without names). Many are
   * asked for in pieces, as by `topics`; a topic that is named and not there has an `error`.
   */
  async describeTopics(names: readonly string[] = []): Promise<TopicState[]> {
    const found: TopicState[] = [];
    for (const piece of await this.#pieces(names)) {
      const topics = piece.map((name) => ({ name }));
      found.push(...(await this.#port.request("describe_topic", { topics }, true)).topics);
    }
    // Of all topics none is missing: such a one was deleted meanwhile.
    return names.length > 0 ? found : found.filter(({ error }) => error === 0);
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

  /**
   * When records were made (the highest timestamp of the batch that holds each, in milliseconds
   * since 1970); null where there is no visible record, or its topic or partition is not there.
   */
  async offsetTimes(
    places: readonly (TopicPartition & { readonly offset: number })[],
  ): Promise<(number | null)[]> {
    const times: (number | null)[] = [];
    for (let at = 0; at < places.length; at += OFFSET_TIMES_MAX) {
      const some = places.slice(at, at + OFFSET_TIMES_MAX).map(({ topic, partition, offset }) => {
        return { topic, partition, offset };
      });
      const reply = await this.#port.request("offset_times", { places: some }, true);
      times.push(...reply.times.map(({ timestamp }) => timestamp < 0 ? null : timestamp));
    }
    return times;
  }

  /** How the node is; `diskState` counts in `DISK_STATES`. */
  health(): Promise<Health> {
    return this.#port.request("health", {}, true);
  }

  /** Counters of the node, in the broker's order. */
  async stats(): Promise<Counter[]> {
    return (await this.#port.request("stats", {}, true)).counters;
  }

  /** How long things took and how large they were, since the start. */
  async histograms(): Promise<HistogramState[]> {
    return (await this.#port.request("histograms", {}, true)).histograms;
  }

  /** What went in and out, in all and of some topics, at one moment; of the busiest by default. */
  topicCounters(
    { topicIds = [], newerThan = 0, limit = TOPICS_LISTED_MAX }: TopicCountersWanted = {},
  ): Promise<TopicCounters> {
    const named = topicIds.map((topicId) => ({ topicId }));
    return this.#port.request("topic_counters", { named, newerThan, limit }, true);
  }

  /** Milliseconds that a question and its answer took. */
  async ping(): Promise<number> {
    const startedMs = performance.now();
    await this.#port.request("ping", {}, true);
    return performance.now() - startedMs;
  }

  /** The groups that have committed offsets, by name. */
  async listGroups(prefix: string = ""): Promise<GroupListing[]> {
    return (await this.#port.request("list_groups", { prefix }, true)).groups;
  }

  /**
   * How far groups are behind, by topic; of those that are not there, or being loaded, nothing.
   * Some at a time, so that no turn of the shard is long by it.
   */
  async groupLags(groups: readonly GroupListing[]): Promise<Map<string, TopicLag[]>> {
    const lags = new Map<string, TopicLag[]>();
    for (let at = 0; at < groups.length;) {
      const some = lagsAtOnce(groups, at);
      at += some.length;
      const reply = await this.#port.request("group_lags", { groups: some }, true);
      for (const [index, { error, topics }] of reply.groups.entries()) {
        if (error === 0) lags.set(some[index]!.group, topics);
      }
    }
    return lags;
  }

  /** What a group has committed: for these partitions, or for all. */
  groupOffsets(
    group: string,
    partitions: readonly TopicPartition[] = [],
  ): Promise<CommittedOffset[]> {
    return fetchOffsets(this.#port, group, partitions);
  }

  /** Sets where a group goes on; settles when that is durable. */
  commitGroupOffsets(group: string, offsets: readonly PartitionOffset[]): Promise<void> {
    return commitOffsets(this.#port, group, offsets);
  }

  /** Deletes what a group has committed: for these partitions, or all. */
  async deleteGroup(
    group: string,
    partitions: readonly TopicPartition[] = [],
  ): Promise<void> {
    const places = partitions.map(({ topic, partition }) => ({ topic, partition }));
    await this.#port.request("delete_group", { group, partitions: places }, false);
  }

  /** Every setting of the broker, and where its value comes from. */
  async config(): Promise<BrokerSetting[]> {
    const { entries } = await this.#port.request("describe_config", {}, true);
    return entries.map(({ key, value, source, changeable, text }) => {
      const isChangeable = changeable === 1;
      return { key, value, source: SETTING_SOURCES[source] ?? "default", isChangeable, text };
    });
  }

  /** Changes settings of the running broker; they survive a restart. */
  async alterConfig(changes: SettingChanges): Promise<void> {
    await this.#port.request("alter_config", changesOf(changes), true);
  }

  /** Who is connected. */
  async connections(): Promise<ConnectionInfo[]> {
    return (await this.#port.request("connections", {}, true)).connections;
  }

  /** Ends a connection. Throws connection_not_found where there is none of this id. */
  async closeConnection(id: number): Promise<void> {
    await this.#port.request("close_connection", { id }, false);
  }

  /**
   * Names, so many together as one request describes without a long turn of the shard. How many
   * partitions those have that the caller named is not known here: each counts as one.
   */
  async #pieces(names: readonly string[]): Promise<string[][]> {
    const sorted = [...new Set(names)].sort().map((name) => ({ name, partitions: 1 }));
    const pieces: string[][] = [];
    let room = 0;
    for (const { name, partitions } of names.length > 0 ? sorted : await this.listTopics()) {
      if (room <= 0) {
        pieces.push([]);
        room = DESCRIBED_AT_ONCE;
      }
      pieces.at(-1)!.push(name);
      room -= 1 + partitions;
    }
    return pieces;
  }
}

/** Those from `at` on whose offsets are few enough together; one at the least. */
function lagsAtOnce(groups: readonly GroupListing[], at: number): { group: string }[] {
  const some: { group: string }[] = [];
  let room = GROUP_LAGS_AT_ONCE;
  for (const { group, offsets } of groups.slice(at, at + GROUP_LAGS_MAX)) {
    if (some.length > 0 && offsets > room) break;
    some.push({ group });
    room -= offsets;
  }
  return some;
}

function entriesOf(
  config: readonly ConfigEntry[] | Readonly<Record<string, string | number>>,
): ConfigEntry[] {
  if (isList(config)) return config.map(({ key, value }) => ({ key, value }));
  return Object.entries(config).map(([key, value]) => ({ key, value: String(value) }));
}

function isList(config: object): config is readonly ConfigEntry[] {
  return Array.isArray(config);
}

function changesOf(changes: SettingChanges): { set: ConfigEntry[]; unset: { key: string }[] } {
  const set: ConfigEntry[] = [];
  const unset: { key: string }[] = [];
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) unset.push({ key });
    else set.push({ key, value: String(value) });
  }
  return { set, unset };
}
