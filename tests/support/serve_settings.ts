/**
 * Runs a broker as `sluice serve` does, with settings that the command line has no flag for: the
 * one argument behind `--` is JSON of what `RunningBroker.start` takes.
 */
import process from "node:process";
import { configureSync, type LogRecord } from "@logtape/logtape";
import { untilAborted, watchSignals } from "../../src/cli/signals.ts";
import { traceLine } from "../../src/cli/trace_line.ts";
import { addressText } from "../../src/client/connection.ts";
import { RunningBroker } from "../../src/running_broker.ts";

configureSync({
  sinks: { lines },
  loggers: [
    { category: ["sluice"], lowestLevel: "info", sinks: ["lines"] },
    { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["lines"] },
  ],
});
const signal = watchSignals();
const broker = await RunningBroker.start(JSON.parse(process.argv.at(-1) ?? "{}"));
process.stdout.write(`native ${addressText(broker.addresses.native)}\nready\n`);
await Promise.race([untilAborted(signal), broker.closed]);
await broker.stop();
process.exit(0);

function lines({ level, message, timestamp }: LogRecord): void {
  process.stderr.write(traceLine(level, message.join(""), new Date(timestamp)));
}
