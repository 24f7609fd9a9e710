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
 * Invariant: the threads of a process open libc one after another, whichever brokers they are of,
 * and none is ended while it does: runtimes have crashed when fresh threads opened a library at
 * the same time.
 */

import { JOB_RING_BYTES, JobRing } from "../base/job_ring.ts";
import { later } from "../base/later.ts";
import type { VerifyEvent } from "../base/verify_event.ts";
import type { BackgroundStart, SyncWorkerStart, ToShard, VerifyStart } from "./messages.ts";
import { StartError } from "./start_error.ts";

/** Settles when every thread of this process that was to open libc has, or will not. */
let libcOpened: Promise<void> = Promise.resolve();

/** So long a worker may take to do what is left in its ring. */
const FINISH_MS = 5000;

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
  /** Settles when a worker has opened libc, or will not. */
  readonly #opened: Map<Worker, Promise<unknown>> = new Map();
  /** Settles when a worker of a ring has done all that is in it, and closed what it had open. */
  readonly #finished: Map<Worker, Promise<unknown>> = new Map();
  /** Settles when the background worker has begun, if one was asked for. */
  #background: Promise<void> = Promise.resolve();
  #ended = false;

  /** Another module may stand in for the worker of a thread. */
  constructor(entries: Partial<Record<Entry, URL>> = {}) {
    this.#entries = { ...ENTRIES, ...entries };
    this.failed = new Promise((resolve) => (this.#fail = resolve));
    this.shard = this.#start("shard", this.#fail);
    // Where it fails, whoever imports it next says why.
    import(later("#ffi")).then(() => this.#letShardOpen(), () => {});
  }

  /** The shard has loaded, because it asks for it. What becomes of it, `failed` tells. */
  startBackground(): void {
    this.#background = this.#begin("background", { jobs: this.jobs }).catch(this.#fail);
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
        this.#opened.delete(worker);
      }
    };
  }

  /**
   * Ends threads that have nothing to do, or that have said that they are done; settles when those
   * have closed their files that have some.
   */
  async terminate(): Promise<void> {
    this.#ended = true;
    // `terminate` does not reach a worker that waits for a job.
    for (const ring of this.#rings) new JobRing(ring).stop();
    await this.#background;
    await Promise.all([...this.#workers].map((worker) => this.#end(worker)));
  }

  async #end(worker: Worker): Promise<void> {
    await this.#opened.get(worker);
    const finished = this.#finished.get(worker);
    if (finished !== undefined) await withPatience(finished);
    worker.terminate();
  }

  #letShardOpen(): void {
    const { shard } = this;
    void inTurn(async () => {
      if (this.#ended) return;
      const opened = new Promise((resolve) => {
        shard.addEventListener("message", resolve, { once: true });
      });
      shard.postMessage("libc_is_open" satisfies ToShard);
      const opening = Promise.race([opened, this.failed]);
      this.#opened.set(shard, opening);
      await opening;
    });
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
    return inTurn(async () => {
      // There are files in the ring of that worker: it closes them whatever happens.
      if (this.#ended && entry !== "background") return;
      const opened = Promise.withResolvers<void>();
      const finished = Promise.withResolvers<void>();
      const worker = this.#start(entry, (error) => {
        opened.reject(error);
        finished.resolve();
      });
      this.#opened.set(worker, opened.promise.catch(() => {})); // who asked for it hears of it
      if (entry !== "verify") this.#finished.set(worker, finished.promise);
      worker.onmessage = ({ data }) => {
        if (data === "stopped") finished.resolve();
        begun(worker);
        opened.resolve();
      };
      worker.postMessage(message);
      await opened.promise;
    });
  }
}

/** A disk that hangs is not waited for: what is not closed then is closed with the process. */
async function withPatience(finished: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, FINISH_MS);
  await Promise.race([finished, promise]);
  clearTimeout(timer);
}

/** What waits for the threads before it; its failure is nothing to those behind it. */
function inTurn(open: () => Promise<void>): Promise<void> {
  const opening = libcOpened.then(open);
  libcOpened = opening.catch(() => {});
  return opening;
}
