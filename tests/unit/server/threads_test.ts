/** The worker threads: one that does not load ends the broker, by name. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { JOB_RING_BYTES, JobRing } from "../../../src/base/job_ring.ts";
import { StartError } from "../../../src/server/start_error.ts";
import { Threads } from "../../../src/server/threads.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const CONTENT = { thrown: `throw new Error("no luck");`, absent: `import "./absent.ts";` } as const;

function broken(kind: keyof typeof CONTENT): URL {
  const path = join(temporaryDirectory("threads"), "worker.ts");
  writeFileSync(path, CONTENT[kind]);
  return pathToFileURL(path);
}

function isNamed(error: StartError, entry: string): void {
  assert.ok(error instanceof StartError);
  assert.match(error.message, new RegExp(`^the ${entry} worker does not load: .`));
  assert.ok(error.intact);
}

for (const kind of ["thrown", "absent"] as const) {
  test(`a shard that does not load (${kind}) is a StartError`, async () => {
    const threads = new Threads({ shard: broken(kind) });
    isNamed(await threads.failed, "shard");
    await threads.terminate();
  });

  test(`a background worker that does not load (${kind}) is a StartError`, async () => {
    const threads = new Threads({ background: broken(kind) });
    threads.startBackground();
    isNamed(await threads.failed, "background");
    await threads.terminate();
  });
}

test("a sync worker that does not load is a StartError; other threads run after it", async () => {
  const threads = new Threads({ sync: broken("thrown") });
  const ring = new SharedArrayBuffer(JOB_RING_BYTES);
  await assert.rejects(threads.startSync(ring), /the sync worker does not load/);
  const jobs = new JobRing(threads.jobs);
  const [CLOSE, NOTHING] = [2, -1];
  jobs.post(CLOSE, NOTHING, 0, 0, 0, 0);
  threads.startBackground();
  const job = { kind: 0, fd: 0, position: 0, size: 0, argument: 0, tag: 0, result: 0 };
  while (!jobs.reap(job)) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(job.kind, CLOSE);
  await threads.terminate();
});
