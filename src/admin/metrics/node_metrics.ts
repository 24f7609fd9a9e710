/**
 * Metrics of the node: the counters of `stats` under Prometheus' names and units, and its
 * histograms. What a histogram or a topic's counter says already is not told again.
 *
 * Invariant: every counter of `stats` is either in a row or among those left out, with the reason.
 */

import { type Counter, DISK_STATES, type HistogramState } from "../../client/admin.ts";
import { countsOf, type Distribution, type Family, type Labels, timesOf } from "./family.ts";

type Source = readonly [stat: string, labels?: Labels];

interface Row {
  /** Ends in `_total`: a counter. */
  readonly name: string;
  readonly help: string;
  readonly of: readonly Source[];
  /** What a value is multiplied by; 1 where nothing is said. */
  readonly scale?: number;
}

export const ROWS: readonly Row[] = [
  one("process_cpu_seconds_total", "CPU time of the process.", "process_cpu_ms_total", 0.001),
  one("process_resident_memory_bytes", "Resident memory.", "process_resident_bytes"),
  one("process_threads", "Threads of the process.", "process_threads"),
  {
    name: "sluice_collections_total",
    help: "Garbage collections that the shard asked for (on Bun; V8 does not tell).",
    of: [
      ["collections_young_total", { kind: "young" }],
      ["collections_whole_total", { kind: "whole" }],
    ],
  },
  one("sluice_loop_slow_turns_total", "Turns above 10 ms.", "loop_slow_turns_total"),
  one("sluice_loop_stalls_total", "Times the process stood still.", "loop_stalls_total"),
  one("sluice_receive_calls_total", "Calls of recv.", "receive_calls_total"),
  one("sluice_received_bytes_total", "Bytes received.", "received_bytes_total"),
  {
    name: "sluice_send_calls_total",
    help: "Calls that send: sendfile does not copy.",
    of: [
      ["send_calls_total", { call: "send" }],
      ["sendfile_calls_total", { call: "sendfile" }],
    ],
  },
  {
    name: "sluice_sent_bytes_total",
    help: "Bytes sent: by send, or from a file by sendfile.",
    of: [
      ["sent_memory_bytes_total", { call: "send" }],
      ["sent_file_bytes_total", { call: "sendfile" }],
    ],
  },
  one("sluice_partitions", "Partitions.", "partitions"),
  one("sluice_partitions_degraded", "Partitions that are damaged.", "partitions_degraded"),
  one("sluice_partitions_failed", "Partitions whose storage failed.", "partitions_failed"),
  one("sluice_appended_batches_total", "Batches appended.", "appended_batches_total"),
  one("sluice_refused_batches_total", "Batches refused.", "refused_batches_total"),
  one(
    "sluice_disk_refused_batches_total",
    "Of the batches refused: because the disk takes nothing.",
    "disk_refused_batches_total",
  ),
  one("sluice_duplicate_batches_total", "Batches sent again.", "duplicate_batches_total"),
  one("sluice_write_calls_total", "Writes to logs.", "write_calls_total"),
  one("sluice_segment_rolls_total", "Segments begun.", "segment_rolls_total"),
  one("sluice_segments_deleted_total", "Segments deleted.", "segments_deleted_total"),
  one(
    "sluice_segments_deleted_bytes_total",
    "Bytes of segments deleted.",
    "segments_deleted_bytes_total",
  ),
  one(
    "sluice_retention_limit_bytes",
    "What all topics together may keep; 0: there is no bound.",
    "retention_limit_bytes",
  ),
  one(
    "sluice_retention_used_bytes",
    "What they keep, where there is such a bound.",
    "retention_used_bytes",
  ),
  one(
    "sluice_room_holds_total",
    "Times that a producer was held until old segments had made room.",
    "room_holds_total",
  ),
  one("sluice_checkpoints_total", "Checkpoints of partitions.", "checkpoints_total"),
  one(
    "sluice_recovery_scanned_bytes_total",
    "Bytes of logs that the start had to read.",
    "recovery_scanned_bytes_total",
  ),
  one("sluice_log_read_bytes_total", "Bytes of logs read by the broker.", "log_read_bytes_total"),
  one("sluice_disk_size_bytes", "Size of the file system of the data.", "disk_total_bytes"),
  one("sluice_disk_free_bytes", "What is free of it.", "disk_free_bytes"),
  {
    name: "sluice_syncs_total",
    help: "Files or file systems synced, by who did it.",
    of: [
      ["syncs_aio_total", { method: "aio" }],
      ["syncs_pool_total", { method: "pool" }],
      ["syncs_file_system_total", { method: "file_system" }],
      ["syncs_in_loop_total", { method: "loop" }],
    ],
  },
  one("sluice_sync_waits_total", "Groups that waited for producers.", "sync_waits_total"),
  one("sluice_sync_waits_in_vain_total", "Of them: in vain.", "sync_waits_in_vain_total"),
  one("sluice_unsynced_bytes", "Bytes written and not synced.", "unsynced_bytes"),
  one("sluice_producer_holds_total", "Times producers had to wait.", "producer_holds_total"),
  one("sluice_fetches_parked_total", "Fetches that had to wait.", "fetches_parked_total"),
  one("sluice_subscriptions", "Subscriptions.", "subscriptions"),
  one("sluice_pushes_total", "Batches pushed to subscribers.", "pushes_total"),
  one("sluice_groups", "Groups that have committed offsets.", "groups"),
  one("sluice_group_offsets_bytes", "Memory of committed offsets.", "offsets_bytes"),
  one("sluice_offset_commits_total", "Commits of groups.", "offset_commits_total"),
  one("sluice_committed_offsets_total", "Offsets committed.", "committed_offsets_total"),
  one("sluice_offset_commits_refused_total", "Commits refused.", "offset_commits_refused_total"),
  one("sluice_cold_waits_total", "Reads that waited for the disk.", "cold_waits_total"),
  one("sluice_cold_reads_total", "Pieces read from the disk for consumers.", "cold_reads_total"),
  one("sluice_cold_read_bytes_total", "Bytes of them.", "cold_read_bytes_total"),
  one("sluice_cold_reads_failed_total", "Reads that failed.", "cold_reads_failed_total"),
  one("sluice_cold_read_pending_bytes", "Bytes being read.", "cold_read_pending_bytes"),
  one("sluice_cache_evictions_total", "Readers forgotten for others.", "cache_evictions_total"),
  one("sluice_cache_dropped_bytes_total", "Cache given back.", "cache_dropped_bytes_total"),
  one("sluice_connections_accepted_total", "Connections.", "connections_accepted_total"),
  {
    name: "sluice_connections_refused_total",
    help: "Connections refused, by reason.",
    of: [
      ["connections_refused_limit_total", { reason: "limit" }],
      ["connections_refused_address_total", { reason: "address" }],
      ["connections_refused_descriptors_total", { reason: "descriptors" }],
    ],
  },
  {
    name: "sluice_connections_closed_total",
    help: "Connections closed, by reason.",
    of: ["peer", "error", "refused", "idle", "request", "hello", "write", "operator"]
      .map((reason) => [`connections_closed_${reason}_total`, { reason }] as const),
  },
  one("sluice_receive_budget_waits_total", "Waits for memory.", "receive_budget_waits_total"),
  one("sluice_receive_budget_waiting", "Waiting for memory now.", "receive_budget_waiting"),
  {
    name: "sluice_pool_lent_bytes",
    help: "Buffers in use.",
    of: [
      ["receive_lent_bytes", { pool: "receive" }],
      ["reply_lent_bytes", { pool: "reply" }],
    ],
  },
  one("sluice_pool_free_bytes", "Buffers kept for the next.", "pool_free_bytes"),
];

/** Counters of `stats` that are not told, and where the same is found. */
export const LEFT_OUT: Readonly<Record<string, RegExp>> = {
  "a quantile or a maximum: the histogram has all of them": /_(p50|p99|max)$|_(p\d+|max)_us$/,
  "the count or the sum of a histogram": /^(turns|sync_(groups|records|submits)|fetches)_total$/,
  "told by topic": /^(appended|fetched|pushed|cache_hit|cache_miss)_(records|bytes)_total$/,
  "the sum of others": /^pool_lent_bytes$/,
  "told by listener or thread, or as one sample for each state":
    /^(connections|clients|disk_state|heap_(used|total)_bytes)$/,
};

export function nodeFamilies(
  counters: readonly Counter[],
  histograms: readonly HistogramState[],
): Family[] {
  const of = new Map(counters.map(({ name, value }) => [name, value]));
  return [...ROWS.map((row) => familyOf(row, of)), diskState(of), ...distributionsOf(histograms)];
}

function familyOf({ name, help, of: sources, scale = 1 }: Row, of: Values): Family {
  const samples = sources.flatMap(([stat, labels = {}]) => {
    const value = of.get(stat);
    return value === undefined ? [] : [{ labels, value: scaled(value, scale) }];
  });
  return { type: name.endsWith("_total") ? "counter" : "gauge", name, help, samples };
}

type Values = ReadonlyMap<string, number>;

/** Milliseconds to seconds, without the noise of binary fractions. */
function scaled(value: number, scale: number): number {
  return scale === 1 ? value : Number((value * scale).toFixed(3));
}

function diskState(of: Values): Family {
  const current = DISK_STATES[of.get("disk_state") ?? 0];
  return {
    type: "gauge",
    name: "sluice_disk_state",
    help: "1 for the state that the disk is in. Full and read-only: records are refused for now.",
    samples: DISK_STATES.map((state) => ({ labels: { state }, value: state === current ? 1 : 0 })),
  };
}

/** Requests are told beside those of the HTTP door: requestTimes. */
function distributionsOf(histograms: readonly HistogramState[]): Family[] {
  const named = (wanted: string): HistogramState[] => {
    return histograms.filter(({ name }) => name === wanted);
  };
  const times = (name: string, help: string, of: string): Family => {
    return { type: "histogram", name, help, distributions: named(of).map((it) => timesOf({}, it)) };
  };
  return [
    times("sluice_loop_turn_duration_seconds", "Turns of the shard's loop: its lag.", "turn_us"),
    times(
      "sluice_sync_duration_seconds",
      "From the submission of a partition's sync until it was known to be done.",
      "sync_latency_us",
    ),
    times(
      "sluice_sync_submit_duration_seconds",
      "What the submission of syncs took of the loop.",
      "sync_submit_us",
    ),
    {
      type: "histogram",
      name: "sluice_sync_records",
      help: "Records that the sync of a partition made durable.",
      distributions: named("sync_group_records").map((found) => countsOf({}, found)),
    },
  ];
}

/** Requests of clients by operation; `control` is the broker's own, and HTTP's way to the shard. */
export function requestTimes(histograms: readonly HistogramState[]): Distribution[] {
  return histograms.filter(({ name }) => name === "request_us").map((found) => {
    return timesOf({ door: found.listener, operation: found.operation }, found);
  });
}

function one(name: string, help: string, of: string, scale: number = 1): Row {
  return { name, help, of: [[of]], scale };
}
