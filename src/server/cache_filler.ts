/**
 * CacheFiller: how the background worker brings ranges of files into the page cache. The kernel
 * copies nothing for it: it gives the pages to /dev/null, which waits for each of them.
 *
 *     free       by a descriptor of its own for each file: the kernel reads ahead of it, in large
 *                folios, of which both reading and sending cost a fraction
 *     bounded    by the shard's descriptor, whose read-ahead is off: this range and nothing more
 *
 * Where there is no /proc every range is bounded; where there is no /dev/null, or it takes none,
 * pages are copied.
 *
 * Invariant: a descriptor of its own is closed before the shard's is, so that none is ever used for
 * another file that got the same number.
 */

import { AT_FDCWD, EINTR, O_RDONLY, O_WRONLY } from "../../ffi/constants.ts";
import type { Libc, Memory } from "../../ffi/libc.ts";

/** What is copied passes through a block that stays in the processor's cache. */
const BLOCK_SIZE = 131072;
/** Files that are read in turn, each with what the kernel knows of the way through it. */
const OWN_MAX = 16;

export class CacheFiller {
  readonly #libc: Libc;
  /** Own descriptors by those of the shard, the one that was opened first in front. */
  readonly #own: Map<number, number> = new Map();
  /** Takes pages; null: not yet opened, below zero: there is none. */
  #sink: number | null = null;
  #block: Memory | null = null;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** Returns the bytes that are there now, fewer at the end of the file, or -errno. */
  fill(fd: number, position: number, size: number, isBounded: boolean): number {
    const own = isBounded ? -1 : this.#ownOf(fd);
    if (own < 0) this.#libc.readahead(fd, position, size);
    let done = 0;
    while (done < size) {
      const taken = this.#take(own < 0 ? fd : own, position + done, size - done);
      if (taken === -EINTR) continue;
      if (taken < 0) return taken;
      if (taken === 0) break;
      done += taken;
    }
    return done;
  }

  /** The shard's descriptor is about to be closed. */
  forget(fd: number): void {
    const own = this.#own.get(fd);
    if (own === undefined) return;
    this.#own.delete(fd);
    this.#libc.close(own);
  }

  close(): void {
    for (const own of this.#own.values()) this.#libc.close(own);
    this.#own.clear();
    if (this.#sink !== null && this.#sink >= 0) this.#libc.close(this.#sink);
  }

  /** Waits for pages. Returns how many bytes are there, 0 at the end of the file, or -errno. */
  #take(fd: number, position: number, size: number): number {
    const libc = this.#libc;
    this.#sink ??= libc.openat(AT_FDCWD, "/dev/null", O_WRONLY, 0);
    if (this.#sink >= 0) {
      const taken = libc.sendfile(this.#sink, fd, position, size);
      if (taken >= 0 || taken === -EINTR) return taken;
    }
    // What the disk cannot read fails here too, and what only /dev/null refuses does not.
    this.#block ??= libc.allocate(BLOCK_SIZE);
    return libc.pread(fd, this.#block, 0, Math.min(BLOCK_SIZE, size), position);
  }

  /** Below zero where it cannot be had. */
  #ownOf(fd: number): number {
    const known = this.#own.get(fd);
    if (known !== undefined) return known;
    if (this.#own.size === OWN_MAX) this.forget(this.#own.keys().next().value!);
    const own = this.#libc.openat(AT_FDCWD, `/proc/self/fd/${fd}`, O_RDONLY, 0);
    if (own >= 0) this.#own.set(fd, own);
    return own;
  }
}
