/** The worker threads: one that does not load ends the start, by name. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { StartError } from "../../../src/server/start_error.ts";
import { Threads } from "../../../src/server/threads.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const CONTENT = { thrown: `throw new Error("no luck");`, absent: `import "./absent.ts";` } as const;

function broken(kind: keyof typeof CONTENT): URL {
  const path = join(temporaryDirectory("threads"), "worker.ts");
  writeFileSync(path, CONTENT[kind]);
  return pathToFileURL(path);
}

for (const kind of ["thrown", "absent"] as const) {
  test(`a background worker that does not load (${kind}) is a StartError`, async () => {
    const threads = new Threads({ background: broken(kind) });
    await assert.rejects(threads.shard, (error) => {
      assert.ok(error instanceof StartError);
      assert.match(error.message, /^the background worker does not load: ./);
      return error.intact;
    });
    threads.terminate();
  });
}

test("a sync worker that does not load is a StartError; the other threads run", async () => {
  const threads = new Threads({ sync: broken("thrown") });
  await threads.shard;
  await assert.rejects(threads.startSync(new SharedArrayBuffer(4096)), /the sync worker does not/);
  threads.terminate();
});
