/**
 * Verifying partitions while the broker serves: in a thread that is there for as long as somebody
 * wants to know, one partition after the other.
 *
 *     begin -> waits for those before -> the worker works -> its last word -> the worker ends
 *              |                         |
 *              cancel: nothing is begun  cancel: it ends at its next step
 *
 * Invariant: at most one worker verifies; who cancels hears nothing more.
 */

import type { VerifyEvent } from "../base/verify_event.ts";
import type { Threads } from "./threads.ts";

type Tell = (event: VerifyEvent) => void;

class Run {
  readonly partition: string;
  readonly isCancelled: SharedArrayBuffer = new SharedArrayBuffer(4);
  readonly #flag: Int32Array = new Int32Array(this.isCancelled);
  #tell: Tell | null;

  constructor(partition: string, tell: Tell) {
    this.partition = partition;
    this.#tell = tell;
  }

  get isOver(): boolean {
    return this.#tell === null;
  }

  tell(event: VerifyEvent): void {
    const { kind } = event;
    const tell = this.#tell;
    if (kind !== "progress" && kind !== "finding") this.#tell = null;
    tell?.(event);
  }

  cancel(): void {
    this.#tell = null;
    Atomics.store(this.#flag, 0, 1);
  }
}

export class VerifyThread {
  readonly #threads: Threads;
  readonly #path: string;
  /** Not over yet. */
  readonly #runs: Set<Run> = new Set();
  #last: Promise<void> = Promise.resolve();

  /** `path`: of the data directory. */
  constructor(threads: Threads, path: string) {
    this.#threads = threads;
    this.#path = path;
  }

  /** Returns how to cancel it. `partition` is a name such as orders-0. */
  begin(partition: string, tell: Tell): () => void {
    const run = new Run(partition, tell);
    this.#runs.add(run);
    this.#last = this.#last.then(() => this.#work(run)).finally(() => this.#runs.delete(run));
    return () => run.cancel();
  }

  /** The broker stops: all are cancelled, and told so. */
  stop(): void {
    for (const run of this.#runs) {
      run.tell({ kind: "failed", message: "the broker is stopping" });
      run.cancel();
    }
  }

  /** Settles when the worker has said its last word. */
  async #work(run: Run): Promise<void> {
    if (run.isOver) return;
    const { partition, isCancelled } = run;
    const last = Promise.withResolvers<void>();
    try {
      const start = { path: this.#path, partition, isCancelled };
      const end = await this.#threads.startVerify(start, (event) => {
        run.tell(event);
        if (event.kind !== "progress" && event.kind !== "finding") last.resolve();
      });
      await last.promise;
      end();
    } catch (error) {
      run.tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
    }
  }
}
