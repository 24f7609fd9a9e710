/** What stats says of syncs: names that stay, totals, and quantiles of what was recorded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SyncCounters } from "../../../src/server/sync_counters.ts";

test("totals by who synced, and three quantiles of each histogram", () => {
  const counters = new SyncCounters();
  Object.assign(counters, { groups: 1, records: 2, submits: 3, byAio: 4, byPool: 5 });
  Object.assign(counters, { byFileSystem: 6, inLoop: 7 });
  for (let i = 1; i <= 100; i += 1) counters.latencyUs.record(i < 100 ? 10 : 15);
  counters.submitUs.record(3);
  counters.groupRecords.record(12);
  counters.groupRequests.record(8);
  assert.deepEqual(counters.list().map(({ name, value }) => `${name} ${value}`), [
    "sync_groups_total 1",
    "sync_records_total 2",
    "sync_submits_total 3",
    "syncs_aio_total 4",
    "syncs_pool_total 5",
    "syncs_file_system_total 6",
    "syncs_in_loop_total 7",
    ...["sync_latency_us_p50 10", "sync_latency_us_p99 10", "sync_latency_us_max 15"],
    ...["sync_submit_us_p50 3", "sync_submit_us_p99 3", "sync_submit_us_max 3"],
    ...["sync_group_records_p50 12", "sync_group_records_p99 12", "sync_group_records_max 12"],
    ...["sync_group_requests_p50 8", "sync_group_requests_p99 8", "sync_group_requests_max 8"],
  ]);
});
