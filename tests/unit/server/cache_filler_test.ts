/** Ranges of a real file come into the page cache, and what stands in the way of that. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import {
  AT_FDCWD,
  EBADF,
  EINTR,
  EINVAL,
  EIO,
  ENOENT,
  O_CREAT,
  O_RDWR,
  POSIX_FADV_DONTNEED,
  POSIX_FADV_RANDOM,
} from "../../../ffi/constants.ts";
import { MiB } from "../../../src/base/units.ts";
import { CacheFiller } from "../../../src/server/cache_filler.ts";
import { FaultyLibc, type Plan } from "../../support/faulty_libc.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const SIZE: number = 4 * MiB;
const PAGE = 4096;

for (const isBounded of [false, true]) {
  test(`a range is there afterwards, whole, and up to the end (bounded: ${isBounded})`, () => {
    const world = new FilledFile();
    assert.equal(world.filler.fill(world.fd, MiB, 300000, isBounded), 300000);
    assert.ok(world.cached(MiB, 300000) >= Math.floor(300000 / PAGE));
    assert.equal(world.filler.fill(world.fd, SIZE - 5000, MiB, isBounded), 5000);
    assert.equal(world.filler.fill(world.fd, SIZE, MiB, isBounded), 0, "nothing is behind the end");
    assert.equal(world.faulty.count("pread"), 0, "nothing is copied");
    world.close();
  });
}

test("what is bounded uses no descriptor of its own; a file has one until it is forgotten", () => {
  const world = new FilledFile();
  world.filler.fill(world.fd, 0, 10, true);
  assert.equal(world.faulty.opened, 1, "/dev/null");
  for (let i = 0; i < 3; i += 1) world.filler.fill(world.fd, i * MiB, MiB, false);
  assert.equal(world.faulty.opened, 2);
  world.filler.forget(world.fd);
  world.filler.forget(world.fd);
  assert.equal(world.faulty.count("close"), 1);
  world.close();
  assert.equal(world.faulty.count("close"), 2, "/dev/null");
});

test("of many files the first ones lose their descriptor; none is left at the end", () => {
  const { libc: counted, calls, opened } = recorder();
  const filler = new CacheFiller(counted);
  for (let fd = 500; fd < 600; fd += 1) filler.fill(fd, 0, 10, false);
  filler.close();
  const closed = calls.filter(([call]) => call === "close").map(([, fd]) => fd);
  assert.deepEqual(closed.sort(), opened.sort());
  assert.equal(opened.length, 101);
});

const refusals: readonly [string, Plan][] = [
  ["no /proc", (call, args) => isPath(call, args, "/proc/") ? -ENOENT : undefined],
  ["no /dev/null", (call, args) => isPath(call, args, "/dev/null") ? -ENOENT : undefined],
  ["no sendfile to it", (call) => call === "sendfile" ? -EINVAL : undefined],
];
for (const [name, plan] of refusals) {
  test(`with ${name} the bytes come all the same`, () => {
    const world = new FilledFile();
    world.faulty.plan = plan;
    assert.equal(world.filler.fill(world.fd, MiB, 300000, false), 300000);
    assert.ok(world.cached(MiB, 300000) >= Math.floor(300000 / PAGE));
    world.filler.forget(world.fd);
    world.close();
  });
}

test("a disk error is the result, an interrupted call is made again", () => {
  const world = new FilledFile();
  let interrupted = 0;
  world.faulty.plan = (call) => {
    if (call !== "sendfile" || interrupted === 3) return undefined;
    interrupted += 1;
    return -EINTR;
  };
  assert.equal(world.filler.fill(world.fd, 0, MiB, false), MiB);
  world.faulty.plan = (call) => call === "sendfile" || call === "pread" ? -EIO : undefined;
  assert.equal(world.filler.fill(world.fd, 0, MiB, false), -EIO);
  world.faulty.plan = () => undefined;
  assert.equal(world.filler.fill(-1, 0, MiB, false), -EBADF);
  world.close();
});

/** A file on the real disk that is not in the page cache, read ahead by nobody but the filler. */
class FilledFile {
  readonly faulty: FaultyLibc = new FaultyLibc(libc);
  readonly filler: CacheFiller = new CacheFiller(this.faulty.libc);
  readonly fd: number;

  constructor() {
    const path = join(temporaryDirectory("filler"), "file");
    this.fd = libc.openat(AT_FDCWD, path, O_CREAT | O_RDWR, 0o600);
    const block = libc.allocate(SIZE);
    assert.equal(libc.pwrite(this.fd, block, 0, SIZE, 0), SIZE);
    assert.equal(libc.fdatasync(this.fd), 0);
    libc.fadvise(this.fd, 0, 0, POSIX_FADV_DONTNEED);
    libc.fadvise(this.fd, 0, 0, POSIX_FADV_RANDOM);
  }

  /** Pages of a range in the page cache. */
  cached(position: number, size: number): number {
    const status = libc.cacheStatus();
    if (libc.cachestat(this.fd, position, size, status) !== 0) return Infinity;
    return status.cached;
  }

  close(): void {
    this.filler.close();
    libc.close(this.fd);
  }
}

/** A libc that only writes down what it was asked. */
function recorder(): { libc: typeof libc; calls: unknown[][]; opened: number[] } {
  const faulty = new FaultyLibc(libc);
  const calls: unknown[][] = [];
  const opened: number[] = [];
  faulty.plan = (call, args) => {
    calls.push([call, ...args]);
    if (call !== "openat") return call === "sendfile" ? 10 : 0;
    opened.push(700 + opened.length);
    return opened[opened.length - 1]!;
  };
  return { libc: faulty.libc, calls, opened };
}

function isPath(call: string, args: readonly unknown[], begin: string): boolean {
  return call === "openat" && String(args[1]).startsWith(begin);
}
