/**
 * Syncs of many files beside each other, where nobody is served meanwhile: files that wait for the
 * disk at the same time share its flushes and the commits of the file system.
 *
 *     add, add, … -> run: all are synced, by whom `ManySyncs` knows -> each hears its result
 *
 * Invariant: every descriptor that was added is heard of once, or dropped; one that the group is
 * to close is closed either way.
 */

import type { Libc } from "../../ffi/libc.ts";
import { StorageError } from "./files.ts";

/** Who syncs many files. */
export interface ManySyncs {
  /** Returns when all of `fds` are synced, names and sizes too: `results[i]` is 0 or -errno. */
  sync(fds: readonly number[], results: number[]): void;
}

/** One after another: where they are few, or nothing better is to be had. */
export class SerialSyncs implements ManySyncs {
  readonly #libc: Libc;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  sync(fds: readonly number[], results: number[]): void {
    fds.forEach((fd, i) => results[i] = this.#libc.fsync(fd));
  }
}

interface Entry {
  readonly fd: number;
  readonly closes: boolean;
  readonly done: (result: number) => void;
}

export class SyncGroup {
  readonly #libc: Libc;
  readonly #syncs: ManySyncs;
  #entries: Entry[] = [];

  constructor(libc: Libc, syncs: ManySyncs) {
    this.#libc = libc;
    this.#syncs = syncs;
  }

  /** `done` hears 0 or -errno of the next run and may throw; `closes`: the group closes `fd`. */
  add(fd: number, closes: boolean, done: (result: number) => void): void {
    this.#entries.push({ fd, closes, done });
  }

  /** Syncs what was added. Throws the first StorageError that one of them throws. */
  run(): void {
    const entries = this.#entries;
    if (entries.length === 0) return;
    const results: number[] = [];
    this.#syncs.sync(entries.map(({ fd }) => fd), results);
    this.drop();
    let first: StorageError | null = null;
    entries.forEach(({ done }, i) => {
      try {
        done(results[i]!);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        first ??= error;
      }
    });
    if (first !== null) throw first;
  }

  /** Nothing of it is synced any more. */
  drop(): void {
    for (const { fd, closes } of this.#entries) if (closes) this.#libc.close(fd);
    this.#entries = [];
  }
}
