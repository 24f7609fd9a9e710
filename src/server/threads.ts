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
import { StartError } from "./start_error.ts";

type Entry = "shard" | "background" | "sync";

/** Written out, so that a bundler sees every entry. */
const ENTRIES: Record<Entry, URL> = {
  shard: new URL("./worker.ts", import.meta.url),
  background: new URL("./background_worker.ts", import.meta.url),
  sync: new URL("./sync_worker.ts", import.meta.url),
};

/** Has `reject` hear when the module of a worker fails. Once it runs, it dies with the process. */
export function notLoading(
  entry: Entry,
  worker: Worker,
  reject: (error: StartError) => void,
): void {
  worker.onerror = (event) => {
    event.preventDefault(); // or Deno ends the process
    reject(new StartError(`the ${entry} worker does not load: ${event.message}`));
  };
}

export class Threads {
  /** The ring between the shard and its background worker. */
  readonly jobs: SharedArrayBuffer = new SharedArrayBuffer(JOB_RING_BYTES);
  /** The shard's thread: it takes its message when it has loaded. Rejects with StartError. */
  readonly shard: Promise<Worker>;
  readonly #entries: Record<Entry, URL>;
  readonly #workers: Worker[] = [];
  readonly #rings: SharedArrayBuffer[] = [this.jobs];
  #ended = false;

  /** Another module may stand in for the worker of a thread. */
  constructor(entries: Partial<Record<Entry, URL>> = {}) {
    this.#entries = { ...ENTRIES, ...entries };
    this.shard = this.#begin("background", { jobs: this.jobs }).then(() => this.#start("shard"));
    this.shard.catch(() => {}); // who awaits it hears of it, maybe later
  }

  /** A worker that syncs for the shard; settles when it runs. Throws StartError. */
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

  #start(entry: Entry): Worker {
    const worker = new Worker(this.#entries[entry].href, { type: "module" });
    if (this.#ended) worker.terminate();
    this.#workers.push(worker);
    return worker;
  }

  async #begin(
    entry: "background" | "sync",
    message: BackgroundStart | SyncWorkerStart,
  ): Promise<void> {
    const worker = this.#start(entry);
    const started = new Promise((resolve, reject) => {
      worker.onmessage = resolve;
      notLoading(entry, worker, reject);
    });
    worker.postMessage(message);
    await started;
  }
}
