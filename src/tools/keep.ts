/**
 * Copies of what a repair is about to change, so that nothing is lost that was there.
 *
 *     00000000000000000000.log.damaged-1            beside the file
 *     <keep>/orders-0.00000000000000000000.log.damaged-1
 *
 * Invariant: a copy is whole and on disk when `keepCopy` returns, and no copy replaces another.
 */

import {
  AT_FDCWD,
  ENOENT,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_WRONLY,
} from "../../ffi/constants.ts";
import type { Memory } from "../../ffi/libc.ts";
import { MiB } from "../base/units.ts";
import { FILE_MODE, must, openDirectory, readWhole, writeWhole } from "../log/files.ts";
import { namesIn, type Root } from "./places.ts";

const CHUNK_SIZE: number = 4 * MiB;

export class Keep {
  readonly #root: Root;
  /** The directory for copies, or null: beside the files. */
  readonly #fd: number | null;
  readonly #number: number;
  readonly #memory: Memory;

  /**
   * `names` are those of the partition: with them, and those where copies go, this repair gets a
   * number of its own.
   */
  constructor(root: Root, directory: string | null, names: readonly string[]) {
    this.#root = root;
    this.#fd = directory === null
      ? null
      : must(openDirectory(root.libc, AT_FDCWD, directory), `open directory ${directory}`);
    const kept = this.#fd === null ? [] : namesIn(root.libc, this.#fd, directory ?? "");
    const all = [...names, ...root.names, ...kept];
    const taken = all.map((name) => /\.damaged-(\d+)$/.exec(name)?.[1] ?? 0);
    this.#number = Math.max(0, ...taken.map(Number)) + 1;
    this.#memory = root.libc.allocate(CHUNK_SIZE);
  }

  close(): void {
    if (this.#fd !== null) this.#root.libc.close(this.#fd);
  }

  /** Where the copy of `path` goes, for people. */
  nameOf(path: string): string {
    if (this.#fd === null) return `${path}.damaged-${this.#number}`;
    return `${path.replaceAll("/", ".")}.damaged-${this.#number}`;
  }

  /** Copies a file of the root; where there is none, nothing. Throws StorageError. */
  keepCopy(path: string): void {
    const { libc } = this.#root;
    const toFd = this.#fd ?? this.#root.fd;
    const name = this.nameOf(path);
    const from = libc.openat(this.#root.fd, path, O_RDONLY | O_NOFOLLOW, 0);
    if (from === -ENOENT) return;
    must(from, `open ${path}`);
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    try {
      const to = must(libc.openat(toFd, name, flags, FILE_MODE), `create ${name}`);
      try {
        this.#copy(from, to, path, name);
        must(libc.fsync(to), `sync ${name}`);
      } finally {
        libc.close(to);
      }
    } finally {
      libc.close(from);
    }
    this.#syncDirectoryOf(toFd, name);
  }

  /** Takes a file away, its copy stays: beside the files by renaming. Throws StorageError. */
  keepAndRemove(path: string): void {
    const { libc, fd } = this.#root;
    if (this.#fd === null) {
      const name = this.nameOf(path);
      must(libc.renameat(fd, path, fd, name), `rename ${path} to ${name}`);
    } else {
      this.keepCopy(path);
      must(libc.unlinkat(fd, path, 0), `remove ${path}`);
    }
    this.#syncDirectoryOf(fd, path);
  }

  #copy(from: number, to: number, path: string, name: string): void {
    const { libc } = this.#root;
    for (let position = 0;;) {
      const read = must(
        readWhole(libc, from, this.#memory, 0, CHUNK_SIZE, position),
        `read ${path}`,
      );
      if (read === 0) return;
      must(writeWhole(libc, to, this.#memory, read, position), `write ${name}`);
      position += read;
    }
  }

  #syncDirectoryOf(parent: number, path: string): void {
    const { libc } = this.#root;
    const at = path.lastIndexOf("/");
    const fd = must(
      openDirectory(libc, parent, at < 0 ? "." : path.slice(0, at)),
      "open directory",
    );
    const synced = libc.fsync(fd);
    libc.close(fd);
    must(synced, `sync the directory of ${path}`);
  }
}

/** Cuts a file to `size`, durably. Throws StorageError. */
export function cutFile(root: Root, path: string, size: number): void {
  const { libc } = root;
  const fd = must(libc.openat(root.fd, path, O_WRONLY | O_NOFOLLOW, 0), `open ${path}`);
  try {
    must(libc.ftruncate(fd, size), `truncate ${path}`);
    must(libc.fsync(fd), `sync ${path}`);
  } finally {
    libc.close(fd);
  }
}
