/** `sluice repair`: what is found and done on standard output, also when it fails half way. */

import { repair as repairPartition } from "../tools/repair.ts";
import { ExitCode } from "./exit_codes.ts";
import { lineText, printText } from "./output.ts";
import { Progress } from "./progress.ts";
import type { RepairCommand } from "./tools_commands.ts";

export async function repair(command: RepairCommand): Promise<ExitCode> {
  const { libc } = await import("../server/tools_libc.ts");
  const bar = new Progress(null);
  const lines: string[] = [];
  try {
    const outcome = repairPartition(libc, command.directory, command.partition, {
      truncate: command.how === "truncate",
      rebuild: command.how === "rebuild",
      keepDirectory: command.keep ?? null,
      tell: (line) => lines.push(lineText(command, line)),
      progress: (doneBytes) => bar.update(doneBytes),
    });
    return outcome === "planned" ? ExitCode.failed : ExitCode.success;
  } finally {
    bar.clear();
    await printText(lines.join(""));
  }
}
