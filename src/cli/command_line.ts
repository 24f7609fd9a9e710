/**
 * The command line: what may be said, and the help that says so. Reads nothing but its arguments
 * and prints nothing: the caller gets a command, or text and an exit code.
 *
 *     sluice serve | config | doctor                                (serve_command.ts)
 *     sluice topic … | records delete | offsets | apply                   (topic_commands.ts)
 *     sluice group list | describe | reset | delete                       (group_commands.ts)
 *     sluice produce TOPIC [FILE] | consume TOPIC                         (data_commands.ts)
 *     sluice stats | ping | health | top | connection list | close | completions (node_commands.ts)
 *     sluice bench                                                        (bench_command.ts)
 *     sluice init DIR | verify DIR | dump FILE | repair DIR TOPIC-N | adopt DIR (tools_commands.ts)
 */

import { or } from "@optique/core/constructs";
import { runParserSync } from "@optique/core/facade";
import { formatMessage, lineBreak, message, text } from "@optique/core/message";
import type { Parser } from "@optique/core/parser";
import type { Usage } from "@optique/core/usage";
import { VERSION } from "../version.ts";
import { type BenchCommand, benchCommand } from "./bench_command.ts";
import {
  type CommandNode,
  commandOf,
  commandTree,
  missingCommand,
  unknownWord,
} from "./command_tree.ts";
import { type ConsumeCommand, dataCommands, type ProduceCommand } from "./data_commands.ts";
import { didYouMean } from "./did_you_mean.ts";
import { EXIT_CODES, ExitCode } from "./exit_codes.ts";
import { type GroupCommand, groupCommands } from "./group_commands.ts";
import { type NodeCommand, nodeCommands } from "./node_commands.ts";
import {
  type ConfigCommand,
  configCommand,
  type DoctorCommand,
  doctorCommand,
  type RunningConfigCommand,
  type ServeCommand,
  serveCommand,
} from "./serve_command.ts";
import { type ToolsCommand, toolsCommands } from "./tools_commands.ts";
import { type TopicCommand, topicCommands } from "./topic_commands.ts";

export type Command =
  | ServeCommand
  | ConfigCommand
  | RunningConfigCommand
  | DoctorCommand
  | TopicCommand
  | GroupCommand
  | ProduceCommand
  | ConsumeCommand
  | BenchCommand
  | NodeCommand
  | ToolsCommand;

/** A command to run, or what to print instead. */
export type CommandLine = { readonly command: Command } | {
  readonly command: null;
  readonly exitCode: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
  /** `--version`, of which stdout has the first line: version.ts knows the rest. */
  readonly isVersion: boolean;
};

export interface HelpStyle {
  readonly colors: boolean;
  readonly columns: number | undefined;
}

export const commands: Parser<"sync", Command, unknown> = or(
  serveCommand,
  topicCommands,
  groupCommands,
  dataCommands,
  nodeCommands,
  benchCommand,
  toolsCommands,
  configCommand,
  doctorCommand,
);

const FOOTER = [
  text("Exit codes:"),
  ...EXIT_CODES.flatMap(([code, , brief]) => {
    return [lineBreak(), text(`  ${String(code).padEnd(4)} ${brief}`)];
  }),
  lineBreak(),
  text("Of one command: sluice COMMAND --help. All of it: docs/CLI.md."),
];

/** In place of the options of every command: those are told command by command. */
const USAGE: Usage = [
  { type: "argument", metavar: "COMMAND" },
  { type: "multiple", terms: [{ type: "argument", metavar: "ARGUMENT" }], min: 0 },
];

/** Where nothing says how wide a line may be. */
const COLUMNS = 100;

/** Thrown by the hooks of the parser library, which must not return. */
class Shown extends Error {}

/** Reads the arguments behind the program's name. */
export function parseCommandLine(args: readonly string[], style: HelpStyle): CommandLine {
  const out: string[] = [];
  let complaint = "";
  let isVersion = false;
  const shown = (): never => {
    throw new Shown();
  };
  const showVersion = (): never => {
    isVersion = true;
    return shown();
  };
  try {
    const parsed: Command = runParserSync(commands, "sluice", args, {
      brief: message`A log broker in one TypeScript program.`,
      footer: FOOTER,
      help: { option: { names: ["-h", "--help"] }, onShow: shown },
      version: { value: `sluice ${VERSION}`, option: true, onShow: showVersion },
      colors: style.colors,
      maxWidth: style.columns ?? COLUMNS,
      usageLine: USAGE,
      aboveError: "none",
      stdout: (line) => out.push(`${line}\n`),
      stderr: () => {},
      onError: (_code, error) => {
        complaint = complaintOf(args, formatMessage(error, { quotes: true }));
        return shown();
      },
    });
    return { command: parsed };
  } catch (error) {
    if (!(error instanceof Shown)) throw error;
    const exitCode = complaint === "" ? ExitCode.success : ExitCode.usage;
    return { command: null, exitCode, stdout: out.join(""), stderr: complaint, isVersion };
  }
}

/** The first line of what the library says (its own guess follows), and what may be meant. */
function complaintOf(args: readonly string[], text: string): string {
  const tree = commandTree(commands);
  const said = missingCommand(tree, args) ?? missingArgument(tree, args, text) ??
    text.split("\n\n")[0]!.replace(/\s*\n\s*/g, " ");
  const unknown = unknownWord(tree, args);
  const meant = unknown === null ? "" : didYouMean(unknown.word, unknown.known);
  const help = `What can be said: ${["sluice", ...commandOf(tree, args).path].join(" ")} --help.`;
  return `sluice: ${said}\n        ${`${meant} ${help}`.trim()}\n`;
}

/** The library counts values where one is missing, and does not say of what. */
function missingArgument(
  tree: CommandNode,
  args: readonly string[],
  text: string,
): string | null {
  if (!/^Expected at least 1 value/.test(text)) return null;
  const { path, arguments: wanted } = commandOf(tree, args);
  const names = wanted.map(({ metavar }) => metavar).join(" ");
  return `${["sluice", ...path].join(" ")} needs ${names}.`;
}
