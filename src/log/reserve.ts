/**
 * The reserve: a file of zeros in the data directory, given up when there is no room to write what
 * makes room: the catalogue without a topic, a higher log start, the last checkpoints of a stop.
 *
 *     <data>/reserve    made where there is plenty -> removed in need -> made again
 *
 * Producers never get it: it is smaller than what they have to leave free. It needs no sync: a
 * start that finds none makes it. Main alone uses it.
 */

import {
  AT_SYMLINK_NOFOLLOW,
  O_CREAT,
  O_NOFOLLOW,
  O_TRUNC,
  O_WRONLY,
} from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import { trace } from "../base/trace.ts";
import { ErrorCodes } from "../format/errors.ts";
import { RESERVE_FILE } from "../format/file_names.ts";
import { refusalOf } from "./failures.ts";
import { FILE_MODE, writeWhole } from "./files.ts";
import { lowBytes, reserveBytes } from "./watermarks.ts";

const BLOCK_SIZE = 65536;

export class Reserve {
  readonly #libc: Libc;
  readonly #dataFd: number;

  constructor(libc: Libc, dataFd: number) {
    this.#libc = libc;
    this.#dataFd = dataFd;
  }

  /** Makes the file where it is missing or too small and there is room. Whether it is there. */
  make(): boolean {
    const libc = this.#libc;
    const disk = libc.fileSystemStatus();
    if (libc.fstatfs(this.#dataFd, disk) < 0) return false;
    const size = reserveBytes(disk.totalBytes);
    const found = libc.fileStatus();
    const flags = AT_SYMLINK_NOFOLLOW;
    const isThere = libc.statx(this.#dataFd, RESERVE_FILE, flags, found) === 0;
    if (isThere && found.size === size) return true;
    // It must not be what stops the producers.
    if (disk.availableBytes < lowBytes(disk.totalBytes) + size) return false;
    if (this.#write(size)) return true;
    this.#libc.unlinkat(this.#dataFd, RESERVE_FILE, 0);
    return false;
  }

  /** For `errno` of a failed write: whether there is more room now than there was. */
  giveUp(errno: number): boolean {
    if (refusalOf(errno) !== ErrorCodes.disk_full) return false;
    if (this.#libc.unlinkat(this.#dataFd, RESERVE_FILE, 0) < 0) return false;
    trace("warning", "no room for a small file: the reserve is given up for it");
    return true;
  }

  /** Zeros are written, because not every file system can set blocks aside. */
  #write(size: number): boolean {
    const libc = this.#libc;
    const flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
    const fd = libc.openat(this.#dataFd, RESERVE_FILE, flags, FILE_MODE);
    if (fd < 0) return false;
    const block = libc.allocate(Math.max(1, Math.min(BLOCK_SIZE, size)));
    let done = 0;
    let wrote = 0;
    while (done < size && wrote === 0) {
      const part = Math.min(block.size, size - done);
      wrote = writeWhole(libc, fd, block, part, done);
      done += part;
    }
    libc.close(fd);
    return wrote === 0;
  }
}
