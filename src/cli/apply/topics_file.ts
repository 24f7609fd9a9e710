/**
 * A file of topics as they are to be, in YAML (JSON is YAML, too). Every complaint names the line.
 *
 *     topics:
 *       - name: orders
 *         partitions: 4            1 where nothing is said
 *         config:                  settings that are not named stay as they are
 *           retention.ms: 3600000
 *
 * Invariant: what is returned holds names, numbers and settings that the broker takes; each topic
 * once.
 */

import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { ConfigError } from "../../address.ts";
import { isTopicName } from "../../format/file_names.ts";
import { isInternalTopic } from "../../format/internal_topics.ts";
import { type ConfigEntry, defaultTopicConfig, TOPIC_SETTINGS } from "../../format/topic_config.ts";
import { PARTITIONS_PER_TOPIC_MAX } from "../../limits.ts";
import { didYouMean } from "../did_you_mean.ts";

export interface WantedTopic {
  readonly name: string;
  readonly partitions: number;
  readonly config: readonly ConfigEntry[];
  /** FILE:LINE, for complaints. */
  readonly place: string;
  /** Where the number of partitions stands. */
  readonly partitionsPlace: string;
}

const FIELDS = ["name", "partitions", "config"] as const;

/** `file` is what complaints name. Throws ConfigError. */
export function parseTopicsFile(text: string, file: string): WantedTopic[] {
  return new TopicsFile(text, file).topics();
}

class TopicsFile {
  readonly #lines: LineCounter = new LineCounter();
  readonly #file: string;
  readonly #root: Node | null;

  constructor(text: string, file: string) {
    this.#file = file;
    const document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      uniqueKeys: true,
    });
    const [error] = [...document.errors, ...document.warnings];
    if (error !== undefined) throw this.#complaint(error.pos[0], error.message);
    this.#root = document.contents;
  }

  topics(): WantedTopic[] {
    if (this.#root === null) throw this.#complaint(0, "it is empty: `topics:` is a list of topics");
    const fields = this.#fields(this.#root, "the file", ["topics"]);
    const list = fields.get("topics");
    if (list === undefined) throw this.#complaint(startOf(this.#root), "`topics:` is missing");
    if (!isSeq(list)) throw this.#complaint(startOf(list), "`topics` is a list: - name: orders");
    const wanted: WantedTopic[] = [];
    for (const item of list.items) {
      const topic = this.#topic(item as Node);
      const same = wanted.find(({ name }) => name === topic.name);
      if (same !== undefined) {
        throw new ConfigError(`${topic.place}: ${topic.name} is there already: ${same.place}`);
      }
      wanted.push(topic);
    }
    return wanted;
  }

  #topic(node: Node): WantedTopic {
    const fields = this.#fields(node, "a topic", FIELDS);
    const named = fields.get("name");
    if (named === undefined) throw this.#complaint(startOf(node), "a topic has a `name`");
    const name = this.#text(named);
    if (!isTopicName(name)) {
      const text = `"${name}" is no name of a topic: 1 to 249 of a-z A-Z 0-9 . _ -, not . or ..`;
      throw this.#complaint(startOf(named), text);
    }
    if (isInternalTopic(name)) {
      throw this.#complaint(startOf(named), `${name} belongs to the broker`);
    }
    const count = fields.get("partitions");
    const place = this.#place(startOf(node));
    const partitionsPlace = count === undefined ? place : this.#place(startOf(count));
    const partitions = count === undefined ? 1 : this.#partitions(count);
    return { name, partitions, config: this.#config(fields.get("config")), place, partitionsPlace };
  }

  #partitions(node: Node): number {
    const text = this.#text(node);
    const partitions = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
    if (partitions >= 1 && partitions <= PARTITIONS_PER_TOPIC_MAX) return partitions;
    const allowed = `1 to ${PARTITIONS_PER_TOPIC_MAX}`;
    throw this.#complaint(startOf(node), `partitions: "${text}" must be ${allowed}`);
  }

  #config(node: Node | undefined): ConfigEntry[] {
    if (node === undefined) return [];
    const keys = TOPIC_SETTINGS.map(({ key }) => key);
    return [...this.#fields(node, "config", keys)].map(([key, value]) => {
      const text = this.#text(value);
      const setting = TOPIC_SETTINGS.find((known) => known.key === key)!;
      if (setting.apply(defaultTopicConfig(), text)) return { key, value: text };
      throw this.#complaint(startOf(value), `${key}: "${text}" must be ${setting.values}`);
    });
  }

  /** The values of a map whose keys are all known. */
  #fields(node: Node, what: string, known: readonly string[]): Map<string, Node> {
    if (!isMap(node)) {
      throw this.#complaint(startOf(node), `${what} has names and values: ${known.join(", ")}`);
    }
    const fields = new Map<string, Node>();
    for (const { key, value } of (node as YAMLMap).items as Pair<Node, Node | null>[]) {
      const name = this.#text(key);
      if (!known.includes(name)) {
        const meant = didYouMean(name, known) || `There is ${known.join(", ")}.`;
        throw this.#complaint(startOf(key), `${what} has no "${name}"`, meant);
      }
      if (value === null) throw this.#complaint(startOf(key), `"${name}" has no value`);
      fields.set(name, value);
    }
    return fields;
  }

  /** As it is written: what is a number for YAML is still text here. */
  #text(node: Node): string {
    if (isAlias(node)) throw this.#complaint(startOf(node), "aliases are not taken here");
    if (!isScalar(node) || node.value === null) {
      throw this.#complaint(startOf(node), "a single value is wanted here");
    }
    const isQuoted = typeof node.value === "string";
    return isQuoted ? String(node.value) : node.source ?? String(node.value);
  }

  #place(position: number): string {
    return `${this.#file}:${this.#lines.linePos(position).line || 1}`;
  }

  #complaint(position: number, text: string, hint = ""): ConfigError {
    return new ConfigError(`${this.#place(position)}: ${text}`, hint);
  }
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}
