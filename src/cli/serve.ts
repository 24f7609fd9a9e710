/**
 * `sluice serve`: runs the broker until a signal asks it to stop.
 *
 *     stdout   native 127.0.0.1:7400
 *              ready
 *
 * Reads no environment variable and no file of its own: it starts under Deno with the permissions
 * that the broker itself needs. A standard output that nobody reads is no reason to stop serving.
 * A broker that cannot go on ends the process: one line, exit code 70.
 */

import type { ServeCommand } from "./command_line.ts";
import { ExitCode } from "./exit_codes.ts";
import { printError, printText } from "./output.ts";
import { untilAborted, watchSignals } from "./signals.ts";

export async function serve(command: ServeCommand): Promise<ExitCode> {
  // The broker's threads load while this one does. And all of it is loaded here, so that the
  // client's commands do not need the foreign functions of the runtime.
  const { Threads } = await import("../server/threads.ts");
  const threads = new Threads();
  const { Broker } = await import("../embed.ts");
  const { configureTrace } = await import("../base/trace_log.ts");
  const { addressText } = await import("../client/connection.ts");
  configureTrace(printError);
  const signals = watchSignals();
  const broker = await Broker.start({
    dataDirectory: command.data,
    native: command.native,
    runDirectory: command.runDirectory,
    initialise: command.initialise,
    connections: {
      max: command.connectionsMax,
      perAddressMax: command.connectionsPerAddress,
    },
    sync: { method: command.syncMethod },
    coldReads: {
      guard: command.coldReads !== "off",
      method: command.coldReads === "probe" ? "probe" : "cachestat",
    },
  }, threads);
  await printText(`native ${addressText(broker.addresses.native)}\nready\n`).catch(() => {});
  await Promise.race([untilAborted(signals.signal), broker.closed]);
  await broker.stop();
  return ExitCode.success;
}
