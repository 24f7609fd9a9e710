/**
 * Settings of the broker as clients see them: all of them with value and source, and the rules for
 * those that may be changed while it runs.
 *
 *     default < file < environment < command line < changed (kept in the catalogue)
 *
 * Kafka's names where Kafka has the setting; what topics have that do not say otherwise is named
 * as Kafka's brokers name it (`log.retention.ms` is the `retention.ms` of topics).
 */

import {
  CONNECTION_MS_MAX,
  CONNECTIONS_MAX,
  PARTITIONS_PER_TOPIC_MAX,
  TOPIC_NAME_SIZE_MAX,
} from "../limits.ts";
import { DISK_SHARE, DISK_SHARE_FORMS, isDiskShare } from "../base/disk_share.ts";
import { isInternalTopic } from "./internal_topics.ts";
import {
  type Allowed,
  type ConfigChange,
  type ConfigEntry,
  parseTopicConfig,
  TOPIC_SETTINGS,
  type TopicConfig,
} from "./topic_config.ts";

/** Where a value comes from, as describe_config gives it. */
export const SettingSource = {
  default: 0,
  file: 1,
  environment: 2,
  commandLine: 3,
  changed: 4,
} as const;
export type SettingSource = typeof SettingSource[keyof typeof SettingSource];

export interface SettingEntry {
  readonly key: string;
  readonly value: string;
  readonly source: number;
  /** 1: alter_config may change it. */
  readonly changeable: number;
  readonly text: string;
}

/** What the broker of a shard goes by. */
export interface BrokerSettings {
  /** A topic that is opened and is not there is created, with so many partitions. */
  readonly createsTopics: boolean;
  readonly partitions: number;
  /** Settings of topics that do not say otherwise. */
  readonly ofTopics: readonly ConfigEntry[];
  /** Under a bound of all logs no segment is larger, whatever its topic says. */
  readonly segmentBytesMax: number;
}

/** Settings of brokers that are those of topics, by their names there. */
const TOPIC_KEYS: ReadonlyMap<string, string> = new Map([
  ["log.durability", "durability"],
  ["log.flush.interval.ms", "flush.ms"],
  ["log.segment.bytes", "segment.bytes"],
  ["log.roll.ms", "segment.ms"],
  ["log.roll.jitter.ms", "segment.jitter.ms"],
  ["log.retention.ms", "retention.ms"],
  ["log.retention.bytes", "retention.bytes"],
  ["log.cleanup.policy", "cleanup.policy"],
  ["message.max.bytes", "max.message.bytes"],
]);

/** Inclusive bounds of changeable settings that are numbers. */
const RANGES: ReadonlyMap<string, readonly [min: number, max: number]> = new Map([
  ["num.partitions", [1, PARTITIONS_PER_TOPIC_MAX]],
  ["connections.max", [1, CONNECTIONS_MAX]],
  ["connections.perAddressMax", [0, CONNECTIONS_MAX]],
  ["connections.idleMs", [1, CONNECTION_MS_MAX]],
  ["connections.requestMs", [1, CONNECTION_MS_MAX]],
  ["connections.helloMs", [1, CONNECTION_MS_MAX]],
  ["connections.writeMs", [1, CONNECTION_MS_MAX]],
]);

const CREATES_TOPICS = "auto.create.topics.enable";
export const TOTAL_RETENTION = "retention.total";

/** Names of the settings that may be changed while the broker runs. */
export const CHANGEABLE_SETTINGS: readonly string[] = [
  CREATES_TOPICS,
  TOTAL_RETENTION,
  ...RANGES.keys(),
  ...TOPIC_KEYS.keys(),
].sort();

/** What a changeable setting may be. */
export function allowedOf(key: string): Allowed {
  if (key === TOTAL_RETENTION) return { pattern: DISK_SHARE };
  const range = RANGES.get(key);
  if (range !== undefined) return { min: range[0], max: range[1] };
  const topicKey = TOPIC_KEYS.get(key);
  return TOPIC_SETTINGS.find((known) => known.key === topicKey)?.allowed ??
    { words: ["true", "false"] };
}

/** Why a value cannot be given to a setting now, in words; empty when it can. */
export function refuseSetting({ key, value }: ConfigEntry): string {
  if (!CHANGEABLE_SETTINGS.includes(key)) return unchangeable(key);
  if (key === CREATES_TOPICS) {
    return value === "true" || value === "false" ? "" : `${key}=${value} must be true or false`;
  }
  if (key === TOTAL_RETENTION) {
    return isDiskShare(value) ? "" : `${key}=${value} must be ${DISK_SHARE_FORMS}`;
  }
  const topicKey = TOPIC_KEYS.get(key);
  if (topicKey !== undefined) {
    const parsed = parseTopicConfig([{ key: topicKey, value }]);
    return typeof parsed === "string" ? parsed.replace(topicKey, key) : "";
  }
  const [min, max] = RANGES.get(key)!;
  const isAllowed = /^\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max;
  return isAllowed ? "" : `${key}=${value} must be ${min} to ${max}`;
}

/** What is changed after a change, each key once; or in words why the change is refused. */
export function changeSettings(
  entries: readonly ConfigEntry[],
  { set, unset }: ConfigChange,
): ConfigEntry[] | string {
  const settings = new Map(entries.map(({ key, value }) => [key, value]));
  for (const { key } of unset) {
    if (!CHANGEABLE_SETTINGS.includes(key)) return unchangeable(key);
    settings.delete(key);
  }
  for (const { key, value } of set) {
    const refused = refuseSetting({ key, value });
    if (refused !== "") return refused;
    settings.set(key, value);
  }
  return [...settings].map(([key, value]) => ({ key, value }));
}

function unchangeable(key: string): string {
  const shown = key.slice(0, TOPIC_NAME_SIZE_MAX);
  return `"${shown}" cannot be changed while the broker runs; these can: ` +
    CHANGEABLE_SETTINGS.join(", ");
}

/** What the entries say; of those that are not there, the defaults. */
export function brokerSettings(
  entries: readonly ConfigEntry[],
  segmentBytesMax: number = Infinity,
): BrokerSettings {
  const values = new Map(entries.map(({ key, value }) => [key, value]));
  const ofTopics = [...TOPIC_KEYS].flatMap(([key, topicKey]) => {
    const value = values.get(key);
    return value === undefined ? [] : [{ key: topicKey, value }];
  });
  return {
    createsTopics: values.get(CREATES_TOPICS) === "true",
    partitions: Number(values.get("num.partitions") ?? 1),
    ofTopics,
    segmentBytesMax,
  };
}

/**
 * The configuration in force of a topic that has these settings; the broker's own topics follow
 * nobody's. In words why it is none.
 */
export function topicConfigIn(
  settings: BrokerSettings,
  topic: string,
  set: readonly ConfigEntry[],
): TopicConfig | string {
  if (isInternalTopic(topic)) return parseTopicConfig(set, []);
  const config = parseTopicConfig(set, settings.ofTopics);
  if (typeof config === "string") return config;
  return { ...config, segmentBytes: Math.min(config.segmentBytes, settings.segmentBytesMax) };
}
