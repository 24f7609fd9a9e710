/**
 * Opening and closing the HTTP door of a broker. The door itself is loaded here: what nobody opens
 * costs neither time nor memory.
 */

import type { HttpServer } from "./admin/serve.ts";
import { later } from "./base/later.ts";
import type { Supervisor } from "./server/supervisor.ts";

/** Settles when it listens. Throws HttpListenError, StorageError and StartError. */
export async function openHttp(supervisor: Supervisor): Promise<HttpServer> {
  const path = later("./admin/serve.ts");
  const { HttpServer } = await import(path) as typeof import("./admin/serve.ts");
  const verify = later("./server/verify_thread.ts");
  const { VerifyThread } = await import(verify) as typeof import("./server/verify_thread.ts");
  const start = supervisor.httpStart();
  return await HttpServer.open({
    ...start,
    shardSocketPath: supervisor.socketPath,
    start: supervisor,
    verifier: new VerifyThread(supervisor.threads, supervisor.directory.path),
  });
}

/** Whoever opened a door that failed hears of it there. */
export async function closeHttp(http: Promise<HttpServer> | null): Promise<void> {
  const server = await http?.catch(() => null);
  await server?.stop();
}
