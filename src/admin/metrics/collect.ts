/**
 * Everything that `/metrics` tells, gathered at one look: from the shard as any client asks it, and
 * from this thread. Before the shard serves, what this thread knows is told alone.
 *
 * A request of a client is counted once: by the shard where it came by the native protocol
 * (door="native"), here where it came by HTTP (door="http"). What the HTTP door asks the shard in
 * turn, and what the broker asks itself, is door="control", beside the sum.
 */

import process from "node:process";
import type { Admin, Counter } from "../../client/admin.ts";
import { VERSION } from "../../version.ts";
import type { Engine } from "../engine.ts";
import type { HttpStats } from "../http_stats.ts";
import { type RuntimeInfo, runtimeOf } from "../runtime_info.ts";
import { type Distribution, type Family, type Sample, timesOf } from "./family.ts";
import { groupFamilies } from "./group_metrics.ts";
import { nodeFamilies, requestTimes } from "./node_metrics.ts";
import { TopicMetrics } from "./topic_metrics.ts";

export class MetricsCollector {
  readonly #engine: Engine;
  readonly #http: HttpStats;
  readonly #topics: TopicMetrics = new TopicMetrics();
  /** Going on. */
  #look: Promise<Family[]> | null = null;

  constructor(engine: Engine, http: HttpStats) {
    this.#engine = engine;
    this.#http = http;
  }

  /**
   * Who asks while a look is going on gets what it finds: one after the other, so that no older
   * numbers follow newer ones. Throws what the client library throws: the shard is gone.
   */
  families(): Promise<Family[]> {
    this.#look ??= this.#gather().finally(() => (this.#look = null));
    return this.#look;
  }

  async #gather(): Promise<Family[]> {
    const { state, recovery } = this.#engine;
    const own = ownFamilies(this.#engine.startedMs, state === "serving", runtimeOf());
    if (state === "serving") {
      const found = await this.#engine.use((admin) => this.#ofShard(admin));
      return [...own, ...found];
    }
    const { partitionsDone, partitions, scannedBytes } = recovery;
    return [
      ...own,
      gauge("sluice_recovery_partitions", "Partitions that the start looks at.", partitions),
      gauge("sluice_recovery_partitions_done", "Of them: done.", partitionsDone),
      gauge("sluice_recovery_scanned_bytes", "Bytes of logs read for it.", scannedBytes),
      ...heapFamilies([]),
      requestFamily(this.#httpTimes()),
    ];
  }

  async #ofShard(admin: Admin): Promise<Family[]> {
    // One after another: together they would be one long turn of the shard's loop.
    const counters = await admin.stats();
    const histograms = await admin.histograms();
    const topics = await admin.topicCounters(this.#topics.wanted);
    return [
      requestFamily([...requestTimes(histograms), ...this.#httpTimes()]),
      ...this.#topics.families(topics),
      ...await groupFamilies(admin),
      ...listenerFamilies(counters, this.#http.connections),
      ...heapFamilies(counters),
      ...nodeFamilies(counters, histograms),
    ];
  }

  #httpTimes(): Distribution[] {
    return [...this.#http.timesUs].map(([operation, timesUs]) => {
      const { count, sum } = timesUs;
      return timesOf({ door: "http", operation }, { count, sum, buckets: timesUs.buckets() });
    });
  }
}

function ownFamilies(startedMs: number, isReady: boolean, runtime: RuntimeInfo): Family[] {
  return [
    {
      type: "gauge",
      name: "sluice_build_info",
      help: "1: the version of the broker, and its runtime.",
      samples: [{
        labels: { version: VERSION, runtime: runtime.name, runtime_version: runtime.version },
        value: 1,
      }],
    },
    gauge("sluice_ready", "1: clients are served.", isReady ? 1 : 0),
    gauge(
      "process_start_time_seconds",
      "When the broker was started, in seconds since 1970.",
      Math.floor(startedMs) / 1000,
    ),
  ];
}

function requestFamily(distributions: readonly Distribution[]): Family {
  return {
    type: "histogram",
    name: "sluice_request_duration_seconds",
    help: "Requests by door and operation. native: from the poll that found a request until the " +
      "turn that answered it ended, waiting included. http: until the answer was sent. control: " +
      "what the broker asks itself, for its HTTP door among others.",
    distributions,
  };
}

/** Plain listeners send slices of files by sendfile; the HTTP door turns records into text. */
const ZERO_COPY: readonly Sample[] = [
  { labels: { listener: "native" }, value: 1 },
  { labels: { listener: "control" }, value: 1 },
  { labels: { listener: "http" }, value: 0 },
];

function listenerFamilies(counters: readonly Counter[], http: number): Family[] {
  const of = (wanted: string): number => {
    return counters.find(({ name }) => name === wanted)?.value ?? 0;
  };
  const clients = of("clients");
  const open: [listener: string, value: number][] = [
    ["native", clients],
    ["control", of("connections") - clients],
    ["http", http],
  ];
  return [
    {
      type: "gauge",
      name: "sluice_connections",
      help: "Open connections, by listener.",
      samples: open.map(([listener, value]) => ({ labels: { listener }, value })),
    },
    {
      type: "gauge",
      name: "sluice_listener_zero_copy",
      help: "1: records go from the page cache to the socket without a copy.",
      samples: ZERO_COPY,
    },
  ];
}

/** Of this thread, and of the shard where it has told its own. */
function heapFamilies(counters: readonly Counter[]): Family[] {
  const { heapUsed, heapTotal } = process.memoryUsage();
  const family = (name: string, help: string, main: number, stat: string): Family => {
    const shard = counters.find((counter) => counter.name === stat);
    const samples = [{ labels: { thread: "main" }, value: main }];
    if (shard !== undefined) samples.push({ labels: { thread: "shard" }, value: shard.value });
    return { type: "gauge", name, help, samples };
  };
  return [
    family("sluice_heap_used_bytes", "Heap in use, by thread.", heapUsed, "heap_used_bytes"),
    family("sluice_heap_size_bytes", "Heap reserved, by thread.", heapTotal, "heap_total_bytes"),
  ];
}

function gauge(name: string, help: string, value: number): Family {
  return { type: "gauge", name, help, samples: [{ labels: {}, value }] };
}
