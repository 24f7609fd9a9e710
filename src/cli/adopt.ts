/** `sluice adopt`: what is adopted and what is not, on standard output. */

import { adopt as adoptDirectory } from "../tools/adopt.ts";
import { ExitCode } from "./exit_codes.ts";
import { lineText, printText } from "./output.ts";
import type { AdoptCommand } from "./tools_commands.ts";

export async function adopt(command: AdoptCommand): Promise<ExitCode> {
  const { libc } = await import("../server/tools_libc.ts");
  const lines: string[] = [];
  try {
    adoptDirectory(libc, command.directory, {
      isDry: command.dryRun,
      tell: (line) => lines.push(lineText(command, line)),
    });
    return ExitCode.success;
  } finally {
    await printText(lines.join(""));
  }
}
