/**
 * The worker threads of a broker, started before anything else: loading the modules of a shard
 * takes longer than all that the main thread does until it knows what the shard is to do.
 *
 *     main         #ffi | the rest of its modules | configuration | directory | ShardStart
 *     background        | loads, waits for jobs
 *     shard                       | loads ……………………………………………………………………… | recovers, listens
 *
 * Invariant: threads load one after another, and none before libc is opened on the main thread:
 * runtimes have crashed when fresh threads opened a library at the same time.
 */

import "#ffi";
import { JOB_RING_BYTES, JobRing } from "../base/job_ring.ts";
import type { BackgroundStart, SyncWorkerStart } from "./messages.ts";

/** Written out, so that a bundler sees every entry. */
const ENTRIES = {
  shard: new URL("./worker.ts", import.meta.url),
  background: new URL("./background_worker.ts", import.meta.url),
  sync: new URL("./sync_worker.ts", import.meta.url),
} as const;

export class Threads {
  /** The ring between the shard and its background worker. */
  readonly jobs: SharedArrayBuffer = new SharedArrayBuffer(JOB_RING_BYTES);
  /** The shard's thread: it takes its message when it has loaded. */
  readonly shard: Promise<Worker>;
  readonly #workers: Worker[] = [];
  readonly #rings: SharedArrayBuffer[] = [this.jobs];
  #ended = false;

  constructor() {
    this.shard = this.#begin("background", { jobs: this.jobs }).then(() => this.#start("shard"));
  }

  /** A worker that syncs for the shard; settles when it runs. */
  async startSync(ring: SharedArrayBuffer): Promise<void> {
    this.#rings.push(ring);
    await this.#begin("sync", { ring });
  }

  /** Ends threads that have nothing to do, or that have said that they are done. */
  terminate(): void {
    this.#ended = true;
    // `terminate` does not reach a worker that waits for a job.
    for (const ring of this.#rings) new JobRing(ring).stop();
    for (const worker of this.#workers) worker.terminate();
  }

  #start(entry: keyof typeof ENTRIES): Worker {
    const worker = new Worker(ENTRIES[entry].href, { type: "module" });
    if (this.#ended) worker.terminate();
    this.#workers.push(worker);
    return worker;
  }

  async #begin(
    entry: "background" | "sync",
    message: BackgroundStart | SyncWorkerStart,
  ): Promise<void> {
    const worker = this.#start(entry);
    const started = new Promise((resolve) => (worker.onmessage = resolve));
    worker.postMessage(message);
    await started;
  }
}
