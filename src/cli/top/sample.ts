/**
 * One look at a broker: its counters, histograms, topics, and how far groups are behind.
 *
 * Invariant: a look asks for a bounded number of things, however many groups there are.
 */

import type { Admin, Counter, HistogramState, TopicCounters } from "../../client/admin.ts";
import { BrokerError } from "../../client/errors.ts";

/** Of so many groups, the first by name, the lag is asked for. */
const GROUPS_MAX = 20;

export interface GroupLag {
  readonly group: string;
  readonly topic: string;
  readonly lagRecords: number;
}

export interface Sample {
  /** Milliseconds, by a clock that never jumps. */
  readonly atMs: number;
  readonly counters: readonly Counter[];
  readonly histograms: readonly HistogramState[];
  readonly topics: TopicCounters;
  readonly lags: readonly GroupLag[];
}

export async function takeSample(admin: Admin): Promise<Sample> {
  const [counters, histograms, topics, lags] = await Promise.all([
    admin.stats(),
    admin.histograms(),
    admin.topicCounters(),
    lagsOf(admin),
  ]);
  return { atMs: performance.now(), counters, histograms, topics, lags };
}

/** Those that are behind, the furthest first. */
async function lagsOf(admin: Admin): Promise<GroupLag[]> {
  const groups = await known(admin.listGroups()) ?? [];
  const lags = new Map<string, { group: string; topic: string; lagRecords: number }>();
  const names = groups.map(({ group }) => group).sort().slice(0, GROUPS_MAX);
  const committed = await Promise.all(names.map(async (group) => {
    return { group, offsets: await known(admin.groupOffsets(group)) ?? [] };
  }));
  const topics = [...new Set(committed.flatMap(({ offsets }) => offsets.map((one) => one.topic)))];
  const states = topics.length === 0 ? [] : await admin.describeTopics(topics);
  const byTopic = new Map(states.map((state) => [state.name, state.partitions]));
  for (const { group, offsets } of committed) {
    for (const { topic, partition, offset } of offsets) {
      const ends = byTopic.get(topic)?.[partition];
      if (ends === undefined) continue;
      const key = JSON.stringify([group, topic]);
      const lag = lags.get(key) ?? { group, topic, lagRecords: 0 };
      lag.lagRecords += Math.max(0, ends.visibleEnd - Math.max(offset, ends.logStart));
      lags.set(key, lag);
    }
  }
  return [...lags.values()].sort((a, b) => b.lagRecords - a.lagRecords);
}

/** Null: the broker does not say it for now, or not any more. */
async function known<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof BrokerError) return null;
    throw error;
  }
}
