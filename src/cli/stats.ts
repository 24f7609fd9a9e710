/** `sluice stats` and `sluice ping`. */

import { Admin, type Counter } from "../client/admin.ts";
import { withBroker } from "./broker_connection.ts";
import { ExitCode } from "./exit_codes.ts";
import type { PingCommand, StatsCommand } from "./node_commands.ts";
import { type Column, printOne, printRows } from "./table.ts";

const COLUMNS: readonly Column<Counter>[] = [
  { title: "COUNTER", text: ({ name }) => name },
  { title: "VALUE", text: ({ value }) => String(value), right: true },
];

export async function stats(command: StatsCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    await printRows(command, COLUMNS, await new Admin(connection).stats());
    return ExitCode.success;
  });
}

export async function ping(command: PingCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    const roundTripMs = await new Admin(connection).ping();
    const { nodeId, brokerVersion } = connection.broker;
    const { address } = connection;
    const text = `${address} node ${nodeId} ${brokerVersion} ${roundTripMs.toFixed(2)} ms`;
    await printOne(command, { address, nodeId, brokerVersion, roundTripMs }, text);
    return ExitCode.success;
  });
}
