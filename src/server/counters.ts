/**
 * The counters of a node under the names that `stats` gives them. Names ending in _total only
 * grow.
 */

import { connectionCounters } from "./connection_counters.ts";
import type { ColdReads } from "../broker/cold_reads.ts";
import type { NamedHistogram } from "../native/door.ts";
import type { ReplyOf } from "../native/operations.ts";
import { collectionCounters, heapCounters } from "./heap_counters.ts";
import type { Node } from "./node.ts";

function coldCounters(cold: ColdReads): { name: string; value: number }[] {
  const { counters } = cold;
  return [
    { name: "cache_hit_bytes_total", value: counters.hitBytes },
    { name: "cache_miss_bytes_total", value: counters.missBytes },
    { name: "cold_waits_total", value: counters.waits },
    { name: "cold_reads_total", value: counters.pieces },
    { name: "cold_read_bytes_total", value: counters.readBytes },
    { name: "cold_reads_failed_total", value: counters.failedReads },
    { name: "cold_read_pending_bytes", value: cold.postedBytes },
    { name: "cache_evictions_total", value: counters.evictions },
    { name: "cache_dropped_bytes_total", value: counters.droppedBytes },
  ];
}

/** As the operation `health` gives it: partitions that take nothing, and the disk. */
export function nodeHealth({ broker, store }: Node): ReplyOf<"health"> {
  let degraded = 0;
  let failed = 0;
  for (const { log, removed } of broker.topics.partitions) {
    if (removed) continue;
    if (log.broken) failed += 1;
    else if (log.degraded !== "") degraded += 1;
  }
  const { state: diskState, availableBytes, totalBytes: diskTotalBytes } = store.disk;
  const partitions = broker.topics.count;
  return { partitions, degraded, failed, diskState, diskFreeBytes: availableBytes, diskTotalBytes };
}

export function nodeCounters(node: Node): { name: string; value: number }[] {
  const { broker, syncer, store, counters, sendCounters } = node;
  const health = nodeHealth(node);
  return [
    { name: "turns_total", value: counters.turns },
    ...node.loopLag.list(),
    ...node.processCounters.list(),
    ...heapCounters(),
    ...collectionCounters(node.collector),
    { name: "receive_calls_total", value: counters.receives },
    { name: "received_bytes_total", value: counters.receivedBytes },
    { name: "send_calls_total", value: sendCounters.sends },
    { name: "sendfile_calls_total", value: sendCounters.sendfiles },
    { name: "sent_memory_bytes_total", value: sendCounters.memoryBytes },
    { name: "sent_file_bytes_total", value: sendCounters.fileBytes },
    { name: "partitions", value: health.partitions },
    { name: "partitions_degraded", value: health.degraded },
    { name: "partitions_failed", value: health.failed },
    { name: "appended_batches_total", value: broker.counters.appends },
    { name: "appended_records_total", value: broker.counters.appendedRecords },
    { name: "appended_bytes_total", value: broker.counters.appendedBytes },
    { name: "refused_batches_total", value: broker.counters.refusedAppends },
    { name: "duplicate_batches_total", value: broker.counters.duplicateAppends },
    { name: "write_calls_total", value: store.counters.writes },
    { name: "segment_rolls_total", value: store.counters.rolls },
    { name: "segments_deleted_total", value: store.counters.segmentsDeleted },
    { name: "segments_deleted_bytes_total", value: store.counters.segmentsDeletedBytes },
    { name: "retention_limit_bytes", value: store.bound.isSet ? store.bound.limitBytes : 0 },
    { name: "retention_used_bytes", value: store.bound.isSet ? store.bound.usedBytes : 0 },
    { name: "checkpoints_total", value: store.counters.checkpoints },
    { name: "recovery_scanned_bytes_total", value: store.counters.recoveryScanned },
    { name: "recovery_scanned_bytes_max", value: store.counters.recoveryScannedMax },
    { name: "disk_total_bytes", value: health.diskTotalBytes },
    { name: "disk_free_bytes", value: health.diskFreeBytes },
    { name: "disk_state", value: health.diskState },
    { name: "disk_refused_batches_total", value: broker.counters.diskRefusedAppends },
    ...syncer.counters.list(),
    { name: "sync_waits_total", value: syncer.wait.begun },
    { name: "sync_waits_in_vain_total", value: syncer.wait.inVain },
    { name: "unsynced_bytes", value: store.unsyncedBytes },
    { name: "producer_holds_total", value: counters.producerHolds },
    { name: "room_holds_total", value: counters.roomHolds },
    { name: "fetches_total", value: broker.counters.fetches },
    { name: "fetches_parked_total", value: broker.counters.parkedFetches },
    { name: "fetched_bytes_total", value: broker.counters.fetchedBytes },
    { name: "fetched_records_total", value: broker.counters.fetchedRecords },
    { name: "subscriptions", value: broker.subscriptions },
    { name: "pushes_total", value: broker.counters.pushes },
    { name: "pushed_bytes_total", value: broker.counters.pushedBytes },
    { name: "pushed_records_total", value: broker.counters.pushedRecords },
    { name: "groups", value: broker.offsets.store.groups.size },
    { name: "offsets_bytes", value: broker.offsets.store.bytes },
    { name: "offset_commits_total", value: broker.offsets.counters.commits },
    { name: "committed_offsets_total", value: broker.offsets.counters.committedOffsets },
    { name: "offset_commits_refused_total", value: broker.offsets.counters.refusedCommits },
    ...coldCounters(node.coldReads),
    { name: "log_read_bytes_total", value: store.counters.bytesRead },
    ...connectionCounters(node),
  ];
}

/** As the operation `histograms` gives them. */
export function nodeHistograms({ syncer, loopLag, door }: Node): NamedHistogram[] {
  const { latencyUs, submitUs, groupRecords } = syncer.counters;
  return [
    { name: "turn_us", listener: "", operation: "", values: loopLag.turnsUs },
    { name: "sync_latency_us", listener: "", operation: "", values: latencyUs },
    { name: "sync_submit_us", listener: "", operation: "", values: submitUs },
    { name: "sync_group_records", listener: "", operation: "", values: groupRecords },
    ...door.times.list().map(({ operation, isControl, timesUs }) => {
      const listener = isControl ? "control" : "native";
      return { name: "request_us", listener, operation, values: timesUs };
    }),
  ];
}
