/**
 * Background jobs of a shard: file work that may block and must not hold up the loop. Both ends:
 * the shard posts and reaps, the background worker runs. Closing a descriptor goes through the
 * same queue as the advice about it, so that advice never meets a descriptor that was used again.
 *
 *     post -> ring -> worker runs it -> eventfd raised -> poll ends -> reap
 *
 * The worker is begun with the first job, which waits for it in the ring: a broker at rest that
 * never had one does not pay for the thread.
 *
 * Invariant: jobs run one after another, in the order in which they were posted; a descriptor is
 * closed behind every job that was posted with it. The worker closes the eventfd, because only it
 * knows when it has raised it for the last time.
 */

import { EFD_NONBLOCK, POSIX_FADV_DONTNEED, POSIX_FADV_RANDOM } from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import { assert } from "../base/assert.ts";
import { emptyJob, type Job, type JobRing } from "../base/job_ring.ts";
import type { ColdJobs, ColdReads } from "../broker/cold_reads.ts";
import { CUT_BYTES } from "../limits.ts";
import { type FileJobs, unlinkSegmentFiles, unlinkSnapshot } from "../log/file_jobs.ts";
import { Wake, Waker } from "../net/poller.ts";
import { CacheFiller } from "./cache_filler.ts";

const JobKind = { advise: 1, close: 2, read: 3, unlink: 4, cut: 5, unlinkSnapshot: 6 } as const;

/** A file without a name whose blocks are being freed, from its end. */
interface Cut {
  readonly fd: number;
  /** What is left of it. */
  size: number;
}

/** A removed file that the shard still reads. */
interface Removed {
  /** The tag of its job: its descriptor may be another file's by then. */
  readonly tag: number;
  readonly size: number;
  /** What it is cut by; 0 until the worker has opened it. */
  cutFd: number;
  /** It is freed as a whole, by its last close. */
  isWhole: boolean;
}

/** The shard's end. */
export class Background implements ColdJobs, FileJobs {
  readonly wake: Wake;
  /** Hears of reads that are over. */
  coldReads: ColdReads | null = null;
  freeingBytes = 0;
  heldBytes = 0;
  readonly #libc: Libc;
  readonly #ring: JobRing;
  readonly #job = emptyJob();
  /** To be closed when there is room in the ring: jobs before may still know them. */
  readonly #closing: number[] = [];
  /** By the descriptor that the shard reads it by. */
  readonly #removed: Map<number, Removed> = new Map();
  /** The first of them is at work when `#isCutting`. */
  readonly #cuts: Cut[] = [];
  #isCutting = false;
  #unlinks = 0;
  readonly #begin: () => void;
  #hasBegun = false;
  #isEnding = false;

  /** `begin` has the worker started; it is called once, behind the first job. */
  constructor(libc: Libc, ring: JobRing, begin: () => void) {
    this.#libc = libc;
    this.#ring = ring;
    this.#begin = begin;
    this.wake = new Wake(libc, EFD_NONBLOCK);
    ring.wakeFd = this.wake.fd;
  }

  /** `posix_fadvise` on a range; a size of 0 reaches to the end of the file. */
  advise(fd: number, position: number, size: number, advice: number): void {
    if (this.#post(JobKind.advise, fd, position, size, advice, 0)) return;
    this.#libc.fadvise(fd, position, size, advice);
  }

  read(fd: number, position: number, size: number, isBounded: boolean): boolean {
    return this.#post(JobKind.read, fd, position, size, isBounded ? 1 : 0, 0);
  }

  dropCache(fd: number, position: number, size: number): void {
    this.advise(fd, position, size, POSIX_FADV_DONTNEED);
  }

  stopReadAhead(fd: number): void {
    this.advise(fd, 0, 0, POSIX_FADV_RANDOM);
  }

  /** Closing a file for the last time may free its blocks. */
  close(fd: number): void {
    const removed = this.#removed.get(fd);
    if (removed === undefined) return this.#close(fd, 0);
    this.#removed.delete(fd);
    this.heldBytes -= removed.size;
    this.freeingBytes += removed.size;
    this.#close(fd, removed.isWhole ? removed.size : 0);
    if (removed.cutFd > 0) this.#cut(removed.cutFd, removed.size);
  }

  /** `size` bytes are freed by it. */
  #close(fd: number, size: number): void {
    if (this.#post(JobKind.close, fd, 0, size, 0, 0)) return;
    this.#closing.push(fd);
    this.freeingBytes -= size;
  }

  unlink(directory: number, baseOffset: number, size: number, reader: number): boolean {
    const tag = (this.#unlinks + 1) & 0x7fffffff;
    if (!this.#post(JobKind.unlink, directory, baseOffset, size, reader, tag)) return false;
    this.#unlinks = tag;
    if (reader < 0) this.freeingBytes += size;
    else {
      this.#removed.set(reader, { tag, size, cutFd: 0, isWhole: size <= CUT_BYTES });
      this.heldBytes += size;
    }
    return true;
  }

  unlinkSnapshot(directory: number, offset: number): boolean {
    return this.#post(JobKind.unlinkSnapshot, directory, offset, 0, 0, 0);
  }

  /** The main thread wants the shard to end, and cannot say so in any other way. */
  get isHalted(): boolean {
    return this.#ring.isHalted;
  }

  /** Takes what the worker has done. Of advice and closing nobody wants to know more. */
  reap(): void {
    this.wake.clear();
    const job = this.#job;
    while (this.#ring.reap(job)) {
      if (job.kind === JobKind.read) this.coldReads?.done(job.position, job.size, job.result);
      if (job.kind === JobKind.close) this.freeingBytes -= job.size;
      if (job.kind === JobKind.unlink && job.result > 0) this.#unlinked(job);
      if (job.kind === JobKind.unlink && job.result <= 0) this.#unlinkedWhole(job);
      if (job.kind === JobKind.cut) this.#cutDone(job.size);
    }
    this.#closeMore();
    this.#cutMore();
  }

  #closeMore(): void {
    const closing = this.#closing;
    while (closing.length > 0) {
      if (!this.#post(JobKind.close, closing[closing.length - 1]!, 0, 0, 0, 0)) return;
      closing.pop();
    }
  }

  #unlinked(job: Job): void {
    const removed = this.#removed.get(job.argument);
    if (removed?.tag === job.tag) removed.cutFd = job.result;
    else this.#cut(job.result, job.size); // nobody reads it, or not any more
  }

  /** Nothing is to be cut: the blocks are freed, or will be by the last close. */
  #unlinkedWhole({ argument, tag, size }: Job): void {
    const removed = this.#removed.get(argument);
    if (removed?.tag === tag) removed.isWhole = true;
    else if (argument < 0 || size > CUT_BYTES) this.freeingBytes -= size; // else its close says so
  }

  #cut(fd: number, size: number): void {
    this.#cuts.push({ fd, size });
    this.#cutMore();
  }

  /** One slice of one file is in the ring at a time, so that nothing waits for more than that. */
  #cutMore(): void {
    const cut = this.#cuts[0];
    if (cut === undefined || this.#isCutting) return;
    const left = Math.max(0, cut.size - CUT_BYTES);
    if (!this.#post(JobKind.cut, cut.fd, left, cut.size - left, 0, 0)) return; // when one is reaped
    cut.size = left;
    this.#isCutting = true;
  }

  #cutDone(size: number): void {
    this.#isCutting = false;
    this.freeingBytes -= size;
    if (this.#cuts[0]!.size === 0) this.close(this.#cuts.shift()!.fd);
  }

  /** The shard is about to close everything: a worker that was never needed is not begun now. */
  end(): void {
    this.#isEnding = true;
  }

  stop(): void {
    this.#closeMore();
    for (const fd of this.#closing) this.#libc.close(fd); // what is asked about it then is no loss
    // Behind the slice that may be in the ring. What does not fit goes with the process.
    for (const { fd } of this.#cuts) this.#post(JobKind.close, fd, 0, 0, 0, 0);
    this.#ring.stop();
    if (!this.#hasBegun) this.wake.close();
  }

  /** False: the ring is full, or there is no worker and there shall be none. */
  #post(
    kind: number,
    fd: number,
    position: number,
    size: number,
    argument: number,
    tag: number,
  ): boolean {
    if (!this.#hasBegun && this.#isEnding) return false;
    if (!this.#ring.post(kind, fd, position, size, argument, tag)) return false;
    if (!this.#hasBegun) this.#begin();
    this.#hasBegun = true;
    return true;
  }
}

/** The worker's end: runs until the shard says stop. */
export function runBackground(libc: Libc, ring: JobRing): void {
  const job = emptyJob();
  const filler = new CacheFiller(libc);
  let waker: Waker | null = null;
  while (ring.take(job)) {
    waker ??= new Waker(libc, ring.wakeFd);
    ring.done(runJob(libc, job, filler));
    waker.raise();
  }
  filler.close();
  if (ring.wakeFd > 0) libc.close(ring.wakeFd);
}

/** Returns its result: 0 and above, or -errno. */
export function runJob(libc: Libc, job: Job, filler: CacheFiller): number {
  const { kind, fd, position, size } = job;
  if (kind === JobKind.advise) return libc.fadvise(fd, position, size, job.argument);
  if (kind === JobKind.close) {
    filler.forget(fd);
    return libc.close(fd);
  }
  if (kind === JobKind.cut) return libc.ftruncate(fd, position);
  if (kind === JobKind.read) return filler.fill(fd, position, size, job.argument !== 0);
  if (kind === JobKind.unlinkSnapshot) return unlinkSnapshot(libc, fd, position);
  assert(kind === JobKind.unlink, "a kind of job that is known");
  return unlinkSegmentFiles(libc, fd, position, size > CUT_BYTES);
}
