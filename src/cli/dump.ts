/** `sluice dump`: lines on standard output, in large writes. */

import { dump as dumpLines } from "../tools/dump.ts";
import { ExitCode } from "./exit_codes.ts";
import { printText } from "./output.ts";
import { sayCutShort } from "./report.ts";
import { Pauses, watchSignals } from "./signals.ts";
import type { DumpCommand } from "./tools_commands.ts";

const CHUNK_LENGTH = 65536;

export async function dump(command: DumpCommand): Promise<ExitCode> {
  return await dumpUntil(command, new Pauses(watchSignals()));
}

async function dumpUntil(command: DumpCommand, pauses: Pauses): Promise<ExitCode> {
  const { libc } = await import("../server/tools_libc.ts");
  const { records, from, limit = Infinity, json, encoding } = command;
  const options = { records, fromOffset: from, limit, json, encoding };
  const state = { damaged: false, left: 0 };
  let chunk = "";
  let hasEnd = false;
  try {
    for (const line of dumpLines(libc, command.path, options, state)) {
      if (line !== null) chunk += `${line}\n`;
      if (line !== null && chunk.length < CHUNK_LENGTH) continue;
      hasEnd = await pauses.hasEnd();
      if (hasEnd) break;
      await printText(chunk);
      chunk = "";
    }
  } finally {
    await printText(chunk);
  }
  if (hasEnd) return sayCutShort("the rest was not printed");
  return state.damaged ? ExitCode.failed : ExitCode.success;
}
