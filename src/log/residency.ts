/**
 * Residency: whether a range of a file lies in the page cache, so that reading or sending it waits
 * for no disk. Hot.
 *
 *     small     preadv2(RWF_NOWAIT) of the first and of the last byte
 *     large     cachestat counts the pages; then the last byte, because cachestat also counts pages
 *               whose read is still in flight
 *     refused   where cachestat is not to be had: RWF_NOWAIT every 128 KiB, at most 32 times, and
 *               of the last byte
 *
 * Invariant: it never waits. The answer is a hint: pages may leave the cache right after it.
 */

import { EAGAIN, EINTR, EOPNOTSUPP, errnoName, RWF_NOWAIT } from "../../ffi/constants.ts";
import type { CacheStatus, IoVector, Libc, Memory } from "../../ffi/libc.ts";
import { trace } from "../base/trace.ts";

/** What a read that must not wait answers where it would have to. */
export const NOT_RESIDENT: number = -EAGAIN;

/** The kernel's unit of cachestat on the systems Sluice runs on. */
const PAGE_SIZE = 4096;
/** Up to this size two probes are cheaper than one cachestat and one probe. */
const SMALL_SIZE: number = 2 * PAGE_SIZE;
/** Distance of probes: what the kernel reads at once by default. */
const PROBE_STRIDE = 131072;
/** Of a range so large that they would take long themselves, they stand further apart. */
const PROBES_MAX = 32;

/** How a range is looked at: cachestat and probe, probes alone, or not at all. */
export type ResidencyMethod = "cachestat" | "probe" | "none";

export class Residency {
  /** Falls from cachestat to probe to none, each time for good, at the first refusal. */
  method: ResidencyMethod;
  readonly #libc: Libc;
  readonly #status: CacheStatus;
  readonly #byte: IoVector;
  readonly #range: IoVector;

  constructor(libc: Libc, method: ResidencyMethod) {
    this.#libc = libc;
    this.method = method;
    this.#status = libc.cacheStatus();
    this.#byte = libc.ioVector(1);
    this.#byte.push(libc.allocate(1), 0, 1);
    this.#range = libc.ioVector(1);
  }

  /**
   * Reads the first `size` bytes of `into` from `position`, as many as it can without waiting.
   * Returns how many, or -errno: NOT_RESIDENT where the first page is not there.
   */
  read(fd: number, into: Memory, size: number, position: number): number {
    if (this.method === "none") return NOT_RESIDENT;
    const range = this.#range;
    range.clear();
    range.push(into, 0, size);
    return this.#libc.preadv2(fd, range, position, RWF_NOWAIT);
  }

  /** Whether bytes [position, position + size) can be read without waiting. */
  holds(fd: number, position: number, size: number): boolean {
    if (size === 0 || this.method === "none") return true;
    const last = position + size - 1;
    if (size <= SMALL_SIZE) {
      if (!this.#probe(fd, last)) return false;
      return pageOf(position) === pageOf(last) || this.#probe(fd, position);
    }
    if (this.method === "cachestat") {
      const status = this.#status;
      const result = this.#libc.cachestat(fd, position, size, status);
      if (result === 0) {
        return status.cached > pageOf(last) - pageOf(position) && this.#probe(fd, last);
      }
      if (result !== -EINTR) this.#fallBack("probe", "cachestat", -result);
    }
    const stride = Math.max(PROBE_STRIDE, Math.ceil(size / PROBES_MAX));
    for (let at = position; at < last; at += stride) {
      if (!this.#probe(fd, at)) return false;
    }
    return this.#probe(fd, last);
  }

  /** Whether a range has nothing to be written back, so that it can leave the cache at once. */
  isClean(fd: number, position: number, size: number): boolean {
    if (this.method !== "cachestat") return false;
    const status = this.#status;
    if (this.#libc.cachestat(fd, position, size, status) !== 0) return false;
    return status.dirty === 0 && status.writeback === 0;
  }

  /** Whether the page of one byte can be read. What a read would fail at is not waited for. */
  #probe(fd: number, position: number): boolean {
    const result = this.#libc.preadv2(fd, this.#byte, position, RWF_NOWAIT);
    if (result === NOT_RESIDENT) return false;
    if (result === -EOPNOTSUPP) this.#fallBack("none", "RWF_NOWAIT", EOPNOTSUPP);
    return true;
  }

  #fallBack(method: ResidencyMethod, refused: string, errno: number): void {
    if (this.method === method) return;
    this.method = method;
    trace("warning", `${refused}: ${errnoName(errno)}; cold reads are found by ${method}`);
  }
}

function pageOf(position: number): number {
  return Math.floor(position / PAGE_SIZE);
}
