/** Entry of a worker that syncs for a shard: runs jobs from its ring until the shard stops. */

import { libc } from "#ffi";
import { JobRing } from "../base/job_ring.ts";
import type { SyncWorkerStart } from "./messages.ts";
import { runSyncs } from "./sync_pool.ts";
import { die, EXIT_SOFTWARE, type WorkerScope } from "./worker_scope.ts";

const scope = globalThis as unknown as WorkerScope<SyncWorkerStart, "started" | "stopped">;

scope.onmessage = (event) => {
  try {
    scope.postMessage("started");
    runSyncs(libc, new JobRing(event.data.ring));
    scope.postMessage("stopped");
  } catch (error) {
    die(libc, `sluice: sync worker failed: ${String(error)}`, EXIT_SOFTWARE);
  }
};
