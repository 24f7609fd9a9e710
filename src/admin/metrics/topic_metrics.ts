/**
 * Metrics of topics: so many of them one by one, the others together. A counter must never fall,
 * or who reads it takes that for a restart. So a topic stays where it was first seen:
 *
 *     first seen, there is room   -> a sample of its own, as long as it lives
 *     first seen, there is none   -> among the others, as long as it lives
 *     deleted                     -> what it had stays out of the others; its place is free again
 *
 * The others are what is left of the sums of all topics, which only grow. The shard is asked for
 * those that are told, and for the busiest of the topics that are new since the last look: what a
 * look costs does not depend on how many topics there are.
 *
 * Invariant: from one answer to the next no sample falls, and all samples of a family add up to
 * the sum of all topics less what deleted ones had that were told one by one.
 */

import type { TopicCounters, TopicCountersWanted } from "../../client/admin.ts";
import { METRICS_TOPICS_MAX } from "../../limits.ts";
import type { Family, Sample } from "./family.ts";

/** In place of a name: no topic can have this one. */
export const OTHER = "(other)";

const KEYS = [
  "recordsIn",
  "bytesIn",
  "recordsOut",
  "bytesOut",
  "cacheHitBytes",
  "cacheMissBytes",
] as const;
type Flows = { readonly [K in typeof KEYS[number]]: number };
type TopicFlows = TopicCounters["topics"][number];

const NAMES: { readonly [K in keyof Flows]: readonly [name: string, help: string] } = {
  recordsIn: ["sluice_topic_records_in_total", "Records appended."],
  bytesIn: ["sluice_topic_bytes_in_total", "Bytes of appended batches."],
  recordsOut: ["sluice_topic_records_out_total", "Records sent to consumers, by their offsets."],
  bytesOut: ["sluice_topic_bytes_out_total", "Bytes of batches sent to consumers."],
  cacheHitBytes: [
    "sluice_topic_cache_hit_bytes_total",
    "Bytes for consumers that were in the page cache.",
  ],
  cacheMissBytes: [
    "sluice_topic_cache_miss_bytes_total",
    "Bytes for consumers that had to be read from the disk.",
  ],
};

const NOTHING: Flows = {
  recordsIn: 0,
  bytesIn: 0,
  recordsOut: 0,
  bytesOut: 0,
  cacheHitBytes: 0,
  cacheMissBytes: 0,
};

export class TopicMetrics {
  readonly #max: number;
  /** By topic id: what those told one by one had at the last look. */
  readonly #shown: Map<string, TopicFlows> = new Map();
  /** Serial of the newest topic seen: all up to it are told, or among the others for good. */
  #newest = 0;
  /** What deleted topics had that were told one by one. */
  #gone: Flows = NOTHING;

  constructor(max: number = METRICS_TOPICS_MAX) {
    this.#max = max;
  }

  /** What to ask the shard for; each answer goes into `families` before the next question. */
  get wanted(): TopicCountersWanted {
    return { topicIds: [...this.#shown.keys()], newerThan: this.#newest, limit: this.#max };
  }

  families(found: TopicCounters): Family[] {
    this.#sort(found);
    const shown = [...this.#shown.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const told = shown.reduce<Flows>(add, this.#gone);
    return KEYS.map((key) => {
      const [name, help] = NAMES[key];
      const samples: Sample[] = shown.map((topic) => {
        return { labels: { topic: topic.name }, value: topic[key] };
      });
      samples.push({ labels: { topic: OTHER }, value: Math.max(0, found[key] - told[key]) });
      return { type: "counter", name, help, samples };
    });
  }

  /** The busiest of the new ones have a place first. */
  #sort({ topics, newest }: TopicCounters): void {
    const alive = new Map(topics.map((topic) => [topic.topicId, topic]));
    for (const [id, last] of this.#shown) {
      const now = alive.get(id);
      alive.delete(id);
      if (now !== undefined) {
        this.#shown.set(id, now);
        continue;
      }
      this.#gone = add(this.#gone, last);
      this.#shown.delete(id);
    }
    const fresh = [...alive.values()].sort((a, b) => {
      return trafficOf(b) - trafficOf(a) || (a.name < b.name ? -1 : 1);
    });
    for (const topic of fresh.slice(0, this.#max - this.#shown.size)) {
      this.#shown.set(topic.topicId, topic);
    }
    this.#newest = newest;
  }
}

function trafficOf({ bytesIn, bytesOut }: Flows): number {
  return bytesIn + bytesOut;
}

function add(a: Flows, b: Flows): Flows {
  return {
    recordsIn: a.recordsIn + b.recordsIn,
    bytesIn: a.bytesIn + b.bytesIn,
    recordsOut: a.recordsOut + b.recordsOut,
    bytesOut: a.bytesOut + b.bytesOut,
    cacheHitBytes: a.cacheHitBytes + b.cacheHitBytes,
    cacheMissBytes: a.cacheMissBytes + b.cacheMissBytes,
  };
}
