/** The commands about a running broker as a whole, as the command line reads them. */

import { object, or } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, flag, option } from "@optique/core/primitives";
import { choice, integer, string } from "@optique/core/valueparser";
import type { Address } from "../address.ts";
import { say } from "./help_text.ts";
import { address, broker, type ClientCommand, json, type PrintCommand } from "./values.ts";

export interface StatsCommand extends ClientCommand, PrintCommand {
  readonly name: "stats";
}

export interface PingCommand extends ClientCommand, PrintCommand {
  readonly name: "ping";
}

export interface HealthCommand extends PrintCommand {
  readonly name: "health";
  readonly data: string | undefined;
  readonly runDirectory: string | undefined;
  /** Undefined: by the Unix socket. */
  readonly http: Address | undefined;
}

export interface TopCommand extends ClientCommand, PrintCommand {
  readonly name: "top";
  /** Between two looks. */
  readonly seconds: number;
  readonly once: boolean;
}

export interface ListConnectionsCommand extends ClientCommand, PrintCommand {
  readonly name: "connection list";
}

export interface CloseConnectionsCommand extends ClientCommand, PrintCommand {
  readonly name: "connection close";
  readonly ids: readonly number[];
}

/** Needs no broker. */
export interface CompletionsCommand {
  readonly name: "completions";
  readonly shell: "bash" | "zsh" | "fish";
}

export type NodeCommand =
  | StatsCommand
  | PingCommand
  | HealthCommand
  | TopCommand
  | ListConnectionsCommand
  | CloseConnectionsCommand
  | CompletionsCommand;

const stats = command("stats", object({ name: constant("stats"), ...json, ...broker }), {
  brief: message`Print the counters of the broker.`,
  description: say("One line per counter: name and value, in a pipe separated by a tab."),
});

const ping = command("ping", object({ name: constant("ping"), ...json, ...broker }), {
  brief: message`Ask whether the broker answers.`,
  description: say("Prints address, node, version and how long the answer took."),
});

const health = command(
  "health",
  object({
    name: constant("health"),
    data: optional(option("--data", string({ metavar: "DIR" }), {
      description: say(
        "Data directory of the broker, which is asked by the Unix socket in it. Default:",
        "./sluice-data.",
      ),
    })),
    runDirectory: optional(option("--run-dir", string({ metavar: "DIR" }), {
      description: say("Directory of the Unix sockets, where serve was told one."),
    })),
    http: optional(option("--http", address(), {
      description: say("Ask at this address of the HTTP door instead."),
    })),
    ...json,
  }),
  {
    brief: message`Ask whether a broker serves clients: for health checks.`,
    description: say(
      "Asks /readyz and prints one line: ready with partitions and disk, recovering with how far,",
      "stopping, unreachable, or no answer and why. Exit code: 0 ready, 1 anything else. A full",
      "disk and damaged partitions are told and are no reason to fail: what is stored is served.",
      "The broker needs its HTTP door (not --no-http). Where the path of the data directory is too",
      "long for a socket, ask by --http.",
    ),
  },
);

const top = command(
  "top",
  object({
    name: constant("top"),
    seconds: withDefault(
      option("--interval", integer({ min: 1, max: 3600, metavar: "SECONDS" }), {
        description: message`Seconds between two looks. Default: 2.`,
      }),
      2,
    ),
    once: withDefault(
      flag("--once", { description: say("Two looks, print what was in between, and end.") }),
      false,
    ),
    ...json,
    ...broker,
  }),
  {
    brief: message`Watch what the broker is doing.`,
    description: say(
      "Rates of topics, requests, connections, the 99th percentiles of produce requests, syncs and",
      "turns of the loop, and how far groups are behind. On a terminal until Ctrl-C; in a pipe one",
      "block of lines after the other; with --json an object a line.",
    ),
  },
);

const listConnections = command(
  "list",
  object({ name: constant("connection list"), ...json, ...broker }),
  {
    brief: message`List the clients that are connected.`,
    description: say(
      "One line per connection: number, listener, address and name of the client, since when, when",
      "it last asked for something, requests, bytes received and sent.",
    ),
  },
);

const closeConnections = command(
  "close",
  object({
    name: constant("connection close"),
    ids: multiple(
      argument(integer({ min: 0, metavar: "ID" }), {
        description: say("Number of the connection, from connection list."),
      }),
      { min: 1 },
    ),
    ...json,
    ...broker,
  }),
  {
    brief: message`Close connections of clients, at once.`,
    description: say("A client that connects again is let in again."),
  },
);

const connections = command("connection", or(listConnections, closeConnections), {
  brief: message`List and close connections.`,
});

const completions = command(
  "completions",
  object({
    name: constant("completions"),
    shell: argument(choice(["bash", "zsh", "fish"], { metavar: "SHELL" }), {
      description: say("bash, zsh or fish."),
    }),
  }),
  {
    brief: message`Print a script that completes commands and options in a shell.`,
    description: say(
      "bash, in ~/.bashrc: source <(sluice completions bash). zsh: sluice completions zsh >",
      "_sluice in a directory of $fpath. fish: sluice completions fish >",
      "~/.config/fish/completions/sluice.fish.",
    ),
  },
);

export const nodeCommands: Parser<"sync", NodeCommand, unknown> = or(
  stats,
  ping,
  health,
  top,
  connections,
  completions,
);
