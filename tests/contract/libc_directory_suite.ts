/** Contract of names: directories, rename, unlink, and what statx says of them. */
import assert from "node:assert/strict";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  DT_DIR,
  DT_REG,
  EEXIST,
  EISDIR,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  O_RDWR,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from "../../ffi/constants.ts";
import type { DirectoryEntry } from "../../ffi/libc.ts";
import type { Contract, World } from "./libc_world.ts";

export function directoryContract(contract: Contract): void {
  contract("mkdirat makes a directory once", makesDirectories);
  contract("unlinkat removes files, and with AT_REMOVEDIR empty directories", unlinks);
  contract("a file that was unlinked lives as long as it is open", unlinkedLives);
  contract("renameat moves and replaces", renames);
  contract("readDirectory gives each name and type once, however many", lists);
  contract("readDirectory begins anew each time and appends", listsAnew);
  contract("statx tells mode, size and identity", status);
  contract("fstatfs tells type and room", fileSystem);
}

function makesDirectories(world: World): void {
  const { libc } = world;
  const root = world.directory();
  world.is(libc.mkdirat(root, "d", 0o755), 0);
  world.is(libc.mkdirat(root, "d", 0o755), -EEXIST);
  world.is(libc.mkdirat(root, "missing/d", 0o755), -ENOENT);
  world.file("d/f");
  world.is(libc.mkdirat(root, "d/f", 0o755), -EEXIST);
  world.is(libc.mkdirat(root, "d/f/g", 0o755), -ENOTDIR);
}

function unlinks(world: World): void {
  const { libc } = world;
  const root = world.directory();
  world.is(libc.mkdirat(root, "d", 0o755), 0);
  world.file("d/f");
  world.is(libc.unlinkat(root, "d", AT_REMOVEDIR), -ENOTEMPTY);
  world.is(libc.unlinkat(root, "d", 0), -EISDIR);
  world.is(libc.unlinkat(root, "d/f", AT_REMOVEDIR), -ENOTDIR);
  world.is(libc.unlinkat(root, "d/f", 0), 0);
  world.is(libc.unlinkat(root, "d/f", 0), -ENOENT);
  world.is(libc.unlinkat(root, "d", AT_REMOVEDIR), 0);
  world.is(libc.unlinkat(root, "d", AT_REMOVEDIR), -ENOENT);
}

function unlinkedLives(world: World): void {
  const { libc } = world;
  const root = world.directory();
  const fd = world.file("f");
  world.put(fd, "still here");
  world.is(libc.unlinkat(root, "f", 0), 0);
  assert.equal(world.get(fd, 20), "still here");
  const other = world.file("f");
  assert.equal(world.get(other, 20), "");
}

function renames(world: World): void {
  const { libc } = world;
  const root = world.directory();
  world.is(libc.mkdirat(root, "d", 0o755), 0);
  world.put(world.file("a"), "of a");
  world.put(world.file("b"), "of b");
  world.is(libc.renameat(root, "missing", root, "c"), -ENOENT);
  world.is(libc.renameat(root, "a", root, "b"), 0);
  assert.equal(world.get(world.file("b", O_RDWR), 9), "of a");
  world.is(libc.openat(root, "a", O_RDWR, 0), -ENOENT);
  world.is(libc.renameat(root, "b", AT_FDCWD, world.root + "/d/c"), 0);
  assert.equal(world.get(world.file("d/c", O_RDWR), 9), "of a");
  world.is(libc.mkdirat(root, "e", 0o755), 0);
  world.is(libc.renameat(root, "e", root, "d"), -ENOTEMPTY);
  world.file("x");
  world.is(libc.renameat(root, "x", root, "d"), -EISDIR);
  world.is(libc.renameat(root, "d", root, "x"), -ENOTDIR);
  world.is(libc.renameat(root, "d", root, "e"), 0);
  assert.equal(world.get(world.file("e/c", O_RDWR), 9), "of a");
}

function lists(world: World): void {
  const { libc } = world;
  const root = world.directory();
  const expected = new Map<string, number>();
  for (let i = 0; i < 1500; i++) {
    const name = String(i).padStart(20, "0") + ".log";
    world.close(world.file(name));
    expected.set(name, DT_REG);
  }
  world.is(libc.mkdirat(root, "grün-日本", 0o755), 0);
  expected.set("grün-日本", DT_DIR);
  world.close(world.file("n".repeat(255)));
  expected.set("n".repeat(255), DT_REG);
  const entries: DirectoryEntry[] = [];
  world.is(libc.readDirectory(root, entries), expected.size);
  assert.equal(entries.length, expected.size);
  for (const { name, type } of entries) {
    assert.equal(type, expected.get(name));
    assert.ok(expected.delete(name), "a name comes once");
  }
}

function listsAnew(world: World): void {
  const { libc } = world;
  const root = world.directory();
  const entries: DirectoryEntry[] = [{ name: "before", type: 0 }];
  world.is(libc.readDirectory(root, entries), 0);
  world.file("f");
  world.is(libc.readDirectory(root, entries), 1);
  world.is(libc.readDirectory(root, entries), 1);
  assert.deepEqual(entries.map(({ name }) => name), ["before", "f", "f"]);
  world.is(libc.readDirectory(world.file("f"), entries), -ENOTDIR);
  assert.equal(entries.length, 3);
}

function status(world: World): void {
  const { libc } = world;
  const root = world.directory();
  const fd = world.file("f");
  world.put(fd, "0123456789");
  const byName = libc.fileStatus();
  world.is(libc.statx(root, "f", 0, byName), 0);
  assert.equal(byName.mode & S_IFMT, S_IFREG);
  assert.equal(byName.mode & 0o600, 0o600);
  assert.equal(byName.size, 10);
  assert.ok(Math.abs(byName.modifiedMs - libc.wallMs()) < 60_000, "modified just now");
  const byDescriptor = libc.fileStatus();
  world.is(libc.statx(fd, "", AT_EMPTY_PATH, byDescriptor), 0);
  assert.deepEqual(byDescriptor, byName);
  const ofRoot = libc.fileStatus();
  world.is(libc.statx(root, "", AT_EMPTY_PATH, ofRoot), 0);
  assert.equal(ofRoot.mode & S_IFMT, S_IFDIR);
  assert.notEqual(ofRoot.inode, byName.inode);
  assert.deepEqual(
    [ofRoot.deviceMajor, ofRoot.deviceMinor],
    [byName.deviceMajor, byName.deviceMinor],
  );
  const untouched = { ...ofRoot };
  world.is(libc.statx(root, "missing", 0, ofRoot), -ENOENT);
  world.is(libc.statx(root, "", 0, ofRoot), -ENOENT);
  assert.deepEqual(ofRoot, untouched);
}

function fileSystem(world: World): void {
  const { libc } = world;
  const into = libc.fileSystemStatus();
  world.is(libc.fstatfs(world.file("f"), into), 0);
  assert.ok(into.type > 0, "a file system has a type");
  assert.ok(into.totalBytes >= into.availableBytes, "no more is free than there is");
  assert.ok(into.availableBytes > 0, "the test itself has room");
}
