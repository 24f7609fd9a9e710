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

import { EFD_NONBLOCK } from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import { emptyJob, type JobRing } from "../base/job_ring.ts";
import { Wake, Waker } from "../net/poller.ts";

const JobKind = { advise: 1, close: 2 } as const;

/** The shard's end. */
export class Background {
  readonly wake: Wake;
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

  /** Closing the last descriptor of a large deleted file takes tens of milliseconds. */
  close(fd: number): void {
    if (this.#ring.post(JobKind.close, fd, 0, 0, 0, 0)) return;
    this.#libc.close(fd);
  }

  /** Takes what the worker has done. Of advice and closing nobody wants to know more. */
  reap(): void {
    this.wake.clear();
    while (this.#ring.reap(this.#job));
  }

  stop(): void {
    this.#ring.stop();
  }
}

/** The worker's end: runs until the shard says stop. */
export function runBackground(libc: Libc, ring: JobRing): void {
  const job = emptyJob();
  let waker: Waker | null = null;
  while (ring.take(job)) {
    waker ??= new Waker(libc, ring.wakeFd);
    let result = 0;
    if (job.kind === JobKind.advise) {
      result = libc.fadvise(job.fd, job.position, job.size, job.argument);
    }
    if (job.kind === JobKind.close) result = libc.close(job.fd);
    ring.done(result);
    waker.raise();
  }
  if (ring.wakeFd > 0) libc.close(ring.wakeFd);
}
