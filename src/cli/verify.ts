/**
 * `sluice verify`: findings on standard output as they come, a bar and the totals on standard
 * error. A signal ends it between two steps, with the totals so far.
 */

import { StorageError } from "../log/files.ts";
import { findingText } from "../tools/findings.ts";
import { ToolError } from "../tools/places.ts";
import { verifySteps, type VerifySummary } from "../tools/verify.ts";
import { ExitCode } from "./exit_codes.ts";
import { printError, printText } from "./output.ts";
import { Progress } from "./progress.ts";
import { reportError, sayCutShort } from "./report.ts";
import { Pauses, watchSignals } from "./signals.ts";
import type { VerifyCommand } from "./tools_commands.ts";

export async function verify(command: VerifyCommand): Promise<ExitCode> {
  try {
    return await verifyUntil(command, new Pauses(watchSignals()));
  } catch (error) {
    if (!(error instanceof ToolError) && !(error instanceof StorageError)) throw error;
    reportError(error);
    return ExitCode.unread;
  }
}

async function verifyUntil(command: VerifyCommand, pauses: Pauses): Promise<ExitCode> {
  const { libc } = await import("../server/tools_libc.ts");
  let bar: Progress | null = null;
  let lines = "";
  const steps = verifySteps(libc, command.directory, {
    partition: command.partition ?? null,
    tell: (finding) => {
      lines += command.json ? `${JSON.stringify(finding)}\n` : `${findingText(finding)}\n`;
    },
    progress: (doneBytes, totalBytes) => {
      bar ??= new Progress(totalBytes);
      bar.update(doneBytes);
    },
  });
  const clear = (): void => (bar as Progress | null)?.clear();
  try {
    for (;;) {
      const step = steps.next();
      const hasEnd = await pauses.hasEnd();
      if (lines !== "" || step.done === true || hasEnd) clear();
      await printText(lines);
      lines = "";
      if (step.done !== true && !hasEnd) continue;
      const exitCode = await sayTotals(command, step.value);
      if (step.done === true) return exitCode;
      steps.return(step.value);
      return sayCutShort("the rest was not looked at");
    }
  } finally {
    clear();
  }
}

async function sayTotals(command: VerifyCommand, summary: VerifySummary): Promise<ExitCode> {
  const { partitions, segments, batches, records, bytes, findings } = summary;
  const { damage, warning, unread, note } = findings;
  printError(
    `${partitions} partitions, ${segments} segments, ${batches} batches, ${records} records, ` +
      `${bytes} bytes: ${damage} damages, ${warning} warnings, ${unread} unread, ${note} notes\n`,
  );
  if (command.json) await printText(`${JSON.stringify({ summary })}\n`);
  if (unread > 0) return ExitCode.unread;
  return damage + warning > 0 ? ExitCode.failed : ExitCode.success;
}
