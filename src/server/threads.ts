/**
 * The worker threads of a broker. The shard's is started before anything else: loading its modules
 * takes longer than all that the main thread does until it knows what the shard is to do.
 *
 *     main          #ffi -> modules, configuration, directory -> ShardStart
 *     shard         loads …………………………… #ffi ………………………………………………… | recovers, listens
 *     sync workers                                  where AIO is refused: | load
 *     background                                    with its first job:      | loads
 *     verify                                        when somebody asks for it, and only for that
 *
 * Invariant: threads open libc one after another, the shard when it hears that main has, others
 * when the shard runs: runtimes have crashed when fresh threads opened a library at the same time.
 */

import { JOB_RING_BYTES, JobRing } from "../base/job_ring.ts";
import { later } from "../base/later.ts";
import type {
  BackgroundStart,
  SyncWorkerStart,
  ToShard,
  VerifyEvent,
  VerifyStart,
} from "./messages.ts";
import { StartError } from "./start_error.ts";

type Entry = "shard" | "background" | "sync" | "verify";

/** Written out, so that a bundler sees every entry. */
const ENTRIES: Record<Entry, URL> = {
  shard: new URL("./worker.ts", import.meta.url),
  background: new URL("./background_worker.ts", import.meta.url),
  sync: new URL("./sync_worker.ts", import.meta.url),
  verify: new URL("./verify_worker.ts", import.meta.url),
};

export class Threads {
  /** The ring between the shard and its background worker. */
  readonly jobs: SharedArrayBuffer = new SharedArrayBuffer(JOB_RING_BYTES);
  /** Takes its message when it has loaded. */
  readonly shard: Worker;
  /** Settles when the shard or its background worker does not load. */
  readonly failed: Promise<StartError>;
  #fail: (error: StartError) => void = () => {};
  readonly #entries: Record<Entry, URL>;
  readonly #workers: Set<Worker> = new Set();
  readonly #rings: SharedArrayBuffer[] = [this.jobs];
  /** Settles when every worker that was asked for besides the shard runs, or will not. */
  #begun: Promise<void> = Promise.resolve();
  #ended = false;

  /** Another module may stand in for the worker of a thread. */
  constructor(entries: Partial<Record<Entry, URL>> = {}) {
    this.#entries = { ...ENTRIES, ...entries };
    this.failed = new Promise((resolve) => (this.#fail = resolve));
    this.shard = this.#start("shard", this.#fail);
    // Where it fails, whoever imports it next says why.
    import(later("#ffi")).then(() => this.#tellShard("libc_is_open"), () => {});
  }

  /** The shard has loaded, because it asks for it. What becomes of it, `failed` tells. */
  startBackground(): void {
    this.#begin("background", { jobs: this.jobs }).catch(this.#fail);
  }

  /** A worker that syncs for the shard, which has loaded; settles when it runs, or StartError. */
  startSync(ring: SharedArrayBuffer): Promise<void> {
    this.#rings.push(ring);
    return this.#begin("sync", { ring });
  }

  /**
   * A worker that verifies, and tells what it finds; settles when it runs, or StartError. It is
   * ended by what is returned.
   */
  async startVerify(start: VerifyStart, tell: (event: VerifyEvent) => void): Promise<() => void> {
    const made: Worker[] = [];
    await this.#begin("verify", start, (worker) => {
      made.push(worker);
      worker.onmessage = ({ data }) => tell(data as VerifyEvent);
    });
    if (made.length === 0) throw new StartError("the broker has ended");
    return () => {
      for (const worker of made) {
        worker.terminate();
        this.#workers.delete(worker);
      }
    };
  }

  /** Ends threads that have nothing to do, or that have said that they are done. */
  terminate(): void {
    this.#ended = true;
    // `terminate` does not reach a worker that waits for a job.
    for (const ring of this.#rings) new JobRing(ring).stop();
    for (const worker of this.#workers) worker.terminate();
  }

  #tellShard(message: ToShard): void {
    this.shard.postMessage(message);
  }

  /** `fail` hears when its module fails. Once it runs, it dies with the process. */
  #start(entry: Entry, fail: (error: StartError) => void): Worker {
    const worker = new Worker(this.#entries[entry].href, { type: "module" });
    worker.onerror = (event) => {
      event.preventDefault(); // or Deno ends the process
      fail(new StartError(`the ${entry} worker does not load: ${event.message}`));
    };
    this.#workers.add(worker);
    return worker;
  }

  #begin(
    entry: "background" | "sync" | "verify",
    message: BackgroundStart | SyncWorkerStart | VerifyStart,
    begun: (worker: Worker) => void = () => {},
  ): Promise<void> {
    const beginning = this.#begun.then(() => {
      if (this.#ended) return;
      return new Promise<void>((resolve, reject) => {
        const worker = this.#start(entry, reject);
        worker.onmessage = () => {
          begun(worker);
          resolve();
        };
        worker.postMessage(message);
      });
    });
    this.#begun = beginning.catch(() => {}); // who asked for it hears of it
    return beginning;
  }
}
