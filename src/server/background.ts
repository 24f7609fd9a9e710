/**
 * Background jobs of a shard: file work that may block and must not hold up the loop. Both ends:
 * the shard posts and reaps, the background worker runs. Closing a descriptor goes through the
 * same queue as the advice about it, so that advice never meets a descriptor that was used again.
 *
 *     post -> ring -> worker runs it -> eventfd raised -> poll ends -> reap
 *
 * Invariant: jobs run one after another, in the order in which they were posted; the worker closes
 * the eventfd, because only it knows when it has raised it for the last time.
 */

import {
  EFD_NONBLOCK,
  EINTR,
  POSIX_FADV_DONTNEED,
  POSIX_FADV_RANDOM,
} from "../../ffi/constants.ts";
import type { Libc, Memory } from "../../ffi/libc.ts";
import { emptyJob, type Job, type JobRing } from "../base/job_ring.ts";
import type { ColdJobs, ColdReads } from "../broker/cold_reads.ts";
import { Wake, Waker } from "../net/poller.ts";

const JobKind = { advise: 1, close: 2, read: 3 } as const;

/** What is read ahead passes through a block that stays in the processor's cache. */
const READ_BLOCK_SIZE = 131072;

/** The shard's end. */
export class Background implements ColdJobs {
  readonly wake: Wake;
  /** Hears of reads that are over. */
  coldReads: ColdReads | null = null;
  readonly #libc: Libc;
  readonly #ring: JobRing;
  readonly #job = emptyJob();

  constructor(libc: Libc, ring: JobRing) {
    this.#libc = libc;
    this.#ring = ring;
    this.wake = new Wake(libc, EFD_NONBLOCK);
    ring.wakeFd = this.wake.fd;
  }

  /** `posix_fadvise` on a range; a size of 0 reaches to the end of the file. */
  advise(fd: number, position: number, size: number, advice: number): void {
    if (this.#ring.post(JobKind.advise, fd, position, size, advice, 0)) return;
    this.#libc.fadvise(fd, position, size, advice);
  }

  read(fd: number, position: number, size: number, ahead: number): boolean {
    return this.#ring.post(JobKind.read, fd, position, size, ahead, 0);
  }

  dropCache(fd: number, position: number, size: number): void {
    this.advise(fd, position, size, POSIX_FADV_DONTNEED);
  }

  stopReadAhead(fd: number): void {
    this.advise(fd, 0, 0, POSIX_FADV_RANDOM);
  }

  /** Closing the last descriptor of a large deleted file takes tens of milliseconds. */
  close(fd: number): void {
    if (this.#ring.post(JobKind.close, fd, 0, 0, 0, 0)) return;
    this.#libc.close(fd);
  }

  /** Takes what the worker has done. Of advice and closing nobody wants to know more. */
  reap(): void {
    this.wake.clear();
    const job = this.#job;
    while (this.#ring.reap(job)) {
      if (job.kind === JobKind.read) this.coldReads?.done(job.position, job.size, job.result);
    }
  }

  stop(): void {
    this.#ring.stop();
  }
}

/** The worker's end: runs until the shard says stop. */
export function runBackground(libc: Libc, ring: JobRing): void {
  const job = emptyJob();
  const block = libc.allocate(READ_BLOCK_SIZE);
  let waker: Waker | null = null;
  while (ring.take(job)) {
    waker ??= new Waker(libc, ring.wakeFd);
    let result = 0;
    if (job.kind === JobKind.advise) {
      result = libc.fadvise(job.fd, job.position, job.size, job.argument);
    }
    if (job.kind === JobKind.close) result = libc.close(job.fd);
    if (job.kind === JobKind.read) result = readAhead(libc, job, block);
    ring.done(result);
    waker.raise();
  }
  if (ring.wakeFd > 0) libc.close(ring.wakeFd);
}

/**
 * Brings a range into the page cache: the disk is asked for all of it and for what follows, then
 * every page is waited for. Returns the bytes read, fewer at the end of the file, or -errno.
 */
function readAhead(libc: Libc, job: Job, block: Memory): number {
  const { fd, position, size, argument } = job;
  libc.readahead(fd, position, size + argument);
  let done = 0;
  while (done < size) {
    const part = Math.min(block.size, size - done);
    const read = libc.pread(fd, block, 0, part, position + done);
    if (read === -EINTR) continue;
    if (read < 0) return read;
    if (read === 0) break;
    done += read;
  }
  return done;
}
