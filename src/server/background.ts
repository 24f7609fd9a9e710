/**
 * Background jobs of a shard: file work that may block and must not hold up the loop. Both ends:
 * the shard posts, the background worker runs. Closing a descriptor goes through the same queue
 * as the advice about it, so that advice never meets a descriptor that was used again.
 */

import type { Libc } from "../../ffi/libc.ts";
import type { Job, JobRing } from "../base/job_ring.ts";

const JobKind = { advise: 1, close: 2 } as const;

/** The shard's end. */
export class Background {
  readonly #libc: Libc;
  readonly #ring: JobRing;

  constructor(libc: Libc, ring: JobRing) {
    this.#libc = libc;
    this.#ring = ring;
  }

  /** `posix_fadvise` on a range; a size of 0 reaches to the end of the file. */
  advise(fd: number, position: number, size: number, advice: number): void {
    if (this.#ring.post(JobKind.advise, fd, position, size, advice)) return;
    this.#libc.fadvise(fd, position, size, advice);
  }

  /** Closing the last descriptor of a large deleted file takes tens of milliseconds. */
  close(fd: number): void {
    if (this.#ring.post(JobKind.close, fd, 0, 0, 0)) return;
    this.#libc.close(fd);
  }

  stop(): void {
    this.#ring.stop();
  }
}

/** The worker's end: runs until the shard says stop. */
export function runBackground(libc: Libc, ring: JobRing): void {
  const job: Job = { kind: 0, fd: -1, position: 0, size: 0, argument: 0 };
  while (ring.take(job)) {
    if (job.kind === JobKind.advise) libc.fadvise(job.fd, job.position, job.size, job.argument);
    if (job.kind === JobKind.close) libc.close(job.fd);
    ring.done();
  }
}
