/**
 * The few file operations that the log repeats: whole reads and writes, and replacing a small
 * file so that a power cut leaves the old one or the new one. For cold paths: they throw
 * `StorageError`.
 *
 *     name.tmp: write -> fsync -> rename to name -> fsync of the directory
 *
 * Invariant: when `replaceFile` returns, the new content survives a power cut.
 */

import {
  AT_EMPTY_PATH,
  EEXIST,
  EINTR,
  EIO,
  ENOENT,
  errnoName,
  O_CREAT,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
} from "../../ffi/constants.ts";
import type { Libc, Memory } from "../../ffi/libc.ts";
import { TEMPORARY_SUFFIX } from "../format/file_names.ts";

export const FILE_MODE = 0o640;
export const DIRECTORY_MODE = 0o750;

/** A file operation that failed where the caller cannot go on. */
export class StorageError extends Error {
  override name = "StorageError";
  readonly errno: number;

  constructor(action: string, result: number) {
    super(`${action}: ${errnoName(-result)}`);
    this.errno = -result;
  }
}

/** The result of a call, or StorageError. `action` names file and call for people. */
export function must(result: number, action: string): number {
  if (result < 0) throw new StorageError(action, result);
  return result;
}

/** Writes all `size` bytes. Returns 0 or -errno. */
export function writeWhole(
  libc: Libc,
  fd: number,
  memory: Memory,
  size: number,
  position: number,
): number {
  let done = 0;
  while (done < size) {
    const wrote = libc.pwrite(fd, memory, done, size - done, position + done);
    if (wrote === -EINTR) continue;
    if (wrote <= 0) return wrote < 0 ? wrote : -EIO;
    done += wrote;
  }
  return 0;
}

/** Reads up to `size` bytes, fewer only at the end of the file. Returns how many, or -errno. */
export function readWhole(
  libc: Libc,
  fd: number,
  memory: Memory,
  start: number,
  size: number,
  position: number,
): number {
  let done = 0;
  while (done < size) {
    const read = libc.pread(fd, memory, start + done, size - done, position + done);
    if (read === -EINTR) continue;
    if (read < 0) return read;
    if (read === 0) break;
    done += read;
  }
  return done;
}

/** The size of an open file, or -errno. */
export function fileSize(libc: Libc, fd: number): number {
  const status = libc.fileStatus();
  const result = libc.statx(fd, "", AT_EMPTY_PATH, status);
  return result < 0 ? result : status.size;
}

/** The content of a small file, or null when there is none. */
export function readSmallFile(libc: Libc, directory: number, name: string): Uint8Array | null {
  const fd = libc.openat(directory, name, O_RDONLY | O_NOFOLLOW, 0);
  if (fd === -ENOENT) return null;
  must(fd, `open ${name}`);
  try {
    const size = must(fileSize(libc, fd), `size of ${name}`);
    const memory = libc.allocate(Math.max(size, 1));
    const read = must(readWhole(libc, fd, memory, 0, size, 0), `read ${name}`);
    return memory.bytes.slice(0, read);
  } finally {
    libc.close(fd);
  }
}

/** Something that can be given up for room on the disk. */
export interface Room {
  /** For `errno` of a failed write: whether there is more room now than there was. */
  giveUp(errno: number): boolean;
}

/** Replaces (or creates) `name` in the open `directory`, durably; where need be, with `room`. */
export function replaceFile(
  libc: Libc,
  directory: number,
  name: string,
  content: Uint8Array,
  room: Room | null = null,
  mode: number = FILE_MODE,
): void {
  const temporary = name + TEMPORARY_SUFFIX;
  try {
    writeSmallFile(libc, directory, temporary, content, mode);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    libc.unlinkat(directory, temporary, 0); // a part of it takes up what is scarce
    if (room?.giveUp(error.errno) !== true) throw error;
    writeSmallFile(libc, directory, temporary, content, mode);
  }
  must(libc.renameat(directory, temporary, directory, name), `rename ${temporary} to ${name}`);
  must(libc.fsync(directory), `sync the directory of ${name}`);
}

/** Writes a file that nobody reads yet. Its bytes are on disk when it returns, its name is not. */
export function writeSmallFile(
  libc: Libc,
  directory: number,
  name: string,
  content: Uint8Array,
  mode: number = FILE_MODE,
): void {
  const fd = writeUnsynced(libc, directory, name, content, mode);
  const result = libc.fsync(fd);
  libc.close(fd);
  must(result, `sync ${name}`);
}

/** The same; returns the descriptor, which the caller syncs and closes. */
export function writeUnsynced(
  libc: Libc,
  directory: number,
  name: string,
  content: Uint8Array,
  mode: number = FILE_MODE,
): number {
  const flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
  const fd = must(libc.openat(directory, name, flags, mode), `create ${name}`);
  const memory = libc.allocate(Math.max(content.length, 1));
  memory.bytes.set(content);
  const wrote = writeWhole(libc, fd, memory, content.length, 0);
  if (wrote < 0) libc.close(fd);
  must(wrote, `write ${name}`);
  return fd;
}

/** Makes a directory that may exist, and its entry durable. */
export function ensureDirectory(libc: Libc, parent: number, name: string): void {
  // Making one that exists waits for others who change the parent.
  if (libc.statx(parent, name, 0, libc.fileStatus()) === 0) return;
  const made = libc.mkdirat(parent, name, DIRECTORY_MODE);
  if (made === -EEXIST) return;
  must(made, `make directory ${name}`);
  must(libc.fsync(parent), `sync the parent of ${name}`);
}

export function openDirectory(libc: Libc, parent: number, path: string): number {
  return libc.openat(parent, path, O_RDONLY | O_DIRECTORY, 0);
}

/** Syncs the directory at `path`, which is opened for it. */
export function syncDirectory(libc: Libc, parent: number, path: string): void {
  const fd = must(openDirectory(libc, parent, path), `open ${path}`);
  const result = libc.fsync(fd);
  libc.close(fd);
  must(result, `sync directory ${path}`);
}
