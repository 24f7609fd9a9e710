/**
 * Settings of a topic: Kafka's names, units and defaults where Kafka has the setting. One table
 * gives the check, the defaults, the hint of an error and the page in `docs/PROTOCOL.md`.
 *
 * Invariant: a `TopicConfig` holds only values inside the table's ranges. The catalogue keeps
 * what was set, as text; what was not set follows the default.
 */

import {
  BATCH_SIZE_MAX_DEFAULT,
  BATCH_SIZE_MAX_LIMIT,
  BATCH_SIZE_MIN,
  FLUSH_MS_DEFAULT,
  FLUSH_MS_MAX,
  RETENTION_MS_DEFAULT,
  RETENTION_SETTING_MAX,
  SEGMENT_MS_DEFAULT,
  SEGMENT_SIZE_DEFAULT,
  SEGMENT_SIZE_MAX,
  SEGMENT_SIZE_MIN,
} from "../limits.ts";
import { Level } from "./levels.ts";

export interface TopicConfig {
  /** One of Level.os, Level.interval, Level.fsync. */
  durability: Level;
  flushMs: number;
  segmentBytes: number;
  /** Age at which a new segment is begun, also when the old one is small. */
  segmentMs: number;
  /** Up to so much is taken off `segmentMs`, so that partitions do not all roll at once. */
  segmentJitterMs: number;
  /** Infinity: records of any age stay. */
  retentionMs: number;
  /** Infinity: a partition of any size stays. */
  retentionBytes: number;
  /** The last record of each key stays. Without `cleanupDelete`, retention removes nothing. */
  cleanupCompact: boolean;
  /** retentionMs and retentionBytes remove old segments. */
  cleanupDelete: boolean;
  maxMessageBytes: number;
}

/**
 * What a setting may be, for programs: one of some words, a text of a form, or a number within
 * inclusive bounds.
 */
export type Allowed =
  | { readonly pattern: string }
  | { readonly words: readonly string[] }
  | { readonly min: number; readonly max: number };

export interface TopicSetting {
  readonly key: string;
  readonly fallback: string;
  readonly allowed: Allowed;
  /** What is allowed, for people. */
  readonly values: string;
  readonly text: string;
  /** Reads `value` into `config`; false when it is out of range. */
  readonly apply: (config: TopicConfig, value: string) => boolean;
}

const LEVELS_BY_NAME: ReadonlyMap<string, Level> = new Map<string, Level>([
  ["os", Level.os],
  ["interval", Level.interval],
  ["fsync", Level.fsync],
]);

/** Both orders are Kafka's. */
const CLEANUP_POLICIES: ReadonlyMap<string, { compact: boolean; delete: boolean }> = new Map([
  ["delete", { compact: false, delete: true }],
  ["compact", { compact: true, delete: false }],
  ["compact,delete", { compact: true, delete: true }],
  ["delete,compact", { compact: true, delete: true }],
]);

export const TOPIC_SETTINGS: readonly TopicSetting[] = [
  {
    key: "durability",
    fallback: "fsync",
    allowed: { words: [...LEVELS_BY_NAME.keys()] },
    values: "fsync, interval or os",
    text: "What an acknowledgement of acks=all means.",
    apply: (config, value) => {
      const level = LEVELS_BY_NAME.get(value);
      if (level !== undefined) config.durability = level;
      return level !== undefined;
    },
  },
  {
    key: "flush.ms",
    fallback: String(FLUSH_MS_DEFAULT),
    ...within(1, FLUSH_MS_MAX),
    text: "Level interval: milliseconds between a write and the sync that covers it.",
    apply: (config, value) => {
      const flushMs = integerWithin(value, 1, FLUSH_MS_MAX);
      if (flushMs !== null) config.flushMs = flushMs;
      return flushMs !== null;
    },
  },
  {
    key: "segment.bytes",
    fallback: String(SEGMENT_SIZE_DEFAULT),
    ...within(SEGMENT_SIZE_MIN, SEGMENT_SIZE_MAX),
    text: "Size at which a new segment file is begun.",
    apply: (config, value) => {
      const segmentBytes = integerWithin(value, SEGMENT_SIZE_MIN, SEGMENT_SIZE_MAX);
      if (segmentBytes !== null) config.segmentBytes = segmentBytes;
      return segmentBytes !== null;
    },
  },
  {
    key: "segment.ms",
    fallback: String(SEGMENT_MS_DEFAULT),
    ...within(1, RETENTION_SETTING_MAX),
    text: "Age at which a new segment file is begun, also when the old one is small.",
    apply: (config, value) => {
      const segmentMs = integerWithin(value, 1, RETENTION_SETTING_MAX);
      if (segmentMs !== null) config.segmentMs = segmentMs;
      return segmentMs !== null;
    },
  },
  {
    key: "segment.jitter.ms",
    fallback: "0",
    ...within(0, RETENTION_SETTING_MAX),
    text: "Up to this much, another share for each segment, is taken off segment.ms.",
    apply: (config, value) => {
      const segmentJitterMs = integerWithin(value, 0, RETENTION_SETTING_MAX);
      if (segmentJitterMs !== null) config.segmentJitterMs = segmentJitterMs;
      return segmentJitterMs !== null;
    },
  },
  {
    key: "retention.ms",
    fallback: String(RETENTION_MS_DEFAULT),
    allowed: { min: -1, max: RETENTION_SETTING_MAX },
    values: `-1 (without end) or 0 to ${RETENTION_SETTING_MAX}`,
    text: "Age at which a segment is deleted, counted from its newest record.",
    apply: (config, value) => {
      const retentionMs = limitWithin(value);
      if (retentionMs !== null) config.retentionMs = retentionMs;
      return retentionMs !== null;
    },
  },
  {
    key: "retention.bytes",
    fallback: "-1",
    allowed: { min: -1, max: RETENTION_SETTING_MAX },
    values: `-1 (without end) or 0 to ${RETENTION_SETTING_MAX}`,
    text: "Size of a partition above which its oldest segments are deleted.",
    apply: (config, value) => {
      const retentionBytes = limitWithin(value);
      if (retentionBytes !== null) config.retentionBytes = retentionBytes;
      return retentionBytes !== null;
    },
  },
  {
    key: "cleanup.policy",
    fallback: "delete",
    allowed: { words: [...CLEANUP_POLICIES.keys()] },
    values: "delete, compact or compact,delete",
    text: "What becomes of old records. With compact alone, retention deletes nothing.",
    apply: (config, value) => {
      const policy = CLEANUP_POLICIES.get(value);
      if (policy === undefined) return false;
      config.cleanupCompact = policy.compact;
      config.cleanupDelete = policy.delete;
      return true;
    },
  },
  {
    key: "max.message.bytes",
    fallback: String(BATCH_SIZE_MAX_DEFAULT),
    ...within(BATCH_SIZE_MIN, BATCH_SIZE_MAX_LIMIT),
    text: "Largest record batch, with its header.",
    apply: (config, value) => {
      const maxMessageBytes = integerWithin(value, BATCH_SIZE_MIN, BATCH_SIZE_MAX_LIMIT);
      if (maxMessageBytes !== null) config.maxMessageBytes = maxMessageBytes;
      return maxMessageBytes !== null;
    },
  },
];

function within(min: number, max: number): Pick<TopicSetting, "allowed" | "values"> {
  return { allowed: { min, max }, values: `${min} to ${max}` };
}

/** What a topic has when nothing was set. */
export function defaultTopicConfig(): TopicConfig {
  const config = {
    durability: Level.fsync,
    flushMs: 0,
    segmentBytes: 0,
    segmentMs: 0,
    segmentJitterMs: 0,
    retentionMs: 0,
    retentionBytes: 0,
    cleanupCompact: false,
    cleanupDelete: false,
    maxMessageBytes: 0,
  };
  for (const setting of TOPIC_SETTINGS) setting.apply(config, setting.fallback);
  return config;
}

export interface ConfigEntry {
  readonly key: string;
  readonly value: string;
}

/** What becomes of settings: some are set, others follow the default again. */
export interface ConfigChange {
  readonly set: readonly ConfigEntry[];
  readonly unset: readonly { readonly key: string }[];
}

/**
 * The settings of a topic over the broker's, and those over the defaults; or in words why one is
 * refused.
 */
export function parseTopicConfig(
  entries: readonly ConfigEntry[],
  ofBroker: readonly ConfigEntry[] = [],
): TopicConfig | string {
  const config = defaultTopicConfig();
  for (const { key, value } of [...ofBroker, ...entries]) {
    const setting = TOPIC_SETTINGS.find((candidate) => candidate.key === key);
    if (setting === undefined) return unknownSetting(key);
    if (!setting.apply(config, value)) return `${key}=${value} must be ${setting.values}`;
  }
  return config;
}

/** What is set after a change, each key once; or in words why the change is refused. */
export function changeTopicConfig(
  entries: readonly ConfigEntry[],
  { set, unset }: ConfigChange,
): ConfigEntry[] | string {
  const settings = new Map(entries.map(({ key, value }) => [key, value]));
  for (const { key } of unset) {
    if (!TOPIC_SETTINGS.some((known) => known.key === key)) return unknownSetting(key);
    settings.delete(key);
  }
  for (const { key, value } of set) settings.set(key, value);
  const changed = [...settings].map(([key, value]) => ({ key, value }));
  const parsed = parseTopicConfig(changed);
  return typeof parsed === "string" ? parsed : changed;
}

function unknownSetting(key: string): string {
  return `unknown setting "${key}": ${TOPIC_SETTINGS.map((known) => known.key).join(", ")}`;
}

function integerWithin(text: string, min: number, max: number): number | null {
  if (!/^\d{1,15}$/.test(text)) return null;
  const value = Number(text);
  return value >= min && value <= max ? value : null;
}

/** -1 is Kafka's way to write "without end". */
function limitWithin(text: string): number | null {
  return text === "-1" ? Infinity : integerWithin(text, 0, RETENTION_SETTING_MAX);
}
