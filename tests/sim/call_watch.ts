/**
 * Sees every call of the simulated processes: counts them, ends the process at one that was chosen
 * beforehand, and folds all of them into a hash where that is asked for.
 *
 * Invariant: once the process was ended here, every further call of it (there may be some in a
 * `finally`) ends it again. Such a call is made, and must be one that changes nothing.
 */
import type { CallObserver } from "./sim_calls.ts";
import type { TraceHash } from "./trace_hash.ts";

/** The process ends here. */
export class CrashPoint extends Error {
  override name = "CrashPoint";
}

/** One for all: a crash is no error, and making its stack costs more than a recovery. */
const crashPoint = new CrashPoint("the process ends here");

const CHANGING: ReadonlySet<string> = new Set([
  "write",
  "pwrite",
  "pwritev",
  "ftruncate",
  "fallocate",
  "fsync",
  "fdatasync",
  "renameat",
  "unlinkat",
  "mkdirat",
  "aio.submit",
]);

export class CallWatch implements CallObserver {
  calls = 0;
  /** The process was ended; what it throws from then on is of no meaning. */
  hasEnded = false;
  /** A call that changed something all the same; "": none. */
  strayed = "";
  readonly hash: TraceHash | null;
  onBytes?: (bytes: Uint8Array, start: number, size: number) => void;
  #crashAt: number = Infinity;

  constructor(hash: TraceHash | null) {
    this.hash = hash;
    if (hash !== null) {
      this.onBytes = (bytes, start, size) => hash.onBytes(bytes, start, size);
    }
  }

  /** The process ends after `calls` more calls. */
  arm(calls: number): void {
    this.#crashAt = this.calls + calls;
  }

  disarm(): void {
    this.#crashAt = Infinity;
    this.hasEnded = false;
  }

  onCall(name: string, a: number, b: number, c: number, text: string, result: number): void {
    this.calls += 1;
    if (this.hash !== null) this.hash.onCall(name, a, b, c, text, result);
    if (this.calls >= this.#crashAt) {
      if (this.hasEnded && CHANGING.has(name)) this.strayed = name;
      this.hasEnded = true;
      throw crashPoint;
    }
  }
}
