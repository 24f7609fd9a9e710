/**
 * How `produce` is gone on with after it was cut short: the command that says again everything that
 * was said.
 *
 *     tail -n +4711 'my log' | sluice produce orders --partition 2 --broker db1:7400
 *
 * Invariant: the command line reads it as the same command, apart from the file.
 */

import { type Address, listenerText } from "../../address.ts";
import { DEFAULT_BROKER } from "../broker_connection.ts";
import type { ProduceCommand } from "../data_commands.ts";
import type { Input } from "../input.ts";

/** What a transfer works with. */
export interface ProduceJob {
  readonly command: ProduceCommand;
  /** The broker that was chosen, wherever that was said. */
  readonly broker: Address;
  readonly input: Input;
  /** Aborted when the transfer is to end early. */
  readonly signal: AbortSignal;
}

/** The command that sends the input from line `next` on, the first being 1. */
export function resumeCommand(
  { command, broker }: Pick<ProduceJob, "command" | "broker">,
  next: number,
): string {
  const { file, topic } = command;
  const input = file === undefined || file === "-" ? "INPUT" : quoted(file);
  const words = ["sluice", "produce", topic, ...optionsOf(command, broker)];
  return `tail -n +${next} ${input} | ${words.map(quoted).join(" ")}`;
}

function optionsOf(command: ProduceCommand, broker: Address): string[] {
  const { partition, format, ignorePartition, keySeparator, headers, compression, acks, json } =
    command;
  const isDefault = broker.host === DEFAULT_BROKER.host && broker.port === DEFAULT_BROKER.port;
  return [
    ...(partition === undefined ? [] : ["--partition", String(partition)]),
    ...(format === "lines" ? [] : ["--format", format]),
    ...(ignorePartition ? ["--ignore-partition"] : []),
    ...(keySeparator === undefined ? [] : ["--key-separator", keySeparator]),
    ...headers.flatMap(({ key, value }) => ["--header", `${key}=${value}`]),
    ...(compression === "none" ? [] : ["--compression", compression]),
    ...(acks === "all" ? [] : ["--acks", acks]),
    ...(json ? ["--json"] : []),
    // The environment may have named another one, and may not be there any more.
    ...(isDefault && command.broker === undefined ? [] : ["--broker", listenerText(broker)]),
  ];
}

/** As a shell reads it back. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, "'\\''")}'`;
}
