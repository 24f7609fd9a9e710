/** A start that fails half way: whose the data directory is then. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { libc } from "#ffi";
import { RunningBroker } from "../../../src/running_broker.ts";
import { parseConfig } from "../../../src/config.ts";
import { DataDirectory } from "../../../src/log/data_directory.ts";
import type { ShardMessage } from "../../../src/server/messages.ts";
import { Supervisor } from "../../../src/server/supervisor.ts";
import { Threads } from "../../../src/server/threads.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

function worker(text: string): URL {
  const path = join(temporaryDirectory("worker"), "worker.js");
  writeFileSync(path, text);
  return pathToFileURL(path);
}

/** A shard that says this and nothing else. */
function says(message: ShardMessage): URL {
  return worker(`globalThis.onmessage = () => postMessage(${JSON.stringify(message)});`);
}

async function failedStart(shard: URL, why: RegExp): Promise<string> {
  const dataDirectory = temporaryDirectory("supervisor");
  const threads = new Threads({ shard, sync: worker("throw new Error();") });
  const config = parseConfig({ dataDirectory, sync: { method: "pool" } });
  await assert.rejects(Supervisor.start(config, "test", threads, {}), why);
  await threads.terminate();
  return dataDirectory;
}

test("while a shard may write nobody else gets its directory, the start failed", async () => {
  const ready = says({ kind: "ready", host: "127.0.0.1", port: 1 });
  const path = await failedStart(ready, /the sync worker does not load/);
  assert.throws(() => DataDirectory.open(libc, path, false), /in use by another broker/);
});

test("a shard that could not start has let go of the directory", async () => {
  const path = await failedStart(says({ kind: "refused", message: "no", intact: true }), /: no$/);
  DataDirectory.open(libc, path, false).close();
});

/** The shard, whose socket is gone as soon as it serves. */
const UNREACHABLE = `
  import { unlinkSync } from "node:fs";
  import "${new URL("../../../src/server/worker.ts", import.meta.url).href}";
  const run = globalThis.onmessage;
  const post = globalThis.postMessage.bind(globalThis);
  globalThis.onmessage = (event) => {
    globalThis.postMessage = (message) => {
      if (message.kind === "ready") unlinkSync(event.data.socketPath);
      post(message);
    };
    run(event);
  };
`;

test("a shard that cannot be reached stops by itself, and leaves all clean", async () => {
  const dataDirectory = temporaryDirectory("supervisor");
  const config = parseConfig({ dataDirectory, native: { host: "127.0.0.1", port: 0 } });
  const threads = new Threads({ shard: worker(UNREACHABLE) });
  await assert.rejects(RunningBroker.start(config, threads));
  const directory = DataDirectory.open(libc, dataDirectory, false);
  assert.equal(directory.clean, true);
  directory.closeClean();
  const broker = await RunningBroker.start(config, new Threads());
  await broker.stop();
});
