/**
 * Workers that sync, behind the calls of an AIO context: where AIO is refused, and for `syncfs`,
 * which has no call that does not block. Both ends: the shard submits and reaps, a worker syncs.
 * Hot.
 *
 *     submit -> ring of the least busy worker -> fdatasync -> its eventfd raised -> reap
 *
 * Each worker has an eventfd of its own and closes it, because only it knows when it has raised
 * it for the last time.
 *
 * Invariant: a descriptor in a ring stays open until its sync was reaped: the number would mean
 * another file. What lets go of files waits for their syncs (log/partition.ts).
 */

import { EAGAIN, EFD_NONBLOCK } from "../../ffi/constants.ts";
import type { Aio, Libc } from "../../ffi/libc.ts";
import { assert } from "../base/assert.ts";
import { emptyJob, JobRing } from "../base/job_ring.ts";
import { SYNCS_IN_FLIGHT_MAX } from "../limits.ts";
import { Wake, Waker } from "../net/poller.ts";

const JobKind = { file: 1, fileSystem: 2 } as const;

/** The shard's end. */
export class SyncPool implements Aio {
  readonly capacity: number = SYNCS_IN_FLIGHT_MAX;
  /** To poll: raised when something can be reaped. */
  readonly wakes: Wake[] = [];
  readonly #rings: JobRing[] = [];
  readonly #job = emptyJob();
  readonly #fds: Int32Array = new Int32Array(SYNCS_IN_FLIGHT_MAX);
  readonly #tags: Int32Array = new Int32Array(SYNCS_IN_FLIGHT_MAX);
  readonly #reapedTags: Int32Array = new Int32Array(SYNCS_IN_FLIGHT_MAX);
  readonly #results: Int32Array = new Int32Array(SYNCS_IN_FLIGHT_MAX);

  /** One ring per worker. */
  constructor(libc: Libc, rings: readonly SharedArrayBuffer[]) {
    assert(rings.length > 0, "a pool has a worker");
    for (const memory of rings) {
      const wake = new Wake(libc, EFD_NONBLOCK);
      const ring = new JobRing(memory);
      ring.wakeFd = wake.fd;
      this.wakes.push(wake);
      this.#rings.push(ring);
    }
  }

  prepare(i: number, _opcode: number, fd: number, tag: number): void {
    this.#fds[i] = fd;
    this.#tags[i] = tag;
  }

  submit(count: number): number {
    for (let i = 0; i < count; i += 1) {
      const ring = this.#leastBusy();
      if (ring.post(JobKind.file, this.#fds[i]!, 0, 0, 0, this.#tags[i]!)) continue;
      return i > 0 ? i : -EAGAIN;
    }
    return count;
  }

  /** Syncs the file system of `fd`; the result comes back as any other. False: no room. */
  submitFileSystem(fd: number, tag: number): boolean {
    return this.#leastBusy().post(JobKind.fileSystem, fd, 0, 0, 0, tag);
  }

  reap(): number {
    let count = 0;
    for (let i = 0; i < this.#rings.length; i += 1) {
      this.wakes[i]!.clear();
      while (count < this.capacity && this.#rings[i]!.reap(this.#job)) {
        this.#reapedTags[count] = this.#job.tag;
        this.#results[count] = this.#job.result;
        count += 1;
      }
    }
    return count;
  }

  tag(i: number): number {
    return this.#reapedTags[i]! >>> 0;
  }

  result(i: number): number {
    return this.#results[i]!;
  }

  /** The workers end when they have done what is in their rings. */
  close(): number {
    for (const ring of this.#rings) ring.stop();
    return 0;
  }

  #leastBusy(): JobRing {
    let least = this.#rings[0]!;
    for (let i = 1; i < this.#rings.length; i += 1) {
      const ring = this.#rings[i]!;
      if (ring.pending < least.pending) least = ring;
    }
    return least;
  }
}

/** The worker's end: runs until the shard says stop. */
export function runSyncs(libc: Libc, ring: JobRing): void {
  const job = emptyJob();
  let waker: Waker | null = null;
  while (ring.take(job)) {
    waker ??= new Waker(libc, ring.wakeFd);
    ring.done(job.kind === JobKind.file ? libc.fdatasync(job.fd) : libc.syncfs(job.fd));
    waker.raise();
  }
  if (ring.wakeFd > 0) libc.close(ring.wakeFd);
}
