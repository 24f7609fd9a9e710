/**
 * The calls on files and directories.
 *
 * Invariant: every descriptor made here is closed on exec (O_CLOEXEC is always added), and no call
 * reads a path of which C would see only a part: those are -EINVAL or -ENAMETOOLONG.
 */

import { assert, assertInt, assertPosition } from "./assert.ts";
import { Block, writeU64 } from "./block.ts";
import {
  O_CLOEXEC,
  PATH_MAX,
  SEEK_SET,
  STATX_BASIC_STATS,
  SYS_CACHESTAT,
  SYS_GETDENTS64,
} from "./constants.ts";
import { appendEntries } from "./directory.ts";
import { assertVector } from "./io_vector.ts";
import { CACHESTAT, CACHESTAT_RANGE, STATFS, STATX } from "./layouts.ts";
import type {
  CacheStatus,
  DirectoryEntry,
  FileStatus,
  FileSystemStatus,
  IoVector,
  Memory,
} from "./libc.ts";
import { MemoryCalls } from "./memory_calls.ts";
import type { Native } from "./native.ts";
import { copyCacheStatus, copyFileStatus, copyFileSystemStatus } from "./status.ts";
import { CString } from "./text.ts";

const DIRECTORY_BUFFER_SIZE = 32_768;

export abstract class FileCalls extends MemoryCalls {
  readonly #path: CString;
  readonly #pathTo: CString;
  readonly #statx: Block;
  readonly #statfs: Block;
  readonly #cacheRange: Block;
  readonly #cache: Block;
  /** Made at the first use: most threads never read a directory. */
  #directory: Block | null = null;

  constructor(native: Native) {
    super(native);
    this.#path = new CString(native, PATH_MAX - 1);
    this.#pathTo = new CString(native, PATH_MAX - 1);
    this.#statx = new Block(native, STATX.size);
    this.#statfs = new Block(native, STATFS.size);
    this.#cacheRange = new Block(native, CACHESTAT_RANGE.size);
    this.#cache = new Block(native, CACHESTAT.size);
  }

  openat(directory: number, path: string, flags: number, mode: number): number {
    assertInt(directory);
    assertInt(flags);
    assertInt(mode);
    const size = this.#path.set(path);
    if (size < 0) return size;
    return this.result(
      this.symbols.openat(directory, this.#path.address, flags | O_CLOEXEC, mode),
    );
  }

  close(fd: number): number {
    assertInt(fd);
    return this.result(this.symbols.close(fd));
  }

  read(fd: number, into: Memory, start: number, size: number): number {
    assertInt(fd);
    const address = this.range(into, start, size);
    return this.result(this.symbols.read(fd, address, this.size(size)));
  }

  write(fd: number, from: Memory, start: number, size: number): number {
    assertInt(fd);
    const address = this.range(from, start, size);
    return this.result(this.symbols.write(fd, address, this.size(size)));
  }

  pread(fd: number, into: Memory, start: number, size: number, position: number): number {
    assertInt(fd);
    assertPosition(position);
    const address = this.range(into, start, size);
    const at = this.native.position(position);
    return this.result(this.symbols.pread(fd, address, this.size(size), at));
  }

  pwrite(fd: number, from: Memory, start: number, size: number, position: number): number {
    assertInt(fd);
    assertPosition(position);
    const address = this.range(from, start, size);
    const at = this.native.position(position);
    return this.result(this.symbols.pwrite(fd, address, this.size(size), at));
  }

  preadv2(fd: number, into: IoVector, position: number, flags: number): number {
    assertInt(fd);
    assertInt(flags);
    assertPosition(position);
    assertVector(into);
    const address = into.entriesAddress();
    const at = this.native.position(position);
    return this.result(this.symbols.preadv2(fd, address, into.count, at, flags));
  }

  pwritev(fd: number, from: IoVector, position: number): number {
    assertInt(fd);
    assertPosition(position);
    assertVector(from);
    const address = from.entriesAddress();
    const at = this.native.position(position);
    return this.result(this.symbols.pwritev(fd, address, from.count, at));
  }

  fdatasync(fd: number): number {
    assertInt(fd);
    return this.result(this.symbols.fdatasync(fd));
  }

  fsync(fd: number): number {
    assertInt(fd);
    return this.result(this.symbols.fsync(fd));
  }

  syncfs(fd: number): number {
    assertInt(fd);
    return this.result(this.symbols.syncfs(fd));
  }

  ftruncate(fd: number, size: number): number {
    assertInt(fd);
    assertPosition(size);
    return this.result(this.symbols.ftruncate(fd, this.native.position(size)));
  }

  fallocate(fd: number, mode: number, position: number, size: number): number {
    assertInt(fd);
    assertInt(mode);
    assertPosition(position);
    assertPosition(size);
    const { native } = this;
    return this.result(
      this.symbols.fallocate(fd, mode, native.position(position), native.position(size)),
    );
  }

  /** The one call here that returns the error instead of setting errno. */
  fadvise(fd: number, position: number, size: number, advice: number): number {
    assertInt(fd);
    assertInt(advice);
    assertPosition(position);
    assertPosition(size);
    const { native } = this;
    const at = native.position(position);
    const code = this.symbols.posix_fadvise(fd, at, native.position(size), advice);
    return code === 0 ? 0 : -code;
  }

  readahead(fd: number, position: number, size: number): number {
    assertInt(fd);
    assertPosition(position);
    assertPosition(size);
    const { native } = this;
    return this.result(
      this.symbols.readahead(fd, native.position(position), native.position(size)),
    );
  }

  cachestat(fd: number, position: number, size: number, into: CacheStatus): number {
    assertInt(fd);
    assertPosition(position);
    assertPosition(size);
    writeU64(this.#cacheRange, CACHESTAT_RANGE.at.position, position);
    writeU64(this.#cacheRange, CACHESTAT_RANGE.at.size, size);
    const number = this.size(SYS_CACHESTAT);
    const result = this.result(
      this.symbols.cachestat(number, fd, this.#cacheRange.address, this.#cache.address, 0),
    );
    if (result >= 0) copyCacheStatus(this.#cache, into);
    return result;
  }

  statx(directory: number, path: string, flags: number, into: FileStatus): number {
    assertInt(directory);
    assertInt(flags);
    const size = this.#path.set(path);
    if (size < 0) return size;
    const result = this.result(
      this.symbols.statx(
        directory,
        this.#path.address,
        flags,
        STATX_BASIC_STATS,
        this.#statx.address,
      ),
    );
    if (result >= 0) copyFileStatus(this.#statx, into);
    return result;
  }

  fstatfs(fd: number, into: FileSystemStatus): number {
    assertInt(fd);
    const result = this.result(this.symbols.fstatfs(fd, this.#statfs.address));
    if (result >= 0) copyFileSystemStatus(this.#statfs, into);
    return result;
  }

  /** `offset` may be negative from SEEK_CUR and SEEK_END. Returns the new position. */
  lseek(fd: number, offset: number, whence: number): number {
    assertInt(fd);
    assertInt(whence);
    assert(Number.isSafeInteger(offset), "an offset is an integer of at most 2^53 - 1");
    const { native } = this;
    const returned = this.symbols.lseek(fd, native.position(offset), whence);
    return this.result(native.fromPosition(returned));
  }

  flock(fd: number, operation: number): number {
    assertInt(fd);
    assertInt(operation);
    return this.result(this.symbols.flock(fd, operation));
  }

  renameat(fromDirectory: number, from: string, toDirectory: number, to: string): number {
    assertInt(fromDirectory);
    assertInt(toDirectory);
    const fromSize = this.#path.set(from);
    if (fromSize < 0) return fromSize;
    const toSize = this.#pathTo.set(to);
    if (toSize < 0) return toSize;
    const { address } = this.#pathTo;
    return this.result(
      this.symbols.renameat(fromDirectory, this.#path.address, toDirectory, address),
    );
  }

  unlinkat(directory: number, path: string, flags: number): number {
    assertInt(directory);
    assertInt(flags);
    const size = this.#path.set(path);
    if (size < 0) return size;
    return this.result(this.symbols.unlinkat(directory, this.#path.address, flags));
  }

  mkdirat(directory: number, path: string, mode: number): number {
    assertInt(directory);
    assertInt(mode);
    const size = this.#path.set(path);
    if (size < 0) return size;
    return this.result(this.symbols.mkdirat(directory, this.#path.address, mode));
  }

  /** Begins at the first entry each time. After an error `into` is as long as before. */
  readDirectory(fd: number, into: DirectoryEntry[]): number {
    assertInt(fd);
    const { native } = this;
    const countBefore = into.length;
    this.#directory ??= new Block(native, DIRECTORY_BUFFER_SIZE);
    const buffer = this.#directory;
    const number = this.size(SYS_GETDENTS64);
    // Where this fails, so does the read below, and with the more telling error.
    this.symbols.lseek(fd, native.position(0), SEEK_SET);
    for (;;) {
      const size = this.result(
        this.symbols.getdents64(number, fd, buffer.address, this.size(buffer.size)),
      );
      if (size < 0) into.length = countBefore;
      if (size < 0) return size;
      if (size === 0) return into.length - countBefore;
      appendEntries(buffer, size, into);
    }
  }
}
