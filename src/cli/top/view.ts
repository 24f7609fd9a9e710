/**
 * What `sluice top` shows: the difference of two samples, as rates and quantiles of the time in
 * between. `--json` prints it as it is.
 *
 * Invariant: a quantile of nothing is null, not 0.
 */

import type { Bucket } from "../../base/histogram.ts";
import { DISK_STATES, type HistogramState } from "../../client/admin.ts";
import type { GroupLag, Sample } from "./sample.ts";

export interface TopicRates {
  readonly topic: string;
  readonly recordsInPerSecond: number;
  readonly bytesInPerSecond: number;
  readonly recordsOutPerSecond: number;
  readonly bytesOutPerSecond: number;
}

export interface View {
  /** Between the two samples. */
  readonly seconds: number;
  readonly connections: number;
  readonly partitions: number;
  readonly partitionsUnwell: number;
  readonly disk: typeof DISK_STATES[number];
  readonly diskFreeBytes: number;
  readonly residentBytes: number;
  /** 100: one processor. */
  readonly cpuPercent: number;
  readonly requestsPerSecond: number;
  readonly produceP99Ms: number | null;
  readonly syncP99Ms: number | null;
  readonly turnP99Ms: number | null;
  /** Of the bytes for consumers, what was in the page cache. */
  readonly cacheHitPercent: number | null;
  readonly all: Omit<TopicRates, "topic">;
  /** Busiest first. */
  readonly topics: readonly TopicRates[];
  readonly groups: readonly GroupLag[];
}

export function viewOf(before: Sample, now: Sample): View {
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000);
  const value = (sample: Sample, wanted: string): number => {
    return sample.counters.find(({ name }) => name === wanted)?.value ?? 0;
  };
  const grew = (name: string): number => value(now, name) - value(before, name);
  const { cacheHitBytes, cacheMissBytes } = minus(now.topics, before.topics);
  const read = cacheHitBytes + cacheMissBytes;
  const requests = between(before, now, ({ listener }) => listener === "native");
  return {
    seconds: round(seconds),
    connections: value(now, "clients"),
    partitions: value(now, "partitions"),
    partitionsUnwell: value(now, "partitions_degraded") + value(now, "partitions_failed"),
    disk: DISK_STATES[value(now, "disk_state")] ?? "ok",
    diskFreeBytes: value(now, "disk_free_bytes"),
    residentBytes: value(now, "process_resident_bytes"),
    cpuPercent: round(grew("process_cpu_ms_total") / seconds / 10),
    requestsPerSecond: round(requests.reduce((sum, { count }) => sum + count, 0) / seconds),
    produceP99Ms: p99Ms(requests.filter(({ operation }) => operation === "produce")),
    syncP99Ms: p99Ms(between(before, now, ({ name }) => name === "sync_latency_us")),
    turnP99Ms: p99Ms(between(before, now, ({ name }) => name === "turn_us")),
    cacheHitPercent: read === 0 ? null : round(100 * cacheHitBytes / read),
    all: ratesOf(minus(now.topics, before.topics), seconds),
    topics: topicRates(before, now, seconds),
    groups: now.lags,
  };
}

interface Flows {
  readonly recordsIn: number;
  readonly bytesIn: number;
  readonly recordsOut: number;
  readonly bytesOut: number;
  readonly cacheHitBytes: number;
  readonly cacheMissBytes: number;
}

const NOTHING: Flows = {
  recordsIn: 0,
  bytesIn: 0,
  recordsOut: 0,
  bytesOut: 0,
  cacheHitBytes: 0,
  cacheMissBytes: 0,
};

function minus(a: Flows, b: Flows): Flows {
  return {
    recordsIn: a.recordsIn - b.recordsIn,
    bytesIn: a.bytesIn - b.bytesIn,
    recordsOut: a.recordsOut - b.recordsOut,
    bytesOut: a.bytesOut - b.bytesOut,
    cacheHitBytes: a.cacheHitBytes - b.cacheHitBytes,
    cacheMissBytes: a.cacheMissBytes - b.cacheMissBytes,
  };
}

function ratesOf(flows: Flows, seconds: number): Omit<TopicRates, "topic"> {
  return {
    recordsInPerSecond: round(flows.recordsIn / seconds),
    bytesInPerSecond: round(flows.bytesIn / seconds),
    recordsOutPerSecond: round(flows.recordsOut / seconds),
    bytesOutPerSecond: round(flows.bytesOut / seconds),
  };
}

function topicRates(before: Sample, now: Sample, seconds: number): TopicRates[] {
  const earlier = new Map(before.topics.topics.map((topic) => [topic.topicId, topic]));
  const busy = ({ bytesInPerSecond, bytesOutPerSecond }: TopicRates): number => {
    return bytesInPerSecond + bytesOutPerSecond;
  };
  return now.topics.topics.map((topic) => {
    const flows = minus(topic, earlier.get(topic.topicId) ?? NOTHING);
    return { topic: topic.name, ...ratesOf(flows, seconds) };
  }).sort((a, b) => busy(b) - busy(a) || (a.topic < b.topic ? -1 : 1));
}

interface Counted {
  readonly operation: string;
  readonly count: number;
  readonly buckets: readonly Bucket[];
}

/** What histograms took in between. */
function between(
  before: Sample,
  now: Sample,
  isWanted: (histogram: HistogramState) => boolean,
): Counted[] {
  return now.histograms.filter(isWanted).map(({ name, listener, operation, count, buckets }) => {
    const earlier = before.histograms.find((one) => {
      return one.name === name && one.listener === listener && one.operation === operation;
    });
    const counts = new Map(earlier?.buckets.map((bucket) => [bucket.upTo, bucket.count]));
    const grown = buckets.map((bucket) => {
      return { upTo: bucket.upTo, count: bucket.count - (counts.get(bucket.upTo) ?? 0) };
    });
    return { operation, count: count - (earlier?.count ?? 0), buckets: grown };
  });
}

/** The end of the bucket that 99 of 100 do not pass, in milliseconds. */
function p99Ms(all: readonly Counted[]): number | null {
  const buckets = all.flatMap((one) => one.buckets).sort((a, b) => a.upTo - b.upTo);
  const count = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  if (count === 0) return null;
  const wanted = Math.ceil(0.99 * count);
  let seen = 0;
  for (const bucket of buckets) {
    seen += bucket.count;
    if (seen >= wanted) return round(bucket.upTo / 1000);
  }
  return null;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
