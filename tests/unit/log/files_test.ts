/** Whole reads and writes, and replacing a small file. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import {
  AT_FDCWD,
  EINTR,
  EIO,
  ELOOP,
  ENOENT,
  ENOSPC,
  O_CREAT,
  O_RDWR,
} from "../../../ffi/constants.ts";
import * as files from "../../../src/log/files.ts";
import { memoryOf } from "../../support/batches.ts";
import { type CallName, FaultyLibc } from "../../support/faulty_libc.ts";
import { Prng } from "../../support/prng.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

function openRoot(): { root: string; fd: number; faulty: FaultyLibc } {
  const root = temporaryDirectory("files");
  const faulty = new FaultyLibc(libc);
  return { root, fd: files.openDirectory(libc, AT_FDCWD, root), faulty };
}

test("must gives a result on, or says which action failed and why", () => {
  assert.equal(files.must(5, "open x"), 5);
  assert.equal(files.must(0, "open x"), 0);
  const error = catching(() => files.must(-ENOSPC, "write x"));
  assert.ok(error instanceof files.StorageError);
  assert.equal(error.errno, ENOSPC);
  assert.equal(error.message, "write x: ENOSPC");
});

test("short and interrupted reads and writes are gone on with", () => {
  const { root, fd, faulty } = openRoot();
  const file = libc.openat(fd, "f", O_RDWR | O_CREAT, 0o644);
  const bytes = new Prng(1).bytes(1000);
  let calls = 0;
  faulty.plan = (call) => {
    if (call !== "pwrite" && call !== "pread") return undefined;
    calls += 1;
    return calls % 3 === 0 ? -EINTR : { short: 100 };
  };
  assert.equal(files.writeWhole(faulty.libc, file, memoryOf(bytes), 1000, 7), 0);
  assert.deepEqual(new Uint8Array(readFileSync(join(root, "f"))).slice(7), bytes);
  const memory = libc.allocate(2000);
  assert.equal(files.readWhole(faulty.libc, file, memory, 50, 1500, 7), 1000, "up to the end");
  assert.deepEqual(memory.bytes.slice(50, 1050), bytes);
  faulty.plan = () => -EIO;
  assert.equal(files.writeWhole(faulty.libc, file, memory, 10, 0), -EIO);
  assert.equal(files.readWhole(faulty.libc, file, memory, 0, 10, 0), -EIO);
  faulty.plan = () => 0;
  assert.equal(files.writeWhole(faulty.libc, file, memory, 10, 0), -EIO, "no progress is no loop");
  assert.equal(files.fileSize(libc, file), 1007);
  libc.close(file);
  libc.close(fd);
});

test("a small file is replaced as a whole, and what a broken attempt left is no obstacle", () => {
  const { root, fd } = openRoot();
  assert.equal(files.readSmallFile(libc, fd, "state"), null);
  writeFileSync(join(root, "state.tmp"), "left behind, and longer than what follows");
  for (const text of ["first", "a second one", ""]) {
    files.replaceFile(libc, fd, "state", new TextEncoder().encode(text));
    assert.equal(new TextDecoder().decode(files.readSmallFile(libc, fd, "state")!), text);
    assert.deepEqual(readdirSync(root), ["state"]);
  }
  libc.close(fd);
});

test("replacing writes, syncs, renames and syncs the directory, in this order", () => {
  const { fd, faulty } = openRoot();
  files.replaceFile(faulty.libc, fd, "state", new Uint8Array(10));
  const calls = faulty.calls.filter((call) => call !== "allocate");
  assert.deepEqual(calls, ["openat", "pwrite", "fsync", "close", "renameat", "fsync"]);
  libc.close(fd);
});

test("whichever call of a replacement fails, the old content stays, and nothing leaks", () => {
  const steps: [CallName, number][] = [["openat", 1], ["pwrite", 1], ["fsync", 1], ["renameat", 1]];
  for (const [call, k] of steps) {
    const { root, fd, faulty } = openRoot();
    writeFileSync(join(root, "state"), "old");
    faulty.failNth(call, k, -EIO);
    const replace = () => files.replaceFile(faulty.libc, fd, "state", new Uint8Array(5));
    assert.ok(catching(replace) instanceof files.StorageError, call);
    assert.equal(readFileSync(join(root, "state"), "utf8"), "old", call);
    assert.equal(faulty.count("openat") - (call === "openat" ? 1 : 0), faulty.count("close"), call);
    libc.close(fd);
  }
  const { fd, faulty } = openRoot();
  faulty.failNth("fsync", 2, -EIO);
  const replace = () => files.replaceFile(faulty.libc, fd, "state", new Uint8Array(5));
  assert.ok(catching(replace) instanceof files.StorageError, "the directory's sync counts too");
  libc.close(fd);
});

test("a symbolic link is not followed", () => {
  const { root, fd } = openRoot();
  writeFileSync(join(root, "target"), "untouched");
  symlinkSync("target", join(root, "state"));
  const error = catching(() => files.readSmallFile(libc, fd, "state"));
  assert.ok(error instanceof files.StorageError);
  assert.equal(error.errno, ELOOP);
  symlinkSync("target", join(root, "other.tmp"));
  assert.throws(() => files.replaceFile(libc, fd, "other", new Uint8Array(3)), files.StorageError);
  assert.equal(readFileSync(join(root, "target"), "utf8"), "untouched");
  libc.close(fd);
});

test("a directory is made once, and its entry synced", () => {
  const { fd, faulty } = openRoot();
  files.ensureDirectory(faulty.libc, fd, "d");
  assert.equal(faulty.count("fsync"), 1);
  files.ensureDirectory(faulty.libc, fd, "d");
  assert.equal(faulty.count("fsync"), 1, "one that exists needs none");
  files.syncDirectory(faulty.libc, fd, "d");
  assert.equal(faulty.count("fsync"), 2);
  assert.equal(faulty.count("openat"), faulty.count("close"));
  const missing = catching(() => files.syncDirectory(libc, fd, "missing"));
  assert.ok(missing instanceof files.StorageError);
  assert.equal(missing.errno, ENOENT);
  libc.close(fd);
});

function catching(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  return assert.fail("nothing was thrown");
}
