/**
 * Runs one command line: parses it, dispatches, and turns every error into text and an exit code.
 */

import { CHILD_COMMAND } from "../embed/engine.ts";
import type { Command } from "./command_line.ts";
import { mayColor, terminalColumns } from "./environment.ts";
import type { ExitCode } from "./exit_codes.ts";
import { PipeClosed, printError, printText } from "./output.ts";
import { reportError } from "./report.ts";

/** `args` are those behind the program's name. */
export async function run(args: readonly string[]): Promise<ExitCode> {
  try {
    if (args[0] === CHILD_COMMAND) return await (await import("../embed/child.ts")).serveParent();
    const { parseCommandLine } = await import("./command_line.ts");
    const parsed = parseCommandLine(args, {
      colors: mayColor("stdout"),
      columns: terminalColumns("stdout"),
    });
    if (parsed.command !== null) return await dispatch(parsed.command);
    if (parsed.isVersion) return await (await import("./version.ts")).version();
    printError(parsed.stderr);
    await printText(parsed.stdout);
    return parsed.exitCode;
  } catch (error) {
    return error instanceof PipeClosed ? 0 : reportError(error);
  }
}

/** Each command loads its own code: a broker has no use for a decompressor. */
async function dispatch(command: Command): Promise<ExitCode> {
  switch (command.name) {
    case "serve":
      return await (await import("./serve.ts")).serve(command);
    case "topic create":
      return await (await import("./topic.ts")).createTopic(command);
    case "config":
      return await (await import("./config.ts")).config(command);
    case "doctor":
      return await (await import("./doctor.ts")).doctor(command);
    case "topic delete":
      return await (await import("./topic.ts")).deleteTopics(command);
    case "topic describe":
      return await (await import("./describe.ts")).describeTopics(command);
    case "topic alter":
      return await (await import("./topic.ts")).alterTopic(command);
    case "group list":
      return await (await import("./group.ts")).listGroups(command);
    case "group describe":
      return await (await import("./group.ts")).describeGroup(command);
    case "group reset":
      return await (await import("./group.ts")).resetGroup(command);
    case "group delete":
      return await (await import("./group.ts")).deleteGroup(command);
    case "offsets":
      return await (await import("./topic.ts")).offsets(command);
    case "records delete":
      return await (await import("./topic.ts")).deleteRecords(command);
    case "apply":
      return await (await import("./apply.ts")).apply(command);
    case "topic list":
      return await (await import("./topic.ts")).listTopics(command);
    case "produce":
      return await (await import("./produce.ts")).produce(command);
    case "consume":
      return await (await import("./consume.ts")).consume(command);
    case "stats":
      return await (await import("./stats.ts")).stats(command);
    case "ping":
      return await (await import("./stats.ts")).ping(command);
    case "health":
      return await (await import("./health.ts")).health(command);
    case "top":
      return await (await import("./top.ts")).top(command);
    case "config running":
    case "config set":
    case "config unset":
      return await (await import("./running_config.ts")).runningConfig(command);
    case "connection list":
      return await (await import("./connections.ts")).listConnections(command);
    case "connection close":
      return await (await import("./connections.ts")).closeConnections(command);
    case "bench":
      return await (await import("./bench.ts")).bench(command);
    case "completions":
      return await (await import("./completions.ts")).completions(command);
    case "init":
      return await (await import("./init.ts")).init(command);
    case "verify":
      return await (await import("./verify.ts")).verify(command);
    case "dump":
      return await (await import("./dump.ts")).dump(command);
    case "repair":
      return await (await import("./repair.ts")).repair(command);
    case "adopt":
      return await (await import("./adopt.ts")).adopt(command);
  }
}
