/**
 * Runs a broker as `sluice serve` does, with settings that the command line has no flag for: the
 * one argument behind `--` is JSON of what `Broker.start` takes.
 */
import process from "node:process";
import { configureTrace } from "../../src/base/trace_log.ts";
import { untilAborted, watchSignals } from "../../src/cli/signals.ts";
import { addressText } from "../../src/client/connection.ts";
import { Broker } from "../../src/embed.ts";

configureTrace((line) => process.stderr.write(line));
const signals = watchSignals();
const broker = await Broker.start(JSON.parse(process.argv.at(-1) ?? "{}"));
process.stdout.write(`native ${addressText(broker.addresses.native)}\nready\n`);
await Promise.race([untilAborted(signals.signal), broker.closed]);
await broker.stop();
process.exit(0);
