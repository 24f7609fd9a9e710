/**
 * The background worker of a simulated shard, as far as cold reads go: jobs lie in its ring until
 * the schedule has them done, in order. A file is closed behind the jobs that know it, as in
 * server/background.ts.
 *
 *     ColdReads.pump -> read -> ring … work -> every page is read -> ColdReads.done
 *
 * Invariant: a job never meets a descriptor that is closed, or another file's by now.
 */
import { EBADF, EIO, POSIX_FADV_DONTNEED, POSIX_FADV_RANDOM } from "../../ffi/constants.ts";
import { type ColdJobs, ColdReads } from "../../src/broker/cold_reads.ts";
import { Residency } from "../../src/log/residency.ts";
import { CacheFiller } from "../../src/server/cache_filler.ts";
import type { SimPrng } from "./prng.ts";
import type { SimLibc } from "./sim_libc.ts";
import { violated } from "./violation.ts";

/** So few that the ring is full at times, and so little that readers wait for each other. */
const RING_SIZE = 4;
const IN_FLIGHT_BYTES = 4096;

interface Job {
  readonly kind: "read" | "advise" | "close";
  readonly fd: number;
  readonly position: number;
  readonly size: number;
  readonly advice: number;
}

export class ColdWorker implements ColdJobs {
  readonly coldReads: ColdReads;
  /** Reads that failed so far. */
  failures = 0;
  readonly #libc: SimLibc;
  readonly #failurePercent: number;
  readonly #prng: SimPrng;
  readonly #jobs: Job[] = [];
  readonly #filler: CacheFiller;
  #hasEnded = false;

  constructor(libc: SimLibc, failurePercent: number) {
    this.#libc = libc;
    this.#failurePercent = failurePercent;
    this.#prng = libc.workerPrng;
    this.#filler = new CacheFiller(libc);
    const residency = new Residency(libc, "cachestat");
    this.coldReads = new ColdReads(residency, this, IN_FLIGHT_BYTES);
  }

  get isIdle(): boolean {
    return this.#jobs.length === 0;
  }

  read(fd: number, position: number, size: number): boolean {
    if (this.#jobs.length >= RING_SIZE) return false;
    this.#jobs.push({ kind: "read", fd, position, size, advice: 0 });
    return true;
  }

  dropCache(fd: number, position: number, size: number): void {
    this.#jobs.push({ kind: "advise", fd, position, size, advice: POSIX_FADV_DONTNEED });
  }

  stopReadAhead(fd: number): void {
    this.#jobs.push({ kind: "advise", fd, position: 0, size: 0, advice: POSIX_FADV_RANDOM });
  }

  close(fd: number): void {
    if (this.isIdle) this.#libc.close(fd); // the worker would do it at once
    else this.#jobs.push({ kind: "close", fd, position: 0, size: 0, advice: 0 });
  }

  /** The shard has ended: what is left is done, and nobody hears of it. */
  finish(): void {
    this.#hasEnded = true;
    this.work(Infinity);
  }

  /** Does up to `count` jobs. */
  work(count: number): void {
    for (let done = 0; done < count && this.#jobs.length > 0; done += 1) {
      const job = this.#jobs.shift()!;
      const { kind, fd, position, size } = job;
      const result = this.#run(job);
      if (result === -EBADF) violated("R1", `a job (${kind}) meets descriptor ${fd}, closed`);
      if (kind === "read" && !this.#hasEnded) this.coldReads.done(position, size, result);
    }
  }

  #run({ kind, fd, position, size, advice }: Job): number {
    if (kind === "advise") return this.#libc.fadvise(fd, position, size, advice);
    if (kind === "close") {
      this.#filler.forget(fd);
      return this.#libc.close(fd);
    }
    const fails = this.#prng.chance(this.#failurePercent);
    const result = fails ? -EIO : this.#filler.fill(fd, position, size, true);
    if (result < 0) this.failures += 1;
    return result;
  }
}
