/** The simulated calls on open files: bytes, sizes, syncs and hints. */
import { assert, assertInt, assertPosition } from "../../ffi/assert.ts";
import {
  EAGAIN,
  EBADF,
  EINTR,
  EINVAL,
  EIO,
  EISDIR,
  ENOSPC,
  EOPNOTSUPP,
  ESPIPE,
  FALLOC_FL_KEEP_SIZE,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_APPEND,
  O_DSYNC,
  POSIX_FADV_DONTNEED,
  POSIX_FADV_NOREUSE,
  RWF_HIPRI,
  RWF_NOWAIT,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from "../../ffi/constants.ts";
import type { CacheStatus, IoVector, Memory } from "../../ffi/libc.ts";
import { SimCalls } from "./sim_calls.ts";
import { OpenFile, SimDeadlock } from "./sim_descriptors.ts";
import { SimFile } from "./sim_file.ts";
import { assertRange, assertVector, type SimVector } from "./sim_memory.ts";

export abstract class SimFileCalls extends SimCalls {
  read(fd: number, into: Memory, start: number, size: number): number {
    assertRange(into, start, size);
    into.touch(start + size);
    const open = this.find(fd);
    let result = -EBADF;
    if (open instanceof OpenFile) {
      result = this.#readFile(open, into.bytes, start, size, open.offset);
      if (result > 0) open.offset += result;
    } else if (open !== null) {
      result = open.read(into.bytes, start, size);
    }
    this.moved(into.bytes, start, result);
    return this.done("read", fd, size, 0, "", result);
  }

  write(fd: number, from: Memory, start: number, size: number): number {
    assertRange(from, start, size);
    const open = this.find(fd);
    let result = -EBADF;
    if (open instanceof OpenFile) {
      result = this.#writeFile(open, from.bytes, start, size, open.offset);
      if (result > 0) open.offset += result;
    } else if (open !== null) {
      result = open.write(from.bytes, start, size);
    }
    this.moved(from.bytes, start, result);
    return this.done("write", fd, size, 0, "", result);
  }

  pread(fd: number, into: Memory, start: number, size: number, position: number): number {
    assertPosition(position);
    assertRange(into, start, size);
    into.touch(start + size);
    const open = this.find(fd);
    let result = open === null ? -EBADF : -ESPIPE;
    if (open instanceof OpenFile) {
      result = this.#readFile(open, into.bytes, start, size, position);
    }
    this.moved(into.bytes, start, result);
    return this.done("pread", fd, size, position, "", result);
  }

  pwrite(fd: number, from: Memory, start: number, size: number, position: number): number {
    assertPosition(position);
    assertRange(from, start, size);
    const open = this.find(fd);
    let result = open === null ? -EBADF : -ESPIPE;
    if (open instanceof OpenFile) {
      result = this.#writeFile(open, from.bytes, start, size, position);
    }
    this.moved(from.bytes, start, result);
    return this.done("pwrite", fd, size, position, "", result);
  }

  preadv2(fd: number, into: IoVector, position: number, flags: number): number {
    assertInt(flags);
    assertPosition(position);
    assertVector(into);
    const open = this.find(fd);
    let result = open === null ? -EBADF : -ESPIPE;
    if (open instanceof OpenFile) result = this.#readVector(open, into, position, flags);
    return this.done("preadv2", fd, into.size, position, "", result);
  }

  pwritev(fd: number, from: IoVector, position: number): number {
    assertPosition(position);
    assertVector(from);
    const open = this.find(fd);
    let result = open === null ? -EBADF : -ESPIPE;
    if (open instanceof OpenFile) result = this.#writeVector(open, from, position);
    return this.done("pwritev", fd, from.size, position, "", result);
  }

  fdatasync(fd: number): number {
    return this.done("fdatasync", fd, 0, 0, "", this.#sync(fd));
  }

  fsync(fd: number): number {
    return this.done("fsync", fd, 0, 0, "", this.#sync(fd));
  }

  syncfs(fd: number): number {
    const open = this.find(fd);
    let result = open === null ? -EBADF : 0;
    if (open instanceof OpenFile) {
      this.disk.syncEverything();
      if (open.diskErrorsSeen !== this.disk.errorCount) result = -EIO;
      open.diskErrorsSeen = this.disk.errorCount;
    }
    return this.done("syncfs", fd, 0, 0, "", result);
  }

  ftruncate(fd: number, size: number): number {
    assertPosition(size);
    const file = this.#writable(fd);
    let result = typeof file === "number" ? file : 0;
    if (result === -EBADF && this.find(fd) !== null) result = -EINVAL;
    if (typeof file !== "number") this.resize(file, size);
    return this.done("ftruncate", fd, size, 0, "", result);
  }

  fallocate(fd: number, mode: number, position: number, size: number): number {
    assertInt(mode);
    assertPosition(position);
    assertPosition(size);
    const file = this.#writable(fd);
    const result = typeof file === "number" ? file : this.#reserve(file, mode, position, size);
    return this.done("fallocate", fd, position, size, "", result);
  }

  fadvise(fd: number, position: number, size: number, advice: number): number {
    assertInt(advice);
    assertPosition(position);
    assertPosition(size);
    const open = this.find(fd);
    let result = open === null ? -EBADF : -ESPIPE;
    if (open instanceof OpenFile) {
      result = advice < 0 || advice > POSIX_FADV_NOREUSE ? -EINVAL : 0;
      if (advice === POSIX_FADV_DONTNEED && open.node instanceof SimFile) {
        open.node.dropClean(position, size === 0 ? Infinity : position + size);
      }
    }
    return this.done("fadvise", fd, position, advice, "", result);
  }

  readahead(fd: number, position: number, size: number): number {
    assertPosition(position);
    assertPosition(size);
    const open = this.find(fd);
    let result = open === null ? -EBADF : -EINVAL;
    if (open instanceof OpenFile && open.node instanceof SimFile) {
      open.node.load(position, position + size);
      result = 0;
    }
    return this.done("readahead", fd, position, size, "", result);
  }

  cachestat(fd: number, position: number, size: number, into: CacheStatus): number {
    assertPosition(position);
    assertPosition(size);
    const open = this.find(fd);
    let result = open === null ? -EBADF : -EOPNOTSUPP;
    if (this.refused.cachestat !== 0) result = -this.refused.cachestat;
    else if (open instanceof OpenFile && open.node instanceof SimFile) {
      const end = size === 0 ? Infinity : position + size;
      const [cached, dirty, evicted] = open.node.countCache(position, end);
      Object.assign(into, { cached, dirty, writeback: 0, evicted, recentlyEvicted: evicted });
      result = 0;
    }
    return this.done("cachestat", fd, position, size, "", result);
  }

  lseek(fd: number, offset: number, whence: number): number {
    assertInt(whence);
    assert(Number.isSafeInteger(offset), "an offset is an integer of at most 2^53 - 1");
    const open = this.find(fd);
    let result = open === null ? -EBADF : -ESPIPE;
    if (open instanceof OpenFile) {
      const size = open.node instanceof SimFile ? open.node.size : 0;
      result = -EINVAL;
      if (whence === SEEK_SET) result = offset;
      if (whence === SEEK_CUR) result = open.offset + offset;
      if (whence === SEEK_END) result = size + offset;
      if (result < 0) result = -EINVAL;
      else open.offset = result;
    }
    return this.done("lseek", fd, offset, whence, "", result);
  }

  flock(fd: number, operation: number): number {
    assertInt(operation);
    const open = this.find(fd);
    const result = open instanceof OpenFile ? this.#lock(open, operation) : -EBADF;
    return this.done("flock", fd, operation, 0, "", result);
  }

  /** A sync of an open file, with the errors this descriptor has not reported. */
  syncFile(open: OpenFile): number {
    const { node } = open;
    this.disk.sync(node);
    if (open.errorsSeen === node.errorCount) return 0;
    open.errorsSeen = node.errorCount;
    node.errorSeen = true;
    return -EIO;
  }

  /** Bytes of a file for sendfile. */
  protected readForSend(open: OpenFile, into: Uint8Array, size: number, position: number): number {
    return this.#readFile(open, into, 0, size, position);
  }

  protected resize(file: SimFile, size: number): void {
    this.disk.touch(file);
    const before = file.pages;
    file.truncate(size);
    this.disk.usedPages += file.pages - before;
    file.modifiedMs = this.clock.wallMs;
  }

  #sync(fd: number): number {
    const open = this.find(fd);
    if (open === null) return -EBADF;
    return open instanceof OpenFile ? this.syncFile(open) : -EINVAL;
  }

  #readFile(
    open: OpenFile,
    into: Uint8Array,
    start: number,
    size: number,
    position: number,
  ): number {
    const allowed = this.#readable(open, size);
    return allowed <= 0 ? allowed : (open.node as SimFile).read(into, start, allowed, position);
  }

  /** How many bytes this read may take, or -errno. */
  #readable(open: OpenFile, size: number): number {
    if (!open.isReadable) return -EBADF;
    if (!(open.node instanceof SimFile)) return -EISDIR;
    const { faults, faultPrng } = this;
    if (faultPrng.permille(faults.interrupted)) return -EINTR;
    if (faultPrng.permille(faults.readError)) return -EIO;
    if (size > 1 && faultPrng.permille(faults.shortRead)) return 1 + faultPrng.below(size - 1);
    return size;
  }

  #readVector(open: OpenFile, into: SimVector, position: number, flags: number): number {
    if ((flags & ~(RWF_NOWAIT | RWF_HIPRI)) !== 0) return -EOPNOTSUPP;
    if ((flags & RWF_NOWAIT) !== 0 && this.refused.nowait) return -EOPNOTSUPP;
    let allowed = this.#readable(open, into.size);
    if (allowed < 0) return allowed;
    const file = open.node as SimFile;
    if ((flags & RWF_NOWAIT) !== 0 && position < file.size) {
      allowed = Math.min(allowed, file.resident(position, allowed));
      if (allowed === 0 && into.size > 0) return -EAGAIN;
    }
    let done = 0;
    for (let i = 0; i < into.count && done < allowed; i += 1) {
      const part = Math.min(into.sizes[i]!, allowed - done);
      const bytes = into.memories[i]!.bytes;
      into.memories[i]!.touch(into.starts[i]! + part);
      const read = file.read(bytes, into.starts[i]!, part, position + done);
      this.moved(bytes, into.starts[i]!, read);
      done += read;
      if (read < part) break;
    }
    return done;
  }

  #writeFile(
    open: OpenFile,
    from: Uint8Array,
    start: number,
    size: number,
    position: number,
  ): number {
    const at = this.#writePosition(open, position);
    const allowed = this.#writeRoom(open, at, size);
    if (allowed <= 0) return allowed;
    const file = open.node as SimFile;
    const before = file.pages;
    file.write(from, start, allowed, at);
    return this.#written(open, before, allowed);
  }

  #writeVector(open: OpenFile, from: SimVector, position: number): number {
    const at = this.#writePosition(open, position);
    const allowed = this.#writeRoom(open, at, from.size);
    if (allowed <= 0) return allowed;
    const file = open.node as SimFile;
    const before = file.pages;
    let done = 0;
    for (let i = 0; i < from.count && done < allowed; i += 1) {
      const part = Math.min(from.sizes[i]!, allowed - done);
      const bytes = from.memories[i]!.bytes;
      file.write(bytes, from.starts[i]!, part, at + done);
      this.moved(bytes, from.starts[i]!, part);
      done += part;
    }
    return this.#written(open, before, done);
  }

  #writePosition(open: OpenFile, position: number): number {
    if ((open.flags & O_APPEND) === 0 || !(open.node instanceof SimFile)) return position;
    return open.node.size;
  }

  /** How many of the bytes may be written, or -errno. */
  #writeRoom(open: OpenFile, position: number, size: number): number {
    if (!open.isWritable || !(open.node instanceof SimFile)) return -EBADF;
    if (size === 0) return 0;
    const { faults, faultPrng } = this;
    if (faultPrng.permille(faults.interrupted)) return -EINTR;
    if (faultPrng.permille(faults.writeError)) return -EIO;
    if (faultPrng.permille(faults.writeFull)) return -ENOSPC;
    let allowed = size;
    if (size > 1 && faultPrng.permille(faults.shortWrite)) allowed = 1 + faultPrng.below(size - 1);
    if (this.disk.capacity !== Infinity) {
      allowed = open.node.fits(position, allowed, this.disk.freePages);
      if (allowed === 0) return -ENOSPC;
    }
    this.disk.touch(open.node);
    return allowed;
  }

  #written(open: OpenFile, pagesBefore: number, size: number): number {
    const file = open.node as SimFile;
    this.disk.usedPages += file.pages - pagesBefore;
    file.modifiedMs = this.clock.wallMs;
    if ((open.flags & O_DSYNC) !== 0) {
      const synced = this.syncFile(open);
      if (synced < 0) return synced;
    }
    return size;
  }

  /** The file behind `fd`, or why it cannot be changed. */
  #writable(fd: number): SimFile | number {
    const open = this.find(fd);
    if (open === null) return -EBADF;
    if (!(open instanceof OpenFile)) return -EINVAL;
    if (!open.isWritable || !(open.node instanceof SimFile)) return -EBADF;
    return open.node;
  }

  #reserve(file: SimFile, mode: number, position: number, size: number): number {
    if (size === 0) return -EINVAL;
    if ((mode & ~FALLOC_FL_KEEP_SIZE) !== 0) return -EOPNOTSUPP;
    if (this.disk.capacity !== Infinity) {
      if (file.fits(position, size, this.disk.freePages) < size) return -ENOSPC;
    }
    this.disk.touch(file);
    const before = file.pages;
    file.reserve(position, size);
    this.disk.usedPages += file.pages - before;
    if ((mode & FALLOC_FL_KEEP_SIZE) === 0 && position + size > file.size) {
      file.truncate(position + size);
    }
    return 0;
  }

  /** As in Linux, what was held before is let go first, also when the new lock is refused. */
  #lock(open: OpenFile, operation: number): number {
    const wanted = operation & ~LOCK_NB;
    if (wanted !== LOCK_SH && wanted !== LOCK_EX && wanted !== LOCK_UN) return -EINVAL;
    const { node } = open;
    node.unlock(open);
    if (wanted === LOCK_UN) return 0;
    const isTaken = node.lockedBy !== null || (wanted === LOCK_EX && node.sharedBy.length > 0);
    if (isTaken && (operation & LOCK_NB) !== 0) return -EAGAIN;
    if (isTaken) throw new SimDeadlock("flock of a file that another descriptor has locked");
    if (wanted === LOCK_EX) node.lockedBy = open;
    else node.sharedBy.push(open);
    return 0;
  }
}
