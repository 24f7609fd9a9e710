/** Entry of the background worker of a shard: runs jobs from the ring until the shard stops. */

import { libc } from "#ffi";
import { JobRing } from "../base/job_ring.ts";
import { runBackground } from "./background.ts";
import type { BackgroundStart } from "./messages.ts";
import { die, EXIT_SOFTWARE, type WorkerScope } from "./worker_scope.ts";

const scope = globalThis as unknown as WorkerScope<BackgroundStart, "started" | "stopped">;

scope.onmessage = (event) => {
  try {
    scope.postMessage("started");
    runBackground(libc, new JobRing(event.data.jobs));
    scope.postMessage("stopped");
  } catch (error) {
    die(libc, `sluice: background worker failed: ${String(error)}`, EXIT_SOFTWARE);
  }
};
