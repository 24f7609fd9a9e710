/**
 * What the status calls report, copied out of their C structs into plain objects made once.
 *
 * Invariant: every field is exact up to 2^53 - 1; above it (no size or block count comes near, an
 * inode number may on a network file system) it is the nearest number.
 */

import { type Block, readU64 } from "./block.ts";
import { CACHESTAT, STATFS, STATX, STATX_BLOCK_SIZE } from "./layouts.ts";
import type { CacheStatus, FileStatus, FileSystemStatus } from "./libc.ts";

export function emptyFileStatus(): FileStatus {
  const device = { deviceMajor: 0, deviceMinor: 0 };
  return { mode: 0, size: 0, allocated: 0, inode: 0, ...device, modifiedMs: 0 };
}

export function emptyFileSystemStatus(): FileSystemStatus {
  return { type: 0, totalBytes: 0, availableBytes: 0 };
}

export function emptyCacheStatus(): CacheStatus {
  return { cached: 0, dirty: 0, writeback: 0, evicted: 0, recentlyEvicted: 0 };
}

/** `from` holds a `struct statx`. Times before 1970 are not expected of our own files. */
export function copyFileStatus(from: Block, into: FileStatus): void {
  into.mode = from.view.getUint16(STATX.at.mode, true);
  into.size = readU64(from, STATX.at.size);
  into.allocated = readU64(from, STATX.at.blocks) * STATX_BLOCK_SIZE;
  into.inode = readU64(from, STATX.at.inode);
  into.deviceMajor = from.view.getUint32(STATX.at.deviceMajor, true);
  into.deviceMinor = from.view.getUint32(STATX.at.deviceMinor, true);
  const seconds = readU64(from, STATX.at.modifiedSeconds);
  const nanoseconds = from.view.getUint32(STATX.at.modifiedNanoseconds, true);
  into.modifiedMs = seconds * 1000 + Math.floor(nanoseconds / 1e6);
}

/** `from` holds a `struct statfs`. Counts are in fragments; zero means "as large as a block". */
export function copyFileSystemStatus(from: Block, into: FileSystemStatus): void {
  const unit = readU64(from, STATFS.at.fragmentSize) || readU64(from, STATFS.at.blockSize);
  into.type = from.view.getUint32(STATFS.at.type, true);
  into.totalBytes = readU64(from, STATFS.at.blocks) * unit;
  into.availableBytes = readU64(from, STATFS.at.available) * unit;
}

/** `from` holds a `struct cachestat`. */
export function copyCacheStatus(from: Block, into: CacheStatus): void {
  into.cached = readU64(from, CACHESTAT.at.cached);
  into.dirty = readU64(from, CACHESTAT.at.dirty);
  into.writeback = readU64(from, CACHESTAT.at.writeback);
  into.evicted = readU64(from, CACHESTAT.at.evicted);
  into.recentlyEvicted = readU64(from, CACHESTAT.at.recentlyEvicted);
}
