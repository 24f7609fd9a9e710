/**
 * What a log lets others do with its files, because it may block: a segment's names go, and its
 * blocks are freed in slices. In a shard the background worker does it; here is the work itself,
 * and the one that does it at once.
 *
 *     unlink -> names gone, blocks still held by a descriptor -> cut, cut, … -> closed
 *
 * Freeing 1 GiB at once takes about 300 ms and holds up syncs beside it for up to 100 ms; in slices
 * of 16 MiB it takes as long and no sync waits above 15 ms (measured on ext4).
 *
 * Invariant: a file is cut only when it has no name and nobody reads it. After a power cut the name
 * may be back, and the file short: all of it lies below a log start that was on disk before.
 */

import { O_NOFOLLOW, O_RDWR } from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import { indexFile, segmentFile, snapshotFile, timeIndexFile } from "../format/file_names.ts";
import { CUT_BYTES } from "../limits.ts";

export interface FileJobs {
  /** Of removed segments: bytes whose blocks are about to be freed. */
  readonly freeingBytes: number;
  /** Of removed segments that are still read: bytes that stay until then. */
  readonly heldBytes: number;
  /**
   * Removes the files of the segment at `baseOffset`, of `size` bytes, in the directory open as
   * `directory`, which is closed behind it. `reader` is the log's own descriptor of it, or -1: as
   * long as that is open nothing is cut. False: nothing is done, try again later.
   */
  unlink(directory: number, baseOffset: number, size: number, reader: number): boolean;
  /**
   * Removes the producer snapshot at `offset`; the directory is closed behind it. False: nothing is
   * done, try again later.
   */
  unlinkSnapshot(directory: number, offset: number): boolean;
}

/** Everything at once, for whoever has no loop to keep going. */
export class DirectFileJobs implements FileJobs {
  readonly freeingBytes: number = 0;
  readonly heldBytes: number = 0;
  readonly #libc: Libc;
  readonly #cutBytes: number;

  constructor(libc: Libc, cutBytes: number = CUT_BYTES) {
    this.#libc = libc;
    this.#cutBytes = cutBytes;
  }

  unlink(directory: number, baseOffset: number, size: number, reader: number): boolean {
    const isLarge = size > this.#cutBytes && reader < 0;
    const fd = unlinkSegmentFiles(this.#libc, directory, baseOffset, isLarge);
    if (fd <= 0) return true;
    for (let left = size; left > 0;) {
      left = Math.max(0, left - this.#cutBytes);
      this.#libc.ftruncate(fd, left);
    }
    this.#libc.close(fd);
    return true;
  }

  unlinkSnapshot(directory: number, offset: number): boolean {
    unlinkSnapshot(this.#libc, directory, offset);
    return true;
  }
}

/** Returns 0 or -errno; one that stays is removed with its directory, or read by no recovery. */
export function unlinkSnapshot(libc: Libc, directory: number, offset: number): number {
  const removed = libc.unlinkat(directory, snapshotFile(offset), 0);
  libc.close(directory);
  return removed;
}

/**
 * Removes the three names. With `keeps` the blocks are held by a descriptor, which is returned; 0
 * without one.
 */
export function unlinkSegmentFiles(
  libc: Libc,
  directory: number,
  baseOffset: number,
  keeps: boolean,
): number {
  const name = segmentFile(baseOffset);
  const fd = keeps ? libc.openat(directory, name, O_RDWR | O_NOFOLLOW, 0) : 0;
  libc.unlinkat(directory, name, 0);
  libc.unlinkat(directory, indexFile(baseOffset), 0);
  libc.unlinkat(directory, timeIndexFile(baseOffset), 0);
  libc.close(directory);
  return Math.max(0, fd);
}
