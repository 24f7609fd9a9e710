/**
 * `sluice serve`: runs the broker until a signal asks it to stop.
 *
 *     stdout   native 127.0.0.1:7400
 *              ready
 *
 * Invariant: the shard's thread is begun before anything else is loaded, because its modules take
 * the longest.
 */

import { later } from "../base/later.ts";
import { Threads } from "../server/threads.ts";
import type { ExitCode } from "./exit_codes.ts";
import type { ServeCommand } from "./serve_command.ts";

/** `isPlain`: read by `readPlainServe`, so that what it says is allowed. */
export async function serve(command: ServeCommand, isPlain = false): Promise<ExitCode> {
  const threads = new Threads();
  const path = later("./run_broker.ts");
  const { runBroker } = await import(path) as typeof import("./run_broker.ts");
  return await runBroker(command, isPlain, threads);
}
