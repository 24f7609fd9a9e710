/** FaultyLibc: each fault hits the call it was meant for, once, over any Libc. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc as realLibc } from "#ffi";
import {
  AT_FDCWD,
  EFD_NONBLOCK,
  EINTR,
  EIO,
  ENOSPC,
  IOCB_CMD_FDSYNC,
  O_CREAT,
  O_RDWR,
} from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { CrashPoint, type Fault, FaultyLibc, oneFault } from "./faulty_libc.ts";
import { SimLibc } from "./sim_libc.ts";

/** A fresh Libc and a directory in it. */
type Make = () => [libc: Libc, directory: string];

const MAKERS: readonly (readonly [string, Make])[] = [
  ["real libc", () => [realLibc, temporaryDirectory("faulty")]],
  ["SimLibc", () => {
    const libc = new SimLibc({ seed: 1 });
    libc.mkdirat(AT_FDCWD, "/data", 0o755);
    return [libc, "/data"];
  }],
];

for (const [name, make] of MAKERS) {
  test(name + ": an error takes the place of the k-th call of its name", () => {
    const [inner, directory] = make();
    const libc = new FaultyLibc(inner);
    const fd = libc.openat(AT_FDCWD, directory + "/f", O_RDWR | O_CREAT, 0o600);
    const memory = libc.allocate(8);
    libc.plan = oneFault("pwrite", 2, { kind: "error", errno: ENOSPC });
    const results = [0, 8, 16].map((position) => libc.pwrite(fd, memory, 0, 8, position));
    assert.deepEqual(results, [8, -ENOSPC, 8]);
    assert.equal(libc.fdatasync(fd), 0);
    assert.deepEqual([libc.count("pwrite"), libc.count("fdatasync"), libc.injected], [3, 1, 1]);
    assert.equal(libc.calls, 5);
    assert.equal(libc.close(fd), 0);
  });

  test(name + ": a short call moves a part, of memory and of vectors", () => {
    const [inner, directory] = make();
    const libc = new FaultyLibc(inner);
    const fd = libc.openat(AT_FDCWD, directory + "/f", O_RDWR | O_CREAT, 0o600);
    const memory = libc.allocate(26);
    for (let i = 0; i < 26; i += 1) memory.bytes[i] = 97 + i;
    const vector = libc.ioVector(4);
    vector.push(memory, 0, 5);
    vector.push(memory, 5, 0);
    vector.push(memory, 10, 5);
    const short: Fault = { kind: "short", size: 7 };
    libc.plan = (call) => call === "pwritev" ? short : null;
    assert.equal(libc.pwritev(fd, vector, 0), 7);
    vector.consume(7);
    assert.equal(vector.size, 3);
    assert.equal(libc.pwritev(fd, vector, 7), 3);
    vector.clear();
    const into = libc.allocate(16);
    assert.equal(libc.pread(fd, into, 0, 16, 0), 10);
    assert.equal(new TextDecoder().decode(into.bytes.subarray(0, 10)), "abcdeklmno");
    libc.plan = oneFault("pread", 2, { kind: "short", size: 3 });
    assert.equal(libc.pread(fd, into, 0, 16, 0), 3);
    libc.plan = oneFault("close", 1, { kind: "error", errno: EINTR });
    assert.equal(libc.close(fd), -EINTR);
  });

  test(name + ": results of AIO are replaced", () => {
    const [inner, directory] = make();
    const libc = new FaultyLibc(inner, oneFault("aio.result", 2, { kind: "error", errno: EIO }));
    const fd = libc.openat(AT_FDCWD, directory + "/f", O_RDWR | O_CREAT, 0o600);
    const aio = libc.openAio(4, libc.eventfd(0, EFD_NONBLOCK));
    if (typeof aio === "number") return;
    const results: number[] = [];
    for (let tag = 0; tag < 3; tag += 1) {
      aio.prepare(0, IOCB_CMD_FDSYNC, fd, tag);
      assert.equal(aio.submit(1), 1);
      while (aio.reap() === 0) continue;
      results.push(aio.result(0));
    }
    assert.deepEqual(results, [0, -EIO, 0]);
    assert.equal(libc.count("aio.submit"), 3);
    aio.close();
    libc.close(fd);
  });

  test(name + ": a crash point ends everything from the n-th call on", () => {
    const [inner, directory] = make();
    const libc = new FaultyLibc(inner);
    libc.crashAt = 3;
    const fd = libc.openat(AT_FDCWD, directory + "/f", O_RDWR | O_CREAT, 0o600);
    const memory = libc.allocate(8);
    assert.equal(libc.pwrite(fd, memory, 0, 8, 0), 8);
    assert.throws(() => libc.pwrite(fd, memory, 0, 8, 8), CrashPoint);
    assert.throws(() => libc.close(fd), CrashPoint);
    const into = inner.allocate(16);
    assert.equal(inner.pread(fd, into, 0, 16, 0), 8);
    inner.close(fd);
  });
}

test("over the simulator a plan may fail the sync itself, and the disk drops pages", () => {
  const sim = new SimLibc({ seed: 2 });
  const libc = new FaultyLibc(sim, (name, k) => {
    if (name === "fdatasync" && k === 1) sim.disk.failNextSyncs();
    return null;
  });
  const fd = libc.openat(AT_FDCWD, "/f", O_RDWR | O_CREAT, 0o600);
  assert.equal(libc.pwrite(fd, libc.allocate(2000), 0, 2000, 0), 2000);
  assert.equal(libc.fdatasync(fd), -EIO);
  assert.equal(libc.fdatasync(fd), 0);
});
