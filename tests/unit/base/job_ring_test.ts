/** The ring of jobs: both ends in one thread, and a real thread at the other end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyJob, type Job, JOB_RING_BYTES, JobRing } from "../../../src/base/job_ring.ts";
import { forSeeds } from "../../support/prng.ts";

const WRITTEN = 0;
const DONE = 1;
const REAPED = 4;

test("jobs come out as they went in, through many laps and both wraps of the counters", () => {
  for (const start of [0, 2 ** 31 - 50, -50]) {
    const memory = new SharedArrayBuffer(JOB_RING_BYTES);
    const words = new Int32Array(memory);
    words[WRITTEN] = start | 0;
    words[DONE] = start | 0;
    words[REAPED] = start | 0;
    const [writer, reader] = [new JobRing(memory), new JobRing(memory)];
    forSeeds(3, (prng) => {
      const [posted, done]: [Job[], Job[]] = [[], []];
      const [job, reaped] = [emptyJob(), emptyJob()];
      const work = () => {
        assert.equal(reader.take(job), true);
        const model = posted.shift()!;
        assert.deepEqual({ ...job, result: 0 }, model);
        const result = prng.pick([0, -5, 4096]);
        reader.done(result);
        done.push({ ...model, result });
      };
      const reap = () => {
        assert.equal(writer.reap(reaped), done.length > 0);
        if (done.length > 0) assert.deepEqual(reaped, done.shift());
      };
      for (let step = 0; step < 3000; step += 1) {
        const chance = prng.below(100);
        if (chance < 40) {
          const next = {
            kind: prng.below(5),
            fd: prng.below(100000),
            position: prng.pick([0, 2 ** 32 - 1, 2 ** 40 + prng.next(), Number.MAX_SAFE_INTEGER]),
            size: prng.pick([0, 2 ** 31, 2 ** 33 + 5]),
            argument: prng.below(10),
            tag: prng.below(1000),
            result: 0,
          };
          const { kind, fd, position, size, argument, tag } = next;
          const taken = writer.post(kind, fd, position, size, argument, tag);
          assert.equal(taken, posted.length + done.length < 256);
          if (taken) posted.push(next);
        } else if (chance < 72) {
          if (posted.length > 0) work();
        } else {
          reap();
        }
        assert.equal(writer.pending, posted.length + done.length);
      }
      while (posted.length > 0) work();
      while (done.length > 0) reap();
      reap();
    });
  }
});

test("a full ring refuses until a job is reaped, not merely done", () => {
  const ring = new JobRing(new SharedArrayBuffer(JOB_RING_BYTES));
  for (let i = 0; i < 256; i += 1) assert.equal(ring.post(1, i, 0, 0, 0, 0), true);
  assert.equal(ring.post(1, 256, 0, 0, 0, 0), false);
  const job = emptyJob();
  ring.take(job);
  ring.done(0);
  assert.equal(ring.post(1, 256, 0, 0, 0, 0), false);
  ring.reap(job);
  assert.equal(ring.post(1, 256, 0, 0, 0, 0), true);
});

test("after a stop what is in the ring is still taken, then the reader ends", () => {
  const ring = new JobRing(new SharedArrayBuffer(JOB_RING_BYTES));
  ring.post(1, 5, 0, 0, 0, 0);
  ring.stop();
  const job = emptyJob();
  assert.equal(ring.take(job), true);
  assert.equal(job.fd, 5);
  ring.done(0);
  assert.equal(ring.take(job), false);
});

test("a reader in another thread gets every job and hears the stop", async () => {
  const memory = new SharedArrayBuffer(JOB_RING_BYTES);
  const source = `
    import { emptyJob, JobRing } from ${
    JSON.stringify(new URL("../../../src/base/job_ring.ts", import.meta.url).href)
  };
    globalThis.onmessage = (event) => {
      const ring = new JobRing(event.data);
      const job = emptyJob();
      let sum = 0;
      while (ring.take(job)) {
        sum += job.fd;
        ring.done(job.fd);
      }
      globalThis.postMessage(sum);
    };`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  const sum = new Promise<number>((resolve, reject) => {
    worker.onmessage = (event) => resolve(event.data);
    worker.onerror = (event) => reject(new Error(event.message));
  });
  worker.postMessage(memory);
  const ring = new JobRing(memory);
  let [expected, results] = [0, 0];
  const job = emptyJob();
  for (let fd = 1; fd <= 3000; fd += 1) {
    while (!ring.post(1, fd, 0, 0, 0, 0)) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      while (ring.reap(job)) results += job.result;
    }
    expected += fd;
  }
  ring.stop();
  assert.equal(await sum, expected);
  while (ring.reap(job)) results += job.result;
  assert.equal(results, expected);
  worker.terminate();
  URL.revokeObjectURL(url);
});

test("a ring is halted for good, and its jobs go on", () => {
  const memory = new SharedArrayBuffer(JOB_RING_BYTES);
  const [shard, other] = [new JobRing(memory), new JobRing(memory)];
  assert.equal(shard.isHalted, false);
  other.halt();
  assert.equal(shard.isHalted, true);
  shard.post(1, 2, 3, 4, 5, 6);
  const job = emptyJob();
  assert.equal(other.take(job), true);
  assert.equal(job.tag, 6);
});
