/** `sluice stats` and `sluice ping`. */

import { Admin } from "../client/admin.ts";
import { withBroker } from "./broker_connection.ts";
import type { PingCommand, StatsCommand } from "./command_line.ts";
import { ExitCode } from "./exit_codes.ts";
import { printText } from "./output.ts";

export async function stats(command: StatsCommand): Promise<ExitCode> {
  return await withBroker(command.broker, async (connection) => {
    const counters = await new Admin(connection).stats();
    await printText(counters.map(({ name, value }) => `${name}\t${value}\n`).join(""));
    return ExitCode.success;
  });
}

export async function ping(command: PingCommand): Promise<ExitCode> {
  return await withBroker(command.broker, async (connection) => {
    const roundTripMs = await new Admin(connection).ping();
    const { nodeId, brokerVersion } = connection.broker;
    await printText(
      `${connection.address} node ${nodeId} ${brokerVersion} ${roundTripMs.toFixed(2)} ms\n`,
    );
    return ExitCode.success;
  });
}
