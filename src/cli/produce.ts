/**
 * `sluice produce`: the input becomes records. Plain lines for one partition take the short way
 * (produce/lines.ts), which can say where to go on; everything else goes through the client's
 * producer (produce/records.ts).
 */

import { Admin } from "../client/admin.ts";
import type { Connection } from "../client/connection.ts";
import { chooseBroker, withBroker } from "./broker_connection.ts";
import type { ProduceCommand } from "./data_commands.ts";
import type { ExitCode } from "./exit_codes.ts";
import { Input } from "./input.ts";
import { watchSignals } from "./signals.ts";

export async function produce(command: ProduceCommand): Promise<ExitCode> {
  const input = Input.open(command.file);
  const broker = await chooseBroker(command.broker);
  try {
    return await withBroker(command, async (connection) => {
      const signal = watchSignals();
      const partition = await linesPartition(command, connection);
      if (partition !== null) {
        const { produceLines } = await import("./produce/lines.ts");
        return await produceLines({ command, broker, input, signal }, connection, partition);
      }
      const { produceRecords } = await import("./produce/records.ts");
      return await produceRecords({ command, broker, input, signal });
    });
  } finally {
    input.close();
  }
}

/** The partition of plain lines; null when it takes more than that. */
async function linesPartition(
  command: ProduceCommand,
  connection: Connection,
): Promise<number | null> {
  const { format, keySeparator, headers, compression, partition, topic } = command;
  const isPlain = format === "lines" && keySeparator === undefined && headers.length === 0 &&
    compression === "none";
  if (!isPlain) return null;
  if (partition !== undefined) return partition;
  const [found] = (await new Admin(connection).metadata([topic])).topics;
  // A topic that is not there is refused when partition 0 is opened.
  return (found?.partitions.length ?? 0) > 1 ? null : 0;
}
