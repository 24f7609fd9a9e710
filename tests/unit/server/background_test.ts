/** Both ends of the background jobs, in one thread. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { POSIX_FADV_DONTNEED } from "../../../ffi/constants.ts";
import { JOB_RING_BYTES, JobRing } from "../../../src/base/job_ring.ts";
import { Background, runBackground } from "../../../src/server/background.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";

/** A libc that only writes down what it was asked. */
function recorder(): { libc: typeof libc; asked: unknown[][] } {
  const faulty = new FaultyLibc(libc);
  const asked: unknown[][] = [];
  faulty.plan = (call, args) => {
    asked.push([call, ...args]);
    return 0;
  };
  return { libc: faulty.libc, asked };
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
  ]);
  assert.deepEqual(shard.asked, []);
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
  const closed = [...worker.asked, ...shard.asked].filter(([call]) => call === "close");
  assert.deepEqual(closed.map(([, fd]) => fd), [...Array(300).keys()]);
  assert.ok(shard.asked.length > 0 && worker.asked.length > 0);
  assert.deepEqual(shard.asked.at(-1), ["fadvise", 7, 1, 2, 3]);
});
