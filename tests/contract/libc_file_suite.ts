/** Contract of reading, writing and syncing files, also far beyond 4 GiB. */
import assert from "node:assert/strict";
import {
  AT_FDCWD,
  EAGAIN,
  EBADF,
  EEXIST,
  EINVAL,
  EISDIR,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  EOPNOTSUPP,
  ESPIPE,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  RWF_NOWAIT,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from "../../ffi/constants.ts";
import { skipped } from "../support/skip.ts";
import { type Contract, text, type World } from "./libc_world.ts";

export const BAD_FD = 999_999;

export function fileContract(contract: Contract): void {
  contract("openat opens, creates and refuses", opens);
  contract("a path that C would not see whole is refused", badPaths);
  contract("every call answers -EBADF for a descriptor that is none", badDescriptors);
  contract("read and write move the offset of the file", sequential);
  contract("pread returns what pwrite wrote, less at the end, and 0 past it", positional);
  contract("positions beyond 2^32 are exact, and the file is sparse", farPositions);
  contract("pwritev gathers, preadv2 scatters", gathers);
  contract("preadv2 with RWF_NOWAIT reads resident pages or answers -EAGAIN", noWait);
  contract("fdatasync, fsync and syncfs succeed on files and directories", syncs);
  contract("ftruncate cuts and extends with zeros", truncates);
  contract("lseek answers the new position, beyond 2^32 too", seeks);
  contract("flock holds between two descriptors of one file", locks);
}

function opens(world: World): void {
  const { libc, root } = world;
  const path = root + "/f";
  world.is(libc.openat(AT_FDCWD, path, O_RDWR, 0), -ENOENT);
  world.own(libc.openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0o600));
  world.is(libc.openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0o600), -EEXIST);
  world.is(libc.openat(AT_FDCWD, path + "/below", O_RDWR, 0), -ENOTDIR);
  world.is(libc.openat(AT_FDCWD, path, O_DIRECTORY, 0), -ENOTDIR);
  world.is(libc.openat(AT_FDCWD, root, O_WRONLY, 0), -EISDIR);
  const directory = world.directory();
  const relative = world.own(libc.openat(directory, "f", O_RDWR, 0));
  world.put(relative, "text");
  world.file("f", O_RDWR | O_TRUNC);
  assert.equal(world.get(relative, 10), "");
  const accented = world.file("grün-日本-🙂");
  world.put(accented, "x");
  assert.equal(world.get(world.file("grün-日本-🙂", O_RDWR), 9), "x");
}

function badPaths({ libc, root, is }: World): void {
  is(libc.openat(AT_FDCWD, root + "/a\0b", O_RDWR | O_CREAT, 0o644), -EINVAL);
  is(libc.openat(AT_FDCWD, root + "/" + "n".repeat(5000), O_RDWR, 0), -ENAMETOOLONG);
  is(libc.openat(AT_FDCWD, root + "/" + "n".repeat(256), O_RDWR, 0), -ENAMETOOLONG);
  is(libc.openat(AT_FDCWD, "", O_RDWR, 0), -ENOENT);
  is(libc.renameat(AT_FDCWD, root + "/a\0b", AT_FDCWD, root + "/c"), -EINVAL);
  is(libc.renameat(AT_FDCWD, root + "/c", AT_FDCWD, root + "/a\0b"), -EINVAL);
  is(libc.unlinkat(AT_FDCWD, root + "/a\0b", 0), -EINVAL);
  is(libc.mkdirat(AT_FDCWD, root + "/a\0b", 0o755), -EINVAL);
  is(libc.statx(AT_FDCWD, root + "/a\0b", 0, libc.fileStatus()), -EINVAL);
}

function badDescriptors(world: World): void {
  const { libc } = world;
  const memory = libc.allocate(8);
  const vector = libc.ioVector(1);
  vector.push(memory, 0, 8);
  const results: Record<string, number> = {
    close: libc.close(BAD_FD),
    closeNegative: libc.close(-1),
    read: libc.read(BAD_FD, memory, 0, 8),
    write: libc.write(BAD_FD, memory, 0, 8),
    pread: libc.pread(BAD_FD, memory, 0, 8, 0),
    pwrite: libc.pwrite(BAD_FD, memory, 0, 8, 0),
    preadv2: libc.preadv2(BAD_FD, vector, 0, 0),
    pwritev: libc.pwritev(BAD_FD, vector, 0),
    fdatasync: libc.fdatasync(BAD_FD),
    fsync: libc.fsync(BAD_FD),
    syncfs: libc.syncfs(BAD_FD),
    fallocate: libc.fallocate(BAD_FD, 0, 0, 8),
    fadvise: libc.fadvise(BAD_FD, 0, 8, 0),
    readahead: libc.readahead(BAD_FD, 0, 8),
    fstatfs: libc.fstatfs(BAD_FD, libc.fileSystemStatus()),
    lseek: libc.lseek(BAD_FD, 0, SEEK_SET),
    flock: libc.flock(BAD_FD, LOCK_SH),
    openat: libc.openat(BAD_FD, "f", 0, 0),
    unlinkat: libc.unlinkat(BAD_FD, "f", 0),
    mkdirat: libc.mkdirat(BAD_FD, "f", 0o755),
    renameat: libc.renameat(BAD_FD, "f", BAD_FD, "g"),
    statx: libc.statx(BAD_FD, "f", 0, libc.fileStatus()),
    readDirectory: libc.readDirectory(BAD_FD, []),
    ftruncate: libc.ftruncate(BAD_FD, 0),
    recv: libc.recv(BAD_FD, memory, 0, 8, 0),
    send: libc.send(BAD_FD, memory, 0, 8, 0),
    sendmsg: libc.sendmsg(BAD_FD, vector, 0),
    listen: libc.listen(BAD_FD, 1),
    accept4: libc.accept4(BAD_FD, 0),
    shutdown: libc.shutdown(BAD_FD, 2),
    setsockopt: libc.setsockopt(BAD_FD, 1, 2, 1),
    bind: libc.bind(BAD_FD, { family: "inet", host: "127.0.0.1", port: 0 }),
    connect: libc.connect(BAD_FD, { family: "inet", host: "127.0.0.1", port: 1 }),
    epollWait: libc.epollWait(BAD_FD, libc.epollEvents(1), 0),
  };
  assert.equal(libc.getsockname(BAD_FD), -EBADF);
  assert.equal(libc.getpeername(BAD_FD), -EBADF);
  for (const [call, result] of Object.entries(results)) assert.equal(result, -EBADF, call);
}

function sequential(world: World): void {
  const { libc } = world;
  const fd = world.file("f");
  const memory = world.memory("one two three");
  world.is(libc.write(fd, memory, 0, 4), 4);
  world.is(libc.write(fd, memory, 4, 9), 9);
  world.is(libc.lseek(fd, 0, SEEK_SET), 0);
  const into = libc.allocate(20);
  world.is(libc.read(fd, into, 2, 7), 7);
  assert.equal(text(into, 2, 7), "one two");
  world.is(libc.read(fd, into, 0, 20), 6);
  world.is(libc.read(fd, into, 0, 20), 0);
}

function positional(world: World): void {
  const { libc } = world;
  const fd = world.file("f");
  world.put(fd, "0123456789");
  world.put(fd, "xy", 4);
  assert.equal(world.get(fd, 10), "0123xy6789");
  assert.equal(world.get(fd, 10, 7), "789");
  const memory = libc.allocate(4);
  world.is(libc.pread(fd, memory, 0, 4, 10), 0);
  world.is(libc.pread(fd, memory, 0, 4, 2 ** 40), 0);
  world.is(libc.lseek(fd, 0, SEEK_CUR), 0);
}

function farPositions(world: World): void {
  const { libc } = world;
  const fd = world.file("f");
  const status = libc.fileStatus();
  for (const position of [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2, 2 ** 32, 3 * 2 ** 32 + 12_345]) {
    world.put(fd, "far" + String(position), position);
  }
  for (const position of [2 ** 31 - 1, 2 ** 32 - 2]) {
    // The first bytes were not overwritten by the next one.
    assert.equal(world.get(fd, 1, position), "f");
  }
  assert.equal(world.get(fd, 13, 2 ** 32), "far4294967296");
  const last = 3 * 2 ** 32 + 12_345;
  assert.equal(world.get(fd, 20, last), "far" + String(last));
  world.is(libc.statx(fd, "", 0x1000, status), 0);
  assert.equal(status.size, last + 3 + String(last).length);
  assert.ok(status.allocated < 2 ** 24, "holes take no space");
  const vector = libc.ioVector(1);
  vector.push(world.memory("vector"), 0, 6);
  world.is(libc.pwritev(fd, vector, 2 ** 33 + 1), 6);
  assert.equal(world.get(fd, 6, 2 ** 33 + 1), "vector");
}

function gathers(world: World): void {
  const { libc } = world;
  const fd = world.file("f");
  const one = world.memory("one.two");
  const two = world.memory("three");
  const vector = libc.ioVector(4);
  vector.push(one, 4, 3);
  vector.push(two, 0, 5);
  vector.push(one, 0, 3);
  world.is(libc.pwritev(fd, vector, 2), 11);
  assert.equal(world.get(fd, 20), "\0\0twothreeone");
  const first = libc.allocate(8);
  const second = libc.allocate(8);
  const into = libc.ioVector(2);
  into.push(first, 5, 3);
  into.push(second, 0, 8);
  world.is(libc.preadv2(fd, into, 2, 0), 11);
  assert.equal(text(first, 5, 3), "two");
  assert.equal(text(second, 0, 8), "threeone");
  world.is(libc.preadv2(fd, into, 11, 0), 2);
  world.is(libc.preadv2(fd, into, 13, 0), 0);
}

function noWait(world: World): void {
  const { libc } = world;
  const fd = world.file("f");
  world.put(fd, "resident");
  const memory = libc.allocate(8);
  const vector = libc.ioVector(1);
  vector.push(memory, 0, 8);
  const result = libc.preadv2(fd, vector, 0, RWF_NOWAIT);
  if (result === -EOPNOTSUPP) return skipped("RWF_NOWAIT", "this file system has none");
  if (result !== -EAGAIN) {
    world.is(result, 8);
    assert.equal(text(memory, 0, 8), "resident");
  }
  world.is(libc.preadv2(fd, vector, 0, 0x4000_0000), -EOPNOTSUPP);
}

function syncs(world: World): void {
  const { libc } = world;
  for (const fd of [world.file("f"), world.directory()]) {
    world.is(libc.fdatasync(fd), 0);
    world.is(libc.fsync(fd), 0);
    world.is(libc.syncfs(fd), 0);
  }
}

function truncates(world: World): void {
  const { libc } = world;
  const fd = world.file("f");
  world.put(fd, "0123456789");
  world.is(libc.ftruncate(fd, 4), 0);
  assert.equal(world.get(fd, 20), "0123");
  world.is(libc.ftruncate(fd, 6), 0);
  assert.equal(world.get(fd, 20), "0123\0\0");
  world.is(libc.ftruncate(fd, 2 ** 33), 0);
  world.is(libc.lseek(fd, 0, SEEK_END), 2 ** 33);
}

function seeks(world: World): void {
  const { libc } = world;
  const fd = world.file("f");
  world.put(fd, "0123456789");
  world.is(libc.lseek(fd, 4, SEEK_SET), 4);
  world.is(libc.lseek(fd, -1, SEEK_CUR), 3);
  world.is(libc.lseek(fd, -2, SEEK_END), 8);
  world.is(libc.lseek(fd, -11, SEEK_END), -EINVAL);
  for (const position of [2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 7]) {
    world.is(libc.lseek(fd, position, SEEK_SET), position);
    world.is(libc.lseek(fd, 0, SEEK_CUR), position);
  }
  world.is(libc.lseek(fd, 0, 99), -EINVAL);
  world.is(libc.lseek(world.own(libc.socket(1, 1, 0)), 0, SEEK_CUR), -ESPIPE);
}

function locks(world: World): void {
  const { libc } = world;
  const one = world.file("f");
  const two = world.file("f");
  world.is(libc.flock(one, LOCK_EX | LOCK_NB), 0);
  world.is(libc.flock(two, LOCK_EX | LOCK_NB), -EAGAIN);
  world.is(libc.flock(one, LOCK_UN), 0);
  world.is(libc.flock(two, LOCK_SH | LOCK_NB), 0);
  world.is(libc.flock(one, LOCK_SH | LOCK_NB), 0);
  world.is(libc.flock(one, LOCK_EX | LOCK_NB), -EAGAIN);
  world.close(two);
  world.is(libc.flock(one, LOCK_EX | LOCK_NB), 0);
}
