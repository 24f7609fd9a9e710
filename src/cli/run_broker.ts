/**
 * A broker from its command to its end: what `serve` does when the shard's thread has been begun.
 * Apart from it, because everything here loads beside the shard.
 *
 * Without a file of settings and without settings in the environment nothing is read but the
 * command line: it starts under Deno with the permissions that the broker itself needs. A standard
 * output that nobody reads is no reason to stop serving. A broker that cannot go on ends the
 * process: one line, exit code 70.
 *
 * Invariant: where nothing has to be checked, nothing is loaded up to "ready" but what serving
 * needs, and nothing of `node:`.
 */

import { listenerText } from "../address.ts";
import type { HttpServer } from "../admin/serve.ts";
import { later } from "../base/later.ts";
import { setTraceSink, trace } from "../base/trace.ts";
import type { BrokerConfig } from "../config.ts";
import { withDefaults } from "../config_defaults.ts";
import type { RunningBroker } from "../running_broker.ts";
import { SettingSource } from "../format/broker_settings.ts";
import { ServiceManager } from "../server/service_manager.ts";
import { type SettingSources, sourcesOf } from "../server/setting_entries.ts";
import { Supervisor } from "../server/supervisor.ts";
import type { Threads } from "../server/threads.ts";
import { libc } from "../server/tools_libc.ts";
import { waitAfterUncleanStops } from "../server/unclean_stops.ts";
import { PROGRAM } from "../version.ts";
import { ExitCode } from "./exit_codes.ts";
import type { ServeCommand } from "./serve_command.ts";
import { ServeOutput } from "./serve_output.ts";
import { pause, untilAborted, watchSignals } from "./signals.ts";
import { readEnvironment, settingVariables } from "./variables.ts";

/** Of the thread that serves HTTP: the shard goes first where they want one processor. */
const HTTP_NICE = 10;

/** Throws what `RunningBroker.start` throws, and BrokerFailed. */
export async function runBroker(
  command: ServeCommand,
  isPlain: boolean,
  threads: Threads,
): Promise<ExitCode> {
  const output = new ServeOutput(libc);
  setTraceSink((level, message) => output.message(level, message));
  const signal = watchSignals();
  const { config, sources } = await configFor(command, isPlain).catch(async (error: unknown) => {
    await threads.terminate();
    throw error;
  });
  output.format = config.logFormat;
  const manager = new ServiceManager(libc, {
    socket: readEnvironment("NOTIFY_SOCKET"),
    watchdogUs: readEnvironment("WATCHDOG_USEC"),
  });
  const tell = (status: string, forMs: number): void => manager.waiting(status, forMs);
  if (!await waitAfterUncleanStops(libc, config, signal, tell, pause)) {
    await threads.terminate();
    return ExitCode.success;
  }
  const broker = await start(config, sources, threads, { manager, output });
  if (config.http.enabled) await openHttp(broker, output);
  // Behind a flush the scheduler would give the shard's processor to this thread, for milliseconds.
  libc.addNice(HTTP_NICE);
  await Promise.race([untilAborted(signal), broker.closed, watch(broker, manager, signal)]);
  manager.stopping();
  await broker.stop();
  return ExitCode.success;
}

/** As long as the shard answers, the service manager hears so. Settles with the signal. */
async function watch(
  broker: RunningBroker,
  manager: ServiceManager,
  signal: AbortSignal,
): Promise<void> {
  while (manager.watchdogMs > 0 && !signal.aborted) {
    // Of a shard that hangs nobody hears any more; of one that ended `closed` tells.
    if (!await broker.isAlive().then(() => true, () => false)) break;
    manager.isAlive();
    await pause(manager.watchdogMs, signal);
  }
  await untilAborted(signal);
}

async function start(
  config: BrokerConfig,
  sources: SettingSources,
  threads: Threads,
  { manager, output }: { readonly manager: ServiceManager; readonly output: ServeOutput },
): Promise<RunningBroker> {
  const early: { http: Promise<HttpServer> | null } = { http: null };
  /** A start that takes long opens the door itself, so that somebody hears how far it is. */
  const recovering = (supervisor: Supervisor): void => {
    if (!config.http.enabled) return;
    early.http = openEarly(supervisor);
    early.http.catch(() => {}); // `serveHttp` throws it
  };
  try {
    const supervisor = await Supervisor.start(config, PROGRAM, threads, sources, recovering);
    const socket = await supervisor.connect();
    output.listening("native", listenerText(supervisor.native));
    output.ready();
    manager.ready(`serving at ${listenerText(supervisor.native)}`);
    // What main does while it serves is loaded while it serves.
    const path = later("../running_broker.ts");
    const { RunningBroker } = await import(path) as typeof import("../running_broker.ts");
    return await RunningBroker.over(supervisor, socket, early.http);
  } catch (error) {
    await early.http?.then((server) => server.stop(), () => {});
    await threads.terminate();
    throw error;
  }
}

async function openEarly(supervisor: Supervisor): Promise<HttpServer> {
  const door = await import(later("../open_http.ts")) as typeof import("../open_http.ts");
  return await door.openHttp(supervisor);
}

/** After "ready": clients of the data path do not wait for it. */
async function openHttp(broker: RunningBroker, output: ServeOutput): Promise<void> {
  try {
    const { address, socketPath, adminTokenFile } = await broker.serveHttp();
    trace("info", `http: the admin token is in ${adminTokenFile}; ${socketPath} needs none`);
    if (address !== null) output.listening("http", listenerText(address));
  } catch (error) {
    await broker.stop();
    throw error;
  }
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
  const { parseConfig } = await import(later("../config.ts")) as typeof import("../config.ts");
  if (isAlone) return { config: parseConfig(command.said), sources: said };
  const settings = await import(later("./settings.ts")) as typeof import("./settings.ts");
  const values = settings.resolveSettings({ file, environment, said: command.said });
  const config = parseConfig(settings.brokerOptions(values));
  return { config, sources: settings.sourceCodes(values) };
}
