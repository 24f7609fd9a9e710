/** What is in the page cache, by cachestat and by probes, where the test empties it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AT_FDCWD,
  ENOSYS,
  EOPNOTSUPP,
  EPERM,
  O_CREAT,
  O_RDWR,
  POSIX_FADV_DONTNEED,
} from "../../../ffi/constants.ts";
import { NOT_RESIDENT, Residency, type ResidencyMethod } from "../../../src/log/residency.ts";
import { SimLibc } from "../../sim/sim_libc.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";

const PAGE = 4096;
const SIZE: number = 256 * PAGE;

for (const method of ["cachestat", "probe"] as const) {
  test(`${method}: an evicted end, begin or everything is seen, in large and small ranges`, () => {
    const { sim, fd, residency } = made(method);
    const evict = (page: number, count: number) =>
      assert.equal(sim.fadvise(fd, page * PAGE, count * PAGE, POSIX_FADV_DONTNEED), 0);
    for (const size of [1, PAGE, 2 * PAGE, SIZE]) assert.ok(residency.holds(fd, 0, size));
    evict(255, 1);
    assert.ok(!residency.holds(fd, 0, SIZE));
    assert.ok(residency.holds(fd, 0, 255 * PAGE));
    assert.ok(!residency.holds(fd, 254 * PAGE, PAGE + 1));
    evict(0, 1);
    assert.ok(!residency.holds(fd, PAGE - 1, 2));
    assert.ok(residency.holds(fd, PAGE, 2));
    evict(0, 256);
    for (const size of [1, PAGE, SIZE]) assert.ok(!residency.holds(fd, 0, size));
    assert.ok(residency.holds(fd, 0, 0), "nothing is always there");
  });
}

test("cachestat sees one page in the middle; probes see what the kernel reads at once", () => {
  for (const method of ["cachestat", "probe"] as const) {
    const { sim, fd, residency } = made(method);
    sim.fadvise(fd, 100 * PAGE, PAGE, POSIX_FADV_DONTNEED);
    assert.equal(residency.holds(fd, 0, SIZE), method === "probe");
    sim.fadvise(fd, 64 * PAGE, 64 * PAGE, POSIX_FADV_DONTNEED);
    assert.equal(residency.holds(fd, 0, SIZE), false);
  }
});

test("probes of a large range stand further apart, so that they take no longer", () => {
  const { fd, faulty, residency } = made("probe");
  assert.ok(residency.holds(fd, 0, SIZE));
  assert.equal(faulty.count("preadv2"), 9);
  assert.ok(residency.holds(fd, 0, 64 * SIZE));
  assert.equal(faulty.count("preadv2"), 9 + 33);
});

for (const errno of [ENOSYS, EPERM]) {
  test(`errno ${errno} of cachestat: probes from then on`, () => {
    const { sim, fd, faulty, residency } = made("cachestat");
    faulty.plan = (call) => call === "cachestat" ? -errno : undefined;
    assert.ok(residency.holds(fd, 0, SIZE));
    sim.fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    assert.ok(!residency.holds(fd, 0, SIZE));
    assert.ok(!residency.isClean(fd, 0, SIZE), "what is not known is not clean");
    assert.equal(residency.method, "probe");
    assert.equal(faulty.count("cachestat"), 1);
  });
}

test("a file system without RWF_NOWAIT: nothing is known, and nobody waits", () => {
  const { sim, fd, faulty, residency } = made("probe");
  faulty.plan = (call) => call === "preadv2" ? -EOPNOTSUPP : undefined;
  sim.fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  assert.ok(residency.holds(fd, 0, SIZE));
  assert.ok(residency.holds(fd, 0, SIZE));
  assert.equal(residency.method, "none");
  assert.equal(faulty.count("preadv2"), 1 + SIZE / 131072, "the calls of one look");
});

test("read takes what can be had at once, and says how much that is", () => {
  const { sim, fd, faulty, residency } = made("cachestat");
  const into = sim.allocate(64);
  const at = 5 * PAGE - 30;
  assert.equal(residency.read(fd, into, 61, at), 61);
  sim.fadvise(fd, 5 * PAGE, PAGE, POSIX_FADV_DONTNEED);
  assert.equal(residency.read(fd, into, 61, at), 30, "the first page alone");
  sim.fadvise(fd, 4 * PAGE, PAGE, POSIX_FADV_DONTNEED);
  assert.equal(residency.read(fd, into, 61, at), NOT_RESIDENT);
  residency.method = "none";
  const calls = faulty.count("preadv2");
  assert.equal(residency.read(fd, into, 61, at), NOT_RESIDENT);
  assert.equal(faulty.count("preadv2"), calls, "nothing is tried where it was refused");
});

test("dirty pages are not clean until they are synced", () => {
  const { sim, fd, residency } = made("cachestat");
  assert.ok(residency.isClean(fd, 0, SIZE));
  sim.pwrite(fd, sim.allocate(1), 0, 1, 0);
  assert.ok(!residency.isClean(fd, 0, SIZE));
  sim.fdatasync(fd);
  assert.ok(residency.isClean(fd, 0, SIZE));
});

/** A synced file of 1 MiB, all of it in the page cache. */
function made(method: ResidencyMethod) {
  const sim = new SimLibc({ seed: 3 });
  const faulty = new FaultyLibc(sim);
  const fd = sim.openat(AT_FDCWD, "/f", O_RDWR | O_CREAT, 0o600);
  const memory = sim.allocate(SIZE);
  (memory as unknown as { touch(end: number): void }).touch(SIZE);
  assert.equal(sim.pwrite(fd, memory, 0, SIZE, 0), SIZE);
  assert.equal(sim.fdatasync(fd), 0);
  return { sim, faulty, fd, residency: new Residency(faulty.libc, method) };
}
