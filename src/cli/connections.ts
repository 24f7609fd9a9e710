/** `sluice connection list` and `close`: who is connected to a broker. */

import { operation, type ReplyOf } from "../native/operations.ts";
import { withBroker } from "./broker_connection.ts";
import { ExitCode } from "./exit_codes.ts";
import type { CloseConnectionsCommand, ListConnectionsCommand } from "./node_commands.ts";
import { type Column, printRows, sayDone } from "./table.ts";

type Row = ReplyOf<"connections">["connections"][number];

const COLUMNS: readonly Column<Row>[] = [
  { title: "ID", text: ({ id }) => String(id), right: true },
  { title: "LISTENER", text: ({ listener }) => listener },
  { title: "PEER", text: ({ peer }) => peer },
  { title: "CLIENT", text: ({ clientName }) => clientName },
  { title: "SINCE", text: ({ sinceMs }) => timeText(sinceMs) },
  { title: "LAST-REQUEST", text: ({ lastRequestMs }) => timeText(lastRequestMs) },
  { title: "REQUESTS", text: ({ requests }) => String(requests), right: true },
  { title: "BYTES-IN", text: ({ bytesIn }) => String(bytesIn), right: true },
  { title: "BYTES-OUT", text: ({ bytesOut }) => String(bytesOut), right: true },
];

/** 0 is never. */
function timeText(timeMs: number): string {
  return timeMs === 0 ? "-" : new Date(timeMs).toISOString();
}

export async function listConnections(command: ListConnectionsCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    const { connections } = await connection.request(operation("connections"), {});
    await printRows(command, COLUMNS, connections);
    return ExitCode.success;
  });
}

export async function closeConnections(command: CloseConnectionsCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    for (const id of command.ids) {
      await connection.request(operation("close_connection"), { id });
      await sayDone(command, { id }, `closed connection ${id}`);
    }
    return ExitCode.success;
  });
}
