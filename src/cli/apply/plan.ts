/**
 * From the topics that there are to those that are wanted: what is to be done, in this order.
 *
 *     create, set, grow, delete
 *
 * Invariant: nothing is taken away that was not asked for: settings that are not named stay, topics
 * that are not named stay without `prune`, and partitions only grow.
 */

import { ConfigError } from "../../address.ts";
import type { TopicDescription } from "../../client/admin.ts";
import { isInternalTopic } from "../../format/internal_topics.ts";
import { type ConfigEntry, defaultTopicConfig, TOPIC_SETTINGS } from "../../format/topic_config.ts";
import type { WantedTopic } from "./topics_file.ts";

export interface SettingChange {
  readonly key: string;
  readonly before: string;
  readonly after: string;
}

export type Change =
  | {
    readonly change: "create";
    readonly topic: string;
    readonly partitions: number;
    readonly config: readonly ConfigEntry[];
  }
  | {
    readonly change: "set";
    readonly topic: string;
    readonly settings: readonly SettingChange[];
  }
  | {
    readonly change: "grow";
    readonly topic: string;
    readonly before: number;
    readonly after: number;
  }
  | { readonly change: "delete"; readonly topic: string; readonly partitions: number };

export interface Plan {
  readonly changes: readonly Change[];
  /** Topics that are as they are to be. */
  readonly same: number;
  /** Topics that the file does not name, and that stay. */
  readonly kept: readonly string[];
}

/** Throws ConfigError: a topic has more partitions than are wanted. */
export function planOf(
  wanted: readonly WantedTopic[],
  there: readonly TopicDescription[],
  prune: boolean,
): Plan {
  const known = new Map(there.map((topic) => [topic.name, topic]));
  const named = new Set(wanted.map(({ name }) => name));
  const others = there.filter(({ name }) => !named.has(name) && !isInternalTopic(name));
  const changes = wanted.flatMap((topic) => changesOf(topic, known.get(topic.name)));
  const changed = new Set(changes.map(({ topic }) => topic));
  if (prune) {
    for (const { name: topic, partitions } of others) {
      changes.push({ change: "delete", topic, partitions: partitions.length });
    }
  }
  const order = ["create", "set", "grow", "delete"];
  changes.sort((a, b) => order.indexOf(a.change) - order.indexOf(b.change));
  const kept = prune ? [] : others.map(({ name }) => name);
  return { changes, same: wanted.length - changed.size, kept };
}

function changesOf(wanted: WantedTopic, there: TopicDescription | undefined): Change[] {
  const { name: topic, partitions, config, partitionsPlace } = wanted;
  if (there === undefined) return [{ change: "create", topic, partitions, config }];
  const before = there.partitions.length;
  if (partitions < before) {
    throw new ConfigError(
      `${partitionsPlace}: ${topic} has ${before} partitions, and there are never fewer again`,
      `Say partitions: ${before}, or delete the topic and create it anew.`,
    );
  }
  const changes: Change[] = [];
  const inForce = new Map(there.config.map(({ key, value }) => [key, value]));
  const settings = config.flatMap(({ key, value: after }) => {
    const now = inForce.get(key) ?? "";
    return meanSame(key, now, after) ? [] : [{ key, before: now, after }];
  });
  if (settings.length > 0) changes.push({ change: "set", topic, settings });
  if (partitions > before) changes.push({ change: "grow", topic, before, after: partitions });
  return changes;
}

/** Values may be written in several ways: compact,delete and delete,compact. */
function meanSame(key: string, a: string, b: string): boolean {
  if (a === b) return true;
  const setting = TOPIC_SETTINGS.find((known) => known.key === key);
  const [one, other] = [defaultTopicConfig(), defaultTopicConfig()];
  if (setting === undefined || !setting.apply(one, a) || !setting.apply(other, b)) return false;
  const keys = Object.keys(one) as (keyof typeof one)[];
  return keys.every((field) => one[field] === other[field]);
}

/** A change as people read it: a sign, the topic, what becomes of it. */
export function changeLines(change: Change): string[] {
  const { topic } = change;
  switch (change.change) {
    case "create": {
      const settings = change.config.map(({ key, value }) => `    ${key}=${value}`);
      return [`+ ${topic}: create, ${countText(change.partitions)}`, ...settings];
    }
    case "set": {
      const settings = change.settings.map(({ key, before, after }) => {
        return `    ${key}: ${before} -> ${after}`;
      });
      return [`~ ${topic}: set`, ...settings];
    }
    case "grow":
      return [`~ ${topic}: ${change.before} -> ${countText(change.after)}`];
    case "delete":
      return [`- ${topic}: delete, ${countText(change.partitions)} with all their records`];
  }
}

function countText(partitions: number): string {
  return `${partitions} partition${partitions === 1 ? "" : "s"}`;
}
