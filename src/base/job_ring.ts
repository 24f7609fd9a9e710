/**
 * Jobs from one thread to another, through shared memory: a ring of int32 with one writer and one
 * reader. Hot.
 *
 *     words   0 written   1 taken   2 stop   3 unused | job 0 | job 1 | …
 *     job     kind, fd, position low, position high, size low, size high, argument, unused
 *
 * The reader waits with a time-out always: a writer that died never notifies.
 *
 * Invariant: taken <= written <= taken + JOBS, counted modulo 2^32; a job's words are written
 * before `written` says so.
 */

import { WORD_RANGE } from "./units.ts";

const WRITTEN = 0;
const TAKEN = 1;
const STOP = 2;
const HEADER_WORDS = 4;
const JOB_WORDS = 8;
const JOBS = 256;
const WAIT_MS = 1000;

export const JOB_RING_BYTES: number = 4 * (HEADER_WORDS + JOBS * JOB_WORDS);

/** One job; the reader fills one object again and again. */
export interface Job {
  kind: number;
  fd: number;
  position: number;
  size: number;
  argument: number;
}

export class JobRing {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** False when the ring is full: then the caller does the job itself. */
  post(kind: number, fd: number, position: number, size: number, argument: number): boolean {
    const words = this.#words;
    const written = Atomics.load(words, WRITTEN);
    if (((written - Atomics.load(words, TAKEN)) | 0) >= JOBS) return false;
    const at = HEADER_WORDS + (written & (JOBS - 1)) * JOB_WORDS;
    words[at] = kind;
    words[at + 1] = fd;
    words[at + 2] = position >>> 0;
    words[at + 3] = Math.floor(position / WORD_RANGE);
    words[at + 4] = size >>> 0;
    words[at + 5] = Math.floor(size / WORD_RANGE);
    words[at + 6] = argument;
    Atomics.store(words, WRITTEN, (written + 1) | 0);
    Atomics.notify(words, WRITTEN);
    return true;
  }

  /** Waits for a job; false when the writer said stop and nothing is left. */
  take(into: Job): boolean {
    const words = this.#words;
    const taken = Atomics.load(words, TAKEN);
    for (;;) {
      // Stop first: what was posted before it must be seen below.
      const stopped = Atomics.load(words, STOP) !== 0;
      if (Atomics.load(words, WRITTEN) !== taken) break;
      if (stopped) return false;
      Atomics.wait(words, WRITTEN, taken, WAIT_MS);
    }
    const at = HEADER_WORDS + (taken & (JOBS - 1)) * JOB_WORDS;
    into.kind = words[at]!;
    into.fd = words[at + 1]!;
    into.position = (words[at + 2]! >>> 0) + words[at + 3]! * WORD_RANGE;
    into.size = (words[at + 4]! >>> 0) + words[at + 5]! * WORD_RANGE;
    into.argument = words[at + 6]!;
    return true;
  }

  /** The job that `take` gave is done: its place is free. */
  done(): void {
    Atomics.add(this.#words, TAKEN, 1);
  }

  /** No more jobs: the reader ends when it has done what is in the ring. */
  stop(): void {
    Atomics.store(this.#words, STOP, 1);
    Atomics.notify(this.#words, WRITTEN);
  }
}
