/**
 * Runs one command line: parses it, dispatches, and turns every error into text and an exit code.
 */

import { adopt } from "./adopt.ts";
import type { Command } from "./command_line.ts";
import { parseCommandLine } from "./command_line.ts";
import { consume } from "./consume.ts";
import { dump } from "./dump.ts";
import { isTerminal, readEnvironment, terminalColumns } from "./environment.ts";
import type { ExitCode } from "./exit_codes.ts";
import { PipeClosed, printError, printText } from "./output.ts";
import { produce } from "./produce.ts";
import { repair } from "./repair.ts";
import { reportError } from "./report.ts";
import { serve } from "./serve.ts";
import { ping, stats } from "./stats.ts";
import { createTopic, deleteRecords, deleteTopic, listTopics } from "./topic.ts";
import { verify } from "./verify.ts";

/** `args` are those behind the program's name. */
export async function run(args: readonly string[]): Promise<ExitCode> {
  try {
    const parsed = parseCommandLine(args, {
      colors: isTerminal("stdout") && (readEnvironment("NO_COLOR") ?? "") === "",
      columns: terminalColumns("stdout"),
    });
    if (parsed.command !== null) return await dispatch(parsed.command);
    printError(parsed.stderr);
    await printText(parsed.stdout);
    return parsed.exitCode;
  } catch (error) {
    return error instanceof PipeClosed ? 0 : reportError(error);
  }
}

function dispatch(command: Command): Promise<ExitCode> {
  switch (command.name) {
    case "serve":
      return serve(command);
    case "topic create":
      return createTopic(command);
    case "topic delete":
      return deleteTopic(command);
    case "topic delete-records":
      return deleteRecords(command);
    case "topic list":
      return listTopics(command);
    case "produce":
      return produce(command);
    case "consume":
      return consume(command);
    case "stats":
      return stats(command);
    case "ping":
      return ping(command);
    case "verify":
      return verify(command);
    case "dump":
      return dump(command);
    case "repair":
      return repair(command);
    case "adopt":
      return adopt(command);
  }
}
