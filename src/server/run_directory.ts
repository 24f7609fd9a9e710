/**
 * Where the sockets lie: in `run` of the data directory or where the configuration says;
 * where that path is too long for a socket, in a directory of its own that is removed at the end.
 *
 *     <data>/run/shard-0.sock      /tmp/sluice-<uuid>/shard-0.sock
 *
 * Who was killed leaves that one behind. It is held by a lock (flock) for as long as its broker
 * lives: one that nobody holds is removed by the next start that looks for a place there.
 *
 * Invariant: from `make` to `remove` the directory is there, and one of our own is locked.
 */

import {
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  EEXIST,
  ENOENT,
  errnoName,
  LOCK_EX,
  LOCK_NB,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
} from "../../ffi/constants.ts";
import type { DirectoryEntry, Libc } from "../../ffi/libc.ts";
import { UNIX_PATH_SIZE_MAX } from "../limits.ts";

/** The socket opens every door of the shard: for this user only. */
const MODE = 0o700;
const SHORT_PARENT = "/tmp";
const OWN_NAME = /^sluice-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Somebody who cleans up may be quicker than we lock. */
const TRIES = 3;

export interface RunPlace {
  /** The directory that is wanted. */
  readonly path: string;
  /** Whether another one will do where that path is too long. */
  readonly isFixed: boolean;
  /** File names of the sockets, the shard's first. */
  readonly sockets: readonly [string, ...string[]];
  /** A uuid nobody has. */
  readonly newId: () => string;
  /** Where directories with a short path are made; only tests have another. */
  readonly shortParent?: string;
}

export class RunDirectory {
  /** Of the shard's. */
  readonly socketPath: string;
  readonly #libc: Libc;
  readonly #path: string;
  readonly #sockets: readonly string[];
  /** Below zero: the directory stays. */
  readonly #lockFd: number;

  private constructor(
    libc: Libc,
    path: string,
    sockets: RunPlace["sockets"],
    lockFd: number,
  ) {
    this.#libc = libc;
    this.#path = path;
    this.#sockets = sockets;
    this.#lockFd = lockFd;
    this.socketPath = this.pathOf(sockets[0]);
  }

  /** Returns in words why there is no such directory. */
  static make(libc: Libc, place: RunPlace): RunDirectory | string {
    const { path, isFixed, sockets } = place;
    const long = sockets.map((name) => `${path}/${name}`).find(isTooLong);
    if (long !== undefined) {
      if (!isFixed) return RunDirectory.#makeShort(libc, place);
      return `the path of ${long} is over ${UNIX_PATH_SIZE_MAX} bytes: choose a shorter --run-dir`;
    }
    const made = libc.mkdirat(AT_FDCWD, path, MODE);
    if (made < 0 && made !== -EEXIST) return refused(path, made);
    return new RunDirectory(libc, path, sockets, -1);
  }

  static #makeShort(libc: Libc, place: RunPlace): RunDirectory | string {
    const { sockets, newId, shortParent = SHORT_PARENT } = place;
    removeAbandoned(libc, shortParent, sockets);
    let path = "";
    let result = 0;
    for (let i = 0; i < TRIES; i += 1) {
      path = `${shortParent}/sluice-${newId()}`;
      result = libc.mkdirat(AT_FDCWD, path, MODE);
      if (result >= 0) result = lockDirectory(libc, AT_FDCWD, path);
      const isThere = libc.statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, libc.fileStatus()) === 0;
      if (result >= 0 && isThere) return new RunDirectory(libc, path, sockets, result);
      if (result >= 0) libc.close(result);
    }
    return refused(path, result < 0 ? result : -ENOENT);
  }

  /** Where the socket of this name lies. */
  pathOf(socket: string): string {
    return `${this.#path}/${socket}`;
  }

  /** The sockets, and a directory of our own. */
  remove(): void {
    const libc = this.#libc;
    for (const socket of this.#sockets) libc.unlinkat(AT_FDCWD, this.pathOf(socket), 0);
    if (this.#lockFd < 0) return;
    libc.unlinkat(AT_FDCWD, this.#path, AT_REMOVEDIR);
    libc.close(this.#lockFd);
  }
}

function isTooLong(path: string): boolean {
  return new TextEncoder().encode(path).length > UNIX_PATH_SIZE_MAX;
}

function refused(path: string, result: number): string {
  return `cannot make run directory ${path}: ${errnoName(-result)}`;
}

/** What killed brokers have left. What cannot be removed, or holds anything else, stays. */
function removeAbandoned(libc: Libc, parent: string, sockets: readonly string[]): void {
  const parentFd = libc.openat(AT_FDCWD, parent, O_RDONLY | O_DIRECTORY, 0);
  if (parentFd < 0) return;
  const entries: DirectoryEntry[] = [];
  libc.readDirectory(parentFd, entries);
  for (const { name } of entries) {
    if (!OWN_NAME.test(name)) continue;
    const fd = lockDirectory(libc, parentFd, name);
    if (fd < 0) continue; // somebody's, and in use
    for (const socket of sockets) libc.unlinkat(fd, socket, 0);
    libc.unlinkat(parentFd, name, AT_REMOVEDIR);
    libc.close(fd);
  }
  libc.close(parentFd);
}

/** Its descriptor, which holds the lock, or -errno. */
function lockDirectory(libc: Libc, parent: number, path: string): number {
  const fd = libc.openat(parent, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
  if (fd < 0) return fd;
  const locked = libc.flock(fd, LOCK_EX | LOCK_NB);
  if (locked >= 0) return fd;
  libc.close(fd);
  return locked;
}
