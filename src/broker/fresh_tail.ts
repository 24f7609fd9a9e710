/**
 * FreshTail: the end of a partition that was written within the last seconds, and so is in the
 * page cache without asking: the kernel lets go of what it has not seen for the longest time
 * first. A consumer at the tail costs no system call by this. Hot.
 *
 *     active segment  | …      | from (older mark)  | next (younger mark)   | end
 *                             everything from here on is at most three intervals old
 *
 * Invariant: `next` is where the segment ended at `nextMs`, `from` where it ended at most two
 * intervals before that; marks older than this are not used.
 */

import type { FileSlice, SharedFile } from "../base/file_slice.ts";
import type { Partition } from "../log/partition.ts";
import { COLD_FRESH_MS } from "../limits.ts";

export class FreshTail {
  #file: SharedFile | null = null;
  #from = 0;
  #next = 0;
  #nextMs = 0;

  /** Whether all of `slice` was written so lately. */
  covers(log: Partition, slice: FileSlice, nowMs: number): boolean {
    const { file, size } = log.active;
    if (slice.file !== file) return false;
    if (this.#file !== file || nowMs - this.#nextMs >= COLD_FRESH_MS) {
      const isOld = this.#file !== file || nowMs - this.#nextMs > 2 * COLD_FRESH_MS;
      this.#from = isOld ? size : this.#next;
      this.#next = size;
      this.#nextMs = nowMs;
      this.#file = file;
    }
    return slice.position >= this.#from;
  }
}
