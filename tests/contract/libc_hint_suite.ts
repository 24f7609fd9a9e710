/** Contract of preallocation and of the page cache: hints, and what cachestat says of them. */
import assert from "node:assert/strict";
import {
  EINVAL,
  ENOSYS,
  EOPNOTSUPP,
  FALLOC_FL_KEEP_SIZE,
  POSIX_FADV_DONTNEED,
  POSIX_FADV_SEQUENTIAL,
  POSIX_FADV_WILLNEED,
  SEEK_END,
} from "../../ffi/constants.ts";
import { skipped } from "../support/skip.ts";
import type { Contract, World } from "./libc_world.ts";

const MIB = 2 ** 20;

export function hintContract(contract: Contract): void {
  contract("fallocate extends, and with KEEP_SIZE only reserves", allocates);
  contract("fadvise takes hints and answers errors", advises);
  contract("readahead takes any range", readsAhead);
  contract("cachestat counts the pages of a range", countsCache);
}

function allocates(world: World): void {
  const { libc } = world;
  const fd = world.file("f");
  world.put(fd, "0123");
  const result = libc.fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, MIB);
  if (result === -EOPNOTSUPP) return skipped("fallocate", "this file system has none");
  world.is(result, 0);
  const status = libc.fileStatus();
  world.is(libc.statx(fd, "", 0x1000, status), 0);
  assert.equal(status.size, 4);
  assert.ok(status.allocated >= MIB, "the room is reserved");
  world.is(libc.fallocate(fd, 0, 0, 2 * MIB), 0);
  world.is(libc.lseek(fd, 0, SEEK_END), 2 * MIB);
  assert.equal(world.get(fd, 6), "0123\0\0");
  world.is(libc.fallocate(fd, 0, 0, 0), -EINVAL);
}

function advises(world: World): void {
  const { libc } = world;
  const fd = world.file("f");
  world.put(fd, "0123");
  world.is(libc.fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL), 0);
  world.is(libc.fadvise(fd, 0, 4, POSIX_FADV_WILLNEED), 0);
  world.is(libc.fadvise(fd, 2 ** 33, 2 ** 33, POSIX_FADV_DONTNEED), 0);
  world.is(libc.fadvise(fd, 0, 4, 99), -EINVAL);
  assert.equal(world.get(fd, 10), "0123");
}

function readsAhead(world: World): void {
  const { libc } = world;
  const fd = world.file("f");
  world.put(fd, "0123");
  world.is(libc.readahead(fd, 0, 4), 0);
  world.is(libc.readahead(fd, 2 ** 33, MIB), 0);
  world.is(libc.readahead(world.own(libc.socket(1, 1, 0)), 0, 4), -EINVAL);
  world.is(libc.fadvise(fd, 0, 4, POSIX_FADV_WILLNEED), 0);
}

function countsCache(world: World): void {
  const { libc } = world;
  const fd = world.file("f");
  const memory = libc.allocate(64 * 1024);
  world.is(libc.pwrite(fd, memory, 0, memory.size, 0), memory.size);
  const status = libc.cacheStatus();
  const result = libc.cachestat(fd, 0, memory.size, status);
  if (result === -ENOSYS) return skipped("cachestat", "this kernel has none");
  world.is(result, 0);
  assert.ok(status.cached > 0, "what was just written is cached");
  assert.ok(status.dirty + status.writeback <= status.cached, "only a cached page is dirty");
  world.is(libc.cachestat(fd, 2 ** 33, memory.size, status), 0);
  assert.equal(status.cached, 0);
  world.is(libc.fsync(fd), 0);
  world.is(libc.cachestat(fd, 0, 0, status), 0);
  assert.equal(status.dirty, 0);
}
