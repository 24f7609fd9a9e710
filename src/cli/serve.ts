/**
 * `sluice serve`: runs the broker until a signal asks it to stop.
 *
 *     stdout   native 127.0.0.1:7400
 *              ready
 *
 * Without a file of settings and without settings in the environment nothing is read but the
 * command line: it starts under Deno with the permissions that the broker itself needs. A standard
 * output that nobody reads is no reason to stop serving. A broker that cannot go on ends the
 * process: one line, exit code 70.
 */

import type { BrokerOptions } from "../config.ts";
import { readEnvironment, settingVariables } from "./environment.ts";
import { ExitCode } from "./exit_codes.ts";
import { printError, printText } from "./output.ts";
import type { ServeCommand } from "./serve_command.ts";
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
  const broker = await Broker.start(await optionsFor(command), threads);
  await printText(`native ${addressText(broker.addresses.native)}\nready\n`).catch(() => {});
  await Promise.race([untilAborted(signals.signal), broker.closed]);
  await broker.stop();
  return ExitCode.success;
}

/** What the command line said, over the environment and a file where there are any. */
async function optionsFor(command: ServeCommand): Promise<BrokerOptions> {
  const environment = settingVariables();
  const file = command.file ?? readEnvironment("SLUICE_CONFIG");
  if (file === undefined && Object.keys(environment).length === 0) return command.said;
  const { brokerOptions, resolveSettings } = await import("./settings.ts");
  return brokerOptions(resolveSettings({ file, environment, said: command.said }));
}
