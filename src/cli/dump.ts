/** `sluice dump`: lines on standard output, in large writes. */

import { dump as dumpLines } from "../tools/dump.ts";
import { ExitCode } from "./exit_codes.ts";
import { printText } from "./output.ts";
import type { DumpCommand } from "./tools_commands.ts";

const CHUNK_LENGTH = 65536;

export async function dump(command: DumpCommand): Promise<ExitCode> {
  const { libc } = await import("../server/tools_libc.ts");
  const { records, from, limit = Infinity, json, encoding } = command;
  const options = { records, fromOffset: from, limit, json, encoding };
  const state = { damaged: false, left: 0 };
  let chunk = "";
  try {
    for (const line of dumpLines(libc, command.path, options, state)) {
      chunk += `${line}\n`;
      if (chunk.length < CHUNK_LENGTH) continue;
      await printText(chunk);
      chunk = "";
    }
  } finally {
    await printText(chunk);
  }
  return state.damaged ? ExitCode.failed : ExitCode.success;
}
