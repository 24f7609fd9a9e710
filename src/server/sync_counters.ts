/** What `stats` says about syncs. Hot. */

import { Histogram } from "../base/histogram.ts";

export class SyncCounters {
  /** Partitions synced: groups of batches that one sync made durable. */
  groups = 0;
  /** Records that they made durable. */
  records = 0;
  /** Groups of submissions, to AIO or to the workers. */
  submits = 0;
  /** Descriptors synced, by who did it; of the file system the calls of syncfs. */
  byAio = 0;
  byPool = 0;
  byFileSystem = 0;
  /** In the loop: nobody else took it. */
  inLoop = 0;
  /** Microseconds from the submission of a partition's sync until it was reaped. */
  readonly latencyUs: Histogram = new Histogram();
  /** Microseconds that the loop spent in a submission. */
  readonly submitUs: Histogram = new Histogram();
  /** Records and answered requests of a group. */
  readonly groupRecords: Histogram = new Histogram();
  readonly groupRequests: Histogram = new Histogram();

  list(): { name: string; value: number }[] {
    return [
      { name: "sync_groups_total", value: this.groups },
      { name: "sync_records_total", value: this.records },
      { name: "sync_submits_total", value: this.submits },
      { name: "syncs_aio_total", value: this.byAio },
      { name: "syncs_pool_total", value: this.byPool },
      { name: "syncs_file_system_total", value: this.byFileSystem },
      { name: "syncs_in_loop_total", value: this.inLoop },
      ...quantiles("sync_latency_us", this.latencyUs),
      ...quantiles("sync_submit_us", this.submitUs),
      ...quantiles("sync_group_records", this.groupRecords),
      ...quantiles("sync_group_requests", this.groupRequests),
    ];
  }
}

function quantiles(name: string, histogram: Histogram): { name: string; value: number }[] {
  return [
    { name: `${name}_p50`, value: histogram.quantile(0.5) },
    { name: `${name}_p99`, value: histogram.quantile(0.99) },
    { name: `${name}_max`, value: histogram.max },
  ];
}
