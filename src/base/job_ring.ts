/**
 * Jobs from one thread to another and their results back, through shared memory: a ring of int32
 * between one shard, which posts and reaps, and one worker, which takes. Hot.
 *
 *     words   0 written   1 done   2 stop   3 wake descriptor   4 reaped   5 halt | job 0 | job 1 …
 *     job     kind, fd, position low, position high, size low, size high, argument, tag, result
 *
 *     post -> [ written ] -> take -> run -> [ done ] -> reap
 *
 * Jobs are done in the order in which they were posted, and their results are reaped in it. The
 * worker waits with a time-out always: a shard that died never notifies.
 *
 * Invariant: reaped <= done <= written <= reaped + JOBS, counted modulo 2^32; a job's words are
 * written before `written` says so, its result before `done` does.
 */

import { WORD_RANGE } from "./units.ts";

const WRITTEN = 0;
const DONE = 1;
const STOP = 2;
const WAKE = 3;
const REAPED = 4;
const HALT = 5;
const HEADER_WORDS = 6;
const JOB_WORDS = 9;
const RESULT = 8;
const JOBS = 256;
const WAIT_MS = 1000;

export const JOB_RING_BYTES: number = 4 * (HEADER_WORDS + JOBS * JOB_WORDS);

/** One job; each end fills one object again and again. */
export interface Job {
  kind: number;
  fd: number;
  position: number;
  size: number;
  argument: number;
  /** Chosen by who posts, given back with the result. */
  tag: number;
  /** What the worker said: 0 and above, or -errno. */
  result: number;
}

export function emptyJob(): Job {
  return { kind: 0, fd: -1, position: 0, size: 0, argument: 0, tag: 0, result: 0 };
}

export class JobRing {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** The descriptor that the worker raises after each job; 0 where nobody waits for that. */
  get wakeFd(): number {
    return Atomics.load(this.#words, WAKE);
  }

  /** Set by the shard before its first job. */
  set wakeFd(fd: number) {
    Atomics.store(this.#words, WAKE, fd);
  }

  /** Jobs that were posted and not yet reaped. */
  get pending(): number {
    return (this.#words[WRITTEN]! - this.#words[REAPED]!) | 0;
  }

  /** False when the ring is full: then the caller waits or does the job itself. */
  post(
    kind: number,
    fd: number,
    position: number,
    size: number,
    argument: number,
    tag: number,
  ): boolean {
    const words = this.#words;
    const written = Atomics.load(words, WRITTEN);
    if (((written - Atomics.load(words, REAPED)) | 0) >= JOBS) return false;
    const at = HEADER_WORDS + (written & (JOBS - 1)) * JOB_WORDS;
    words[at] = kind;
    words[at + 1] = fd;
    words[at + 2] = position >>> 0;
    words[at + 3] = Math.floor(position / WORD_RANGE);
    words[at + 4] = size >>> 0;
    words[at + 5] = Math.floor(size / WORD_RANGE);
    words[at + 6] = argument;
    words[at + 7] = tag;
    Atomics.store(words, WRITTEN, (written + 1) | 0);
    Atomics.notify(words, WRITTEN);
    return true;
  }

  /** Waits for a job; false when the shard said stop and nothing is left. */
  take(into: Job): boolean {
    const words = this.#words;
    const done = Atomics.load(words, DONE);
    for (;;) {
      // Stop first: what was posted before it must be seen below.
      const stopped = Atomics.load(words, STOP) !== 0;
      if (Atomics.load(words, WRITTEN) !== done) break;
      if (stopped) return false;
      Atomics.wait(words, WRITTEN, done, WAIT_MS);
    }
    this.#read(done, into);
    return true;
  }

  /** The job that `take` gave is over, with this result. */
  done(result: number): void {
    const words = this.#words;
    const done = Atomics.load(words, DONE);
    words[HEADER_WORDS + (done & (JOBS - 1)) * JOB_WORDS + RESULT] = result;
    Atomics.store(words, DONE, (done + 1) | 0);
  }

  /** Takes the oldest job that is over; its place is free then. False when there is none. */
  reap(into: Job): boolean {
    const words = this.#words;
    const reaped = words[REAPED]!;
    if (Atomics.load(words, DONE) === reaped) return false;
    this.#read(reaped, into);
    Atomics.store(words, REAPED, (reaped + 1) | 0);
    return true;
  }

  /** No more jobs: the worker ends when it has done what is in the ring. */
  stop(): void {
    Atomics.store(this.#words, STOP, 1);
    Atomics.notify(this.#words, WRITTEN);
  }

  /** From a third thread, which then raises `wakeFd`: the shard is to end. */
  halt(): void {
    Atomics.store(this.#words, HALT, 1);
  }

  get isHalted(): boolean {
    return Atomics.load(this.#words, HALT) !== 0;
  }

  #read(number: number, into: Job): void {
    const words = this.#words;
    const at = HEADER_WORDS + (number & (JOBS - 1)) * JOB_WORDS;
    into.kind = words[at]!;
    into.fd = words[at + 1]!;
    into.position = (words[at + 2]! >>> 0) + words[at + 3]! * WORD_RANGE;
    into.size = (words[at + 4]! >>> 0) + words[at + 5]! * WORD_RANGE;
    into.argument = words[at + 6]!;
    into.tag = words[at + 7]!;
    into.result = words[at + RESULT]!;
  }
}
