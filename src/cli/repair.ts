/**
 * `sluice repair`: what is found and done on standard output, also when it fails half way. A signal
 * ends it while it looks; what it has begun to change is changed to the end.
 */

import { repairSteps } from "../tools/repair.ts";
import { ExitCode } from "./exit_codes.ts";
import { lineText, printText } from "./output.ts";
import { Progress } from "./progress.ts";
import { sayCutShort } from "./report.ts";
import { Pauses, watchSignals } from "./signals.ts";
import type { RepairCommand } from "./tools_commands.ts";

export async function repair(command: RepairCommand): Promise<ExitCode> {
  return await repairUntil(command, new Pauses(watchSignals()));
}

async function repairUntil(command: RepairCommand, pauses: Pauses): Promise<ExitCode> {
  const { libc } = await import("../server/tools_libc.ts");
  const bar = new Progress(null);
  const lines: string[] = [];
  const steps = repairSteps(libc, command.directory, command.partition, {
    truncate: command.how === "truncate",
    rebuild: command.how === "rebuild",
    keepDirectory: command.keep ?? null,
    tell: (line) => lines.push(lineText(command, line)),
    progress: (doneBytes) => bar.update(doneBytes),
  });
  try {
    for (;;) {
      const step = steps.next();
      if (step.done === true) {
        return step.value === "planned" ? ExitCode.failed : ExitCode.success;
      }
      if (!await pauses.hasEnd() || step.value === "changing") continue;
      bar.clear();
      return sayCutShort("nothing was changed");
    }
  } finally {
    steps.return("nothing");
    bar.clear();
    await printText(lines.join(""));
  }
}
