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
 *
 * Invariant: the shard's thread is begun first, because its modules take the longest; and where
 * nothing has to be checked, nothing is loaded up to "ready" but what serving needs, and nothing
 * of `node:`.
 */

import type { BrokerConfig } from "../config.ts";
import { withDefaults } from "../config_defaults.ts";
import { SettingSource } from "../format/broker_settings.ts";
import { type SettingSources, sourcesOf } from "../server/setting_entries.ts";
import type { ExitCode } from "./exit_codes.ts";
import type { ServeCommand } from "./serve_command.ts";
import { readEnvironment, settingVariables } from "./variables.ts";

/** `isPlain`: read by `readPlainServe`, so that what it says is allowed. */
export async function serve(command: ServeCommand, isPlain = false): Promise<ExitCode> {
  const { Threads } = await import("../server/threads.ts");
  const threads = new Threads();
  const { config, sources } = await configFor(command, isPlain).catch((error: unknown) => {
    threads.terminate();
    throw error;
  });
  const { runBroker } = await import("./run_broker.ts");
  return await runBroker(config, threads, sources);
}

interface Configured {
  readonly config: BrokerConfig;
  readonly sources: SettingSources;
}

/** What the command line said, over the environment and a file where there are any. */
async function configFor(command: ServeCommand, isPlain: boolean): Promise<Configured> {
  const environment = settingVariables();
  const file = command.file ?? readEnvironment("SLUICE_CONFIG");
  const isAlone = file === undefined && Object.keys(environment).length === 0;
  const said = sourcesOf(command.said, SettingSource.commandLine);
  if (isAlone && isPlain) return { config: withDefaults(command.said), sources: said };
  const { parseConfig } = await import("../config.ts");
  if (isAlone) return { config: parseConfig(command.said), sources: said };
  const { brokerOptions, resolveSettings, sourceCodes } = await import("./settings.ts");
  const values = resolveSettings({ file, environment, said: command.said });
  return { config: parseConfig(brokerOptions(values)), sources: sourceCodes(values) };
}
