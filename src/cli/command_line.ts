/**
 * The command line: what may be said, and the help that says so. Reads nothing but its arguments
 * and prints nothing: the caller gets a command, or text and an exit code.
 *
 *     sluice serve | produce TOPIC [FILE] | consume TOPIC | stats | ping
 *     sluice topic create NAME | list | delete NAME | …                   (topic_commands.ts)
 *     sluice verify DIR | dump FILE | repair DIR TOPIC-N | adopt DIR      (tools_commands.ts)
 */

import { object, or } from "@optique/core/constructs";
import { runParserSync } from "@optique/core/facade";
import { formatMessage, message } from "@optique/core/message";
import { map, optional, withDefault } from "@optique/core/modifiers";
import { argument, command, constant, flag, option } from "@optique/core/primitives";
import { choice, integer, string } from "@optique/core/valueparser";
import type { Address } from "../address.ts";
import type { SyncConfig } from "../config.ts";
import { CONNECTIONS_MAX } from "../limits.ts";
import { ExitCode } from "./exit_codes.ts";
import { say } from "./help_text.ts";
import { type ToolsCommand, toolsCommands } from "./tools_commands.ts";
import { type TopicCommand, topicCommands } from "./topic_commands.ts";
import { address, broker, type ClientCommand, type From, from } from "./values.ts";
import { VERSION } from "../version.ts";

export interface ServeCommand {
  readonly name: "serve";
  readonly data: string;
  readonly native: Address;
  readonly runDirectory: string | undefined;
  readonly initialise: boolean;
  /** Undefined: the default. */
  readonly connectionsMax: number | undefined;
  readonly connectionsPerAddress: number | undefined;
  readonly syncMethod: SyncConfig["method"];
  /** Whether what is not in the page cache is read before it is sent, and how that is found out. */
  readonly coldReads: "on" | "probe" | "off";
}

export interface ProduceCommand extends ClientCommand {
  readonly name: "produce";
  readonly topic: string;
  /** Undefined or "-": standard input. */
  readonly file: string | undefined;
  readonly partition: number;
}

export interface ConsumeCommand extends ClientCommand {
  readonly name: "consume";
  readonly topic: string;
  readonly from: From;
  readonly partition: number;
  readonly until: "end" | "interrupted";
  readonly verbose: boolean;
}

export interface StatsCommand extends ClientCommand {
  readonly name: "stats";
}

export interface PingCommand extends ClientCommand {
  readonly name: "ping";
}

export type Command =
  | ServeCommand
  | TopicCommand
  | ProduceCommand
  | ConsumeCommand
  | StatsCommand
  | PingCommand
  | ToolsCommand;

/** A command to run, or what to print instead. */
export type CommandLine = { readonly command: Command } | {
  readonly command: null;
  readonly exitCode: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
};

export interface HelpStyle {
  readonly colors: boolean;
  readonly columns: number | undefined;
}

const partition = {
  partition: withDefault(
    option("--partition", integer({ min: 0, metavar: "N" }), {
      description: message`Partition, from 0. Default: 0.`,
    }),
    0,
  ),
};

const topic = {
  topic: argument(string({ metavar: "TOPIC" }), { description: message`Name of the topic.` }),
};

const serve = command(
  "serve",
  object({
    name: constant("serve"),
    data: withDefault(
      option("--data", string({ metavar: "DIR" }), {
        description: message`Data directory. Default: ./sluice-data.`,
      }),
      "./sluice-data",
    ),
    native: withDefault(
      option("--native", address(), {
        description: say(
          "Listener of the native protocol; port 0 takes a free one. Default: 127.0.0.1:7400.",
        ),
      }),
      { host: "127.0.0.1", port: 7400 },
    ),
    runDirectory: optional(option("--run-dir", string({ metavar: "DIR" }), {
      description: message`Directory of the Unix sockets. Default: run in the data directory.`,
    })),
    connectionsMax: optional(
      option("--connections-max", integer({ min: 1, max: CONNECTIONS_MAX, metavar: "N" }), {
        description: say(
          `Clients at the same time. Default: ${CONNECTIONS_MAX}, fewer where the limit of open`,
          "files is low.",
        ),
      }),
    ),
    connectionsPerAddress: optional(
      option("--connections-per-address", integer({ min: 1, max: CONNECTIONS_MAX, metavar: "N" }), {
        description: message`Clients from one address. Default: any number.`,
      }),
    ),
    initialise: map(
      withDefault(
        flag("--no-init", {
          description: say(
            "Refuse an absent or empty data directory: it may be a disk that is not mounted.",
          ),
        }),
        false,
      ),
      (refuse) => !refuse,
    ),
    syncMethod: withDefault(
      option("--sync-method", choice(["auto", "aio", "pool", "filesystem"]), {
        description: say(
          "How writes get to disk: auto; aio (Linux AIO or nothing); pool (worker threads);",
          "filesystem (as auto, and for very many files at once syncfs, which also writes out",
          "files of others on the same disk). Default: auto.",
        ),
      }),
      "auto" as const,
    ),
    coldReads: withDefault(
      option("--cold-reads", choice(["on", "probe", "off"], { metavar: "HOW" }), {
        description: say(
          "on: what is not in the page cache is read before it is sent, so that it delays nobody;",
          "probe: the same without cachestat; off: to compare. Default: on.",
        ),
      }),
      "on",
    ),
  }),
  {
    brief: message`Run the broker.`,
    description: say(
      'Runs the broker until SIGTERM or SIGINT. Prints one line per listener and then "ready" on',
      "standard output; everything else goes to standard error. A second signal ends it at once.",
    ),
  },
);

const produce = command(
  "produce",
  object({
    name: constant("produce"),
    ...topic,
    file: optional(argument(string({ metavar: "FILE" }), {
      description: message`File to read. Default, and for "-": standard input.`,
    })),
    ...partition,
    ...broker,
  }),
  {
    brief: message`Send lines of a file or a pipe as records.`,
    description: say(
      "Sends each line as one record. Lines end at LF, which is not sent; every other byte is",
      "data, and a last line without LF counts. At the end a summary goes to standard error. When",
      'it fails, a line "acknowledged N records, last offset M" says what is safely stored.',
    ),
  },
);

const consume = command(
  "consume",
  object({
    name: constant("consume"),
    ...topic,
    from: withDefault(
      option("--from", from(), {
        description: say(
          "Where to begin: beginning, end, an offset, or a time such as 2026-01-31T12:00:00Z: at",
          "the first record that is as new. Default: beginning.",
        ),
      }),
      "beginning" as From,
    ),
    ...partition,
    until: withDefault(
      or(
        map(
          flag("-f", "--follow", { description: message`Wait for new records until SIGINT.` }),
          () => "interrupted" as const,
        ),
        map(
          flag("-e", "--end", {
            description: say("End at the end that was visible at the start. This is the default."),
          }),
          () => "end" as const,
        ),
      ),
      "end" as const,
    ),
    verbose: withDefault(
      flag("-v", "--verbose", { description: message`Print a summary also without a terminal.` }),
      false,
    ),
    ...broker,
  }),
  {
    brief: message`Print records of a partition.`,
    description: message`Writes the value of each record, followed by LF, to standard output.`,
  },
);

const stats = command("stats", object({ name: constant("stats"), ...broker }), {
  brief: message`Print the counters of the broker.`,
  description: message`Prints one line per counter: name and value, separated by a tab.`,
});

const ping = command("ping", object({ name: constant("ping"), ...broker }), {
  brief: message`Ask whether the broker answers.`,
});

const commands = or(
  serve,
  topicCommands,
  produce,
  consume,
  stats,
  ping,
  toolsCommands,
);

const EXIT_CODES = say(
  "Exit codes: 0 done; 1 failed (the broker refused, was not there or went away; a file could",
  "not be read; a line was too long; verify found something); 2 wrong command line, or verify",
  "could not read something; 70 a bug, or a broker that could not go on; 130 ended by a second",
  "signal.",
);

const HELP_HINT = "        What can be said: sluice --help, sluice COMMAND --help.\n";

/** Thrown by the hooks of the parser library, which must not return. */
class Shown extends Error {}

/** Reads the arguments behind the program's name. */
export function parseCommandLine(args: readonly string[], style: HelpStyle): CommandLine {
  const out: string[] = [];
  let complaint = "";
  const shown = (): never => {
    throw new Shown();
  };
  try {
    const parsed: Command = runParserSync(commands, "sluice", args, {
      brief: message`A log broker in one TypeScript program.`,
      footer: EXIT_CODES,
      help: { option: { names: ["-h", "--help"] }, onShow: shown },
      version: { value: `sluice ${VERSION}`, option: true, onShow: shown },
      colors: style.colors,
      ...(style.columns === undefined ? {} : { maxWidth: style.columns }),
      aboveError: "none",
      stdout: (line) => out.push(`${line}\n`),
      stderr: () => {},
      onError: (_code, error) => {
        complaint = `sluice: ${formatMessage(error, { quotes: true })}\n${HELP_HINT}`;
        return shown();
      },
    });
    return { command: parsed };
  } catch (error) {
    if (!(error instanceof Shown)) throw error;
    const exitCode = complaint === "" ? ExitCode.success : ExitCode.usage;
    return { command: null, exitCode, stdout: out.join(""), stderr: complaint };
  }
}
