/** Both ends of the background jobs, in one thread. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { POSIX_FADV_DONTNEED } from "../../../ffi/constants.ts";
import { JOB_RING_BYTES, JobRing } from "../../../src/base/job_ring.ts";
import { Background, runBackground } from "../../../src/server/background.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";

const WAKE_FD = 99;

/** A libc that only writes down what it was asked. */
function recorder(): { libc: typeof libc; asked: unknown[][]; writes: number } {
  const faulty = new FaultyLibc(libc);
  const asked: unknown[][] = [];
  const recorded = { libc: faulty.libc, asked, writes: 0 };
  faulty.plan = (call, args) => {
    if (call === "allocate") return undefined;
    if (call === "eventfd") return WAKE_FD;
    if (call === "write") recorded.writes += 1;
    else asked.push([call, ...args]);
    return 0;
  };
  return recorded;
}

test("jobs run in their order, and the worker ends when it is told and nothing is left", () => {
  const ring = new JobRing(new SharedArrayBuffer(JOB_RING_BYTES));
  const shard = recorder();
  const background = new Background(shard.libc, ring);
  background.advise(5, 2 ** 40 + 3, 2 ** 33 + 1, POSIX_FADV_DONTNEED);
  background.close(5);
  background.advise(6, 0, 0, POSIX_FADV_DONTNEED);
  background.stop();
  const worker = recorder();
  runBackground(worker.libc, ring);
  assert.deepEqual(worker.asked, [
    ["fadvise", 5, 2 ** 40 + 3, 2 ** 33 + 1, POSIX_FADV_DONTNEED],
    ["close", 5],
    ["fadvise", 6, 0, 0, POSIX_FADV_DONTNEED],
    ["close", WAKE_FD],
  ]);
  assert.deepEqual(shard.asked, []);
});

test("the worker raises the shard's eventfd behind every job, and the shard reaps all", () => {
  const ring = new JobRing(new SharedArrayBuffer(JOB_RING_BYTES));
  const background = new Background(libc, ring);
  for (let i = 0; i < 3; i += 1) background.advise(-1, 0, 0, POSIX_FADV_DONTNEED);
  ring.stop();
  const worker = recorder();
  runBackground(worker.libc, ring);
  assert.equal(worker.writes, 3);
  assert.equal(ring.pending, 3);
  background.reap();
  assert.equal(ring.pending, 0);
  background.wake.close();
});

test("with a full ring the shard does the job itself: nothing is lost", () => {
  const ring = new JobRing(new SharedArrayBuffer(JOB_RING_BYTES));
  const shard = recorder();
  const background = new Background(shard.libc, ring);
  for (let fd = 0; fd < 300; fd += 1) background.close(fd);
  background.advise(7, 1, 2, 3);
  background.stop();
  const worker = recorder();
  runBackground(worker.libc, ring);
  assert.deepEqual(worker.asked.pop(), ["close", WAKE_FD]);
  const closed = [...worker.asked, ...shard.asked].filter(([call]) => call === "close");
  assert.deepEqual(closed.map(([, fd]) => fd), [...Array(300).keys()]);
  assert.ok(shard.asked.length > 0 && worker.asked.length > 0);
  assert.deepEqual(shard.asked.at(-1), ["fadvise", 7, 1, 2, 3]);
});
