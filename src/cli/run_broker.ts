/**
 * A broker from its configuration to its end: what `serve` does when its threads have been begun.
 * Apart from it, because everything here loads beside the shard.
 */

import { listenerText } from "../address.ts";
import { setTraceSink, trace, type TraceLevel } from "../base/trace.ts";
import type { BrokerConfig } from "../config.ts";
import { Broker } from "../embed.ts";
import { printTo, STDERR, STDOUT } from "../server/print.ts";
import type { SettingSources } from "../server/setting_entries.ts";
import type { Threads } from "../server/threads.ts";
import { ExitCode } from "./exit_codes.ts";
import { untilAborted, watchSignals } from "./signals.ts";
import { traceLine } from "./trace_line.ts";

/** Throws what `Broker.start` throws, and BrokerFailed. */
export async function runBroker(
  config: BrokerConfig,
  threads: Threads,
  sources: SettingSources,
): Promise<ExitCode> {
  setTraceSink(traceToStandardError);
  const signals = watchSignals();
  const broker = await Broker.startWith(config, threads, sources, config.http.enabled);
  printTo(STDOUT, `native ${listenerText(broker.addresses.native)}\nready\n`);
  if (config.http.enabled) await openHttp(broker);
  await Promise.race([untilAborted(signals.signal), broker.closed]);
  await broker.stop();
  return ExitCode.success;
}

/** After "ready": clients of the data path do not wait for it. */
async function openHttp(broker: Broker): Promise<void> {
  try {
    const { address, socketPath, adminTokenFile } = await broker.serveHttp();
    trace("info", `http: the admin token is in ${adminTokenFile}; ${socketPath} needs none`);
    if (address !== null) printTo(STDOUT, `http ${listenerText(address)}\n`);
  } catch (error) {
    await broker.stop();
    throw error;
  }
}

function traceToStandardError(level: TraceLevel, message: string): void {
  if (level !== "debug") printTo(STDERR, traceLine(level, message, new Date()));
}
