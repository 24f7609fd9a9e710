/** The ring of jobs: both ends in one thread, and a real thread at the other end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Job, JOB_RING_BYTES, JobRing } from "../../../src/base/job_ring.ts";
import { forSeeds } from "../../support/prng.ts";

const WRITTEN = 0;
const TAKEN = 1;

function newJob(): Job {
  return { kind: 0, fd: -1, position: 0, size: 0, argument: 0 };
}

test("jobs come out as they went in, through many laps and both wraps of the counters", () => {
  for (const start of [0, 2 ** 31 - 50, -50]) {
    const memory = new SharedArrayBuffer(JOB_RING_BYTES);
    const words = new Int32Array(memory);
    words[WRITTEN] = start | 0;
    words[TAKEN] = start | 0;
    const [writer, reader] = [new JobRing(memory), new JobRing(memory)];
    forSeeds(3, (prng) => {
      const model: Job[] = [];
      for (let step = 0; step < 2000; step += 1) {
        if (prng.chance(52)) {
          const job = {
            kind: prng.below(5),
            fd: prng.below(100000),
            position: prng.pick([0, 2 ** 32 - 1, 2 ** 40 + prng.next(), Number.MAX_SAFE_INTEGER]),
            size: prng.pick([0, 2 ** 31, 2 ** 33 + 5]),
            argument: prng.below(10),
          };
          const posted = writer.post(job.kind, job.fd, job.position, job.size, job.argument);
          assert.equal(posted, model.length < 256);
          if (posted) model.push(job);
        } else if (model.length > 0) {
          const job = newJob();
          assert.equal(reader.take(job), true);
          assert.deepEqual(job, model.shift());
          reader.done();
        }
      }
      while (model.length > 0) {
        const job = newJob();
        reader.take(job);
        assert.deepEqual(job, model.shift());
        reader.done();
      }
    });
  }
});

test("a full ring refuses until a job is done, not merely taken", () => {
  const ring = new JobRing(new SharedArrayBuffer(JOB_RING_BYTES));
  for (let i = 0; i < 256; i += 1) assert.equal(ring.post(1, i, 0, 0, 0), true);
  assert.equal(ring.post(1, 256, 0, 0, 0), false);
  const job = newJob();
  ring.take(job);
  assert.equal(ring.post(1, 256, 0, 0, 0), false);
  ring.done();
  assert.equal(ring.post(1, 256, 0, 0, 0), true);
});

test("after a stop what is in the ring is still taken, then the reader ends", () => {
  const ring = new JobRing(new SharedArrayBuffer(JOB_RING_BYTES));
  ring.post(1, 5, 0, 0, 0);
  ring.stop();
  const job = newJob();
  assert.equal(ring.take(job), true);
  assert.equal(job.fd, 5);
  ring.done();
  assert.equal(ring.take(job), false);
});

test("a reader in another thread gets every job and hears the stop", async () => {
  const memory = new SharedArrayBuffer(JOB_RING_BYTES);
  const source = `
    import { JobRing } from ${
    JSON.stringify(new URL("../../../src/base/job_ring.ts", import.meta.url).href)
  };
    globalThis.onmessage = (event) => {
      const ring = new JobRing(event.data);
      const job = { kind: 0, fd: -1, position: 0, size: 0, argument: 0 };
      let sum = 0;
      while (ring.take(job)) {
        sum += job.fd;
        ring.done();
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
  let expected = 0;
  for (let fd = 1; fd <= 3000; fd += 1) {
    while (!ring.post(1, fd, 0, 0, 0)) await new Promise((resolve) => setTimeout(resolve, 1));
    expected += fd;
  }
  ring.stop();
  assert.equal(await sum, expected);
  worker.terminate();
  URL.revokeObjectURL(url);
});
