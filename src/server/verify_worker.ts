/**
 * Entry of a worker that verifies one partition beside the broker, and tells how far it is. It
 * reads by a libc of its own thread, so that neither the shard nor the main thread waits for it.
 *
 *     start -> "started" -> progress, finding, … -> summary | failed | cancelled
 */

import { libc } from "#ffi";
import type { VerifyEvent } from "../base/verify_event.ts";
import { StorageError } from "../log/files.ts";
import { ToolError } from "../tools/places.ts";
import { verifySteps } from "../tools/verify.ts";
import type { VerifyStart } from "./messages.ts";
import type { WorkerScope } from "./worker_scope.ts";

/** Between two words about the progress. */
const PROGRESS_MS = 250;

const scope = globalThis as unknown as WorkerScope<VerifyStart, VerifyEvent | "started">;

scope.onmessage = (event) => {
  scope.postMessage("started");
  scope.postMessage(run(event.data));
};

/** The last word. */
function run({ path, partition, isCancelled }: VerifyStart): VerifyEvent {
  const flag = new Int32Array(isCancelled);
  let toldMs = 0;
  try {
    const steps = verifySteps(libc, path, {
      partition,
      tell: ({ severity, path: at, text, advice }) => {
        scope.postMessage({ kind: "finding", severity, path: at, text, advice });
      },
      progress: (doneBytes, totalBytes) => {
        const nowMs = libc.monotonicMs();
        if (nowMs - toldMs < PROGRESS_MS) return;
        toldMs = nowMs;
        scope.postMessage({ kind: "progress", doneBytes, totalBytes });
      },
    });
    for (;;) {
      if (Atomics.load(flag, 0) === 1) {
        steps.return(undefined as never); // lets go of its files
        return { kind: "cancelled" };
      }
      const step = steps.next();
      if (step.done !== true) continue;
      const { segments, batches, records, bytes, findings } = step.value;
      return { kind: "summary", segments, batches, records, bytes, findings };
    }
  } catch (error) {
    const isKnown = error instanceof ToolError || error instanceof StorageError;
    return { kind: "failed", message: isKnown ? error.message : `a bug: ${String(error)}` };
  }
}
