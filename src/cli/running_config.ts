/** `sluice config running`, `set` and `unset`: the settings of a broker that runs. */

import { BrokerError } from "../client/errors.ts";
import { ErrorCodes } from "../format/errors.ts";
import { operation } from "../native/operations.ts";
import { withBroker } from "./broker_connection.ts";
import { nearest } from "./did_you_mean.ts";
import { ExitCode } from "./exit_codes.ts";
import { ExplainedError } from "./explain.ts";
import type { RunningConfigCommand } from "./serve_command.ts";
import { SOURCES } from "./settings.ts";
import { type Column, printRows, sayDone } from "./table.ts";

interface Row {
  readonly key: string;
  readonly value: string;
  readonly source: string;
  readonly changeable: boolean;
  readonly text: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "SETTING", text: ({ key }) => key },
  { title: "VALUE", text: ({ value }) => value },
  { title: "FROM", text: ({ source }) => source },
  { title: "CHANGEABLE", text: ({ changeable }) => changeable ? "yes" : "no" },
  { title: "MEANING", text: ({ text }) => text },
];

export async function runningConfig(command: RunningConfigCommand): Promise<ExitCode> {
  return await withBroker({ broker: command.broker }, async (connection) => {
    const describe = async (): Promise<Row[]> => {
      const { entries } = await connection.request(operation("describe_config"), {});
      return entries.map(({ source, changeable, ...entry }) => {
        return {
          ...entry,
          source: [...SOURCES, "changed"][source] ?? String(source),
          changeable: changeable === 1,
        };
      });
    };
    if (command.name === "config running") {
      await printRows(command, COLUMNS, await describe());
      return ExitCode.success;
    }
    const isSet = command.name === "config set";
    const keys = isSet ? command.config.map(({ key }) => key) : command.keys;
    try {
      await connection.request(operation("alter_config"), {
        set: isSet ? command.config.map(({ key, value }) => ({ key, value })) : [],
        unset: isSet ? [] : keys.map((key) => ({ key })),
      });
    } catch (error) {
      throw explained(error, keys, (await describe()).map(({ key }) => key));
    }
    const set = isSet
      ? Object.fromEntries(command.config.map(({ key, value }) => [key, value]))
      : {};
    const text = `${isSet ? "changed" : "took back"} ${keys.join(", ")}`;
    await sayDone(command, { set, unset: isSet ? [] : keys }, text);
    return ExitCode.success;
  });
}

/** A setting that there is not is probably a mistyped one that there is. */
function explained(error: unknown, keys: readonly string[], known: readonly string[]): unknown {
  const isWrong = error instanceof BrokerError && error.code === ErrorCodes.invalid_config;
  const unknown = keys.find((key) => !known.includes(key));
  const meant = unknown === undefined ? null : nearest(unknown, known);
  return isWrong && meant !== null ? new ExplainedError(error, `Did you mean ${meant}?`) : error;
}
