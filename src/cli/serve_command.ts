/**
 * `serve`, and `config`, which takes the same options and prints what `serve` would begin with.
 * Only the parsers.
 */

import { object, or } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { map, multiple, optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, flag, option } from "@optique/core/primitives";
import { choice, integer, string } from "@optique/core/valueparser";
import { DISK_SHARE } from "../base/disk_share.ts";
import type { BrokerOptions } from "../config.ts";
import type { ConfigEntry } from "../format/topic_config.ts";
import { CONNECTIONS_MAX } from "../limits.ts";
import { say } from "./help_text.ts";
import { optionsOf } from "./plain_serve.ts";
import {
  address,
  broker,
  type ClientCommand,
  configEntry,
  json,
  type PrintCommand,
} from "./values.ts";

export interface ServeCommand {
  readonly name: "serve";
  /** Undefined: what SLUICE_CONFIG says, or none. */
  readonly file: string | undefined;
  /** Only what the command line said. */
  readonly said: BrokerOptions;
}

export interface ConfigCommand {
  readonly name: "config";
  readonly file: string | undefined;
  readonly said: BrokerOptions;
  readonly json: boolean;
}

export interface ShowRunningCommand extends ClientCommand, PrintCommand {
  readonly name: "config running";
}

export interface SetConfigCommand extends ClientCommand, PrintCommand {
  readonly name: "config set";
  readonly config: readonly ConfigEntry[];
}

export interface UnsetConfigCommand extends ClientCommand, PrintCommand {
  readonly name: "config unset";
  readonly keys: readonly string[];
}

export type RunningConfigCommand = ShowRunningCommand | SetConfigCommand | UnsetConfigCommand;

/** What `doctor` is to look at, as `serve` would be told. */
export interface DoctorCommand {
  readonly name: "doctor";
  readonly file: string | undefined;
  readonly said: BrokerOptions;
  readonly json: boolean;
}

const words = {
  file: optional(option("--config", string({ metavar: "FILE" }), {
    description: say(
      "File with settings: JSON, comments allowed. Below the environment and the command line.",
      "Default: SLUICE_CONFIG from the environment, or none.",
    ),
  })),
  data: optional(option("--data", string({ metavar: "DIR" }), {
    description: message`Data directory. Default: ./sluice-data.`,
  })),
  native: optional(option("--native", address(), {
    description: say(
      "Listener of the native protocol; port 0 takes a free one. Default: 127.0.0.1:7400.",
    ),
  })),
  nativeAdvertised: optional(option("--native-advertised", address(), {
    description: say(
      "Where clients reach the native listener, behind a port mapping: the broker tells them so.",
      "Default: where it listens.",
    ),
  })),
  http: optional(option("--http", address(), {
    description: say(
      "Listener of the HTTP door; port 0 takes a free one. Default: 127.0.0.1:7480.",
    ),
  })),
  httpAdvertised: optional(option("--http-advertised", address(), {
    description: say(
      "Where clients reach the HTTP door, behind a port mapping: they may ask by that name.",
    ),
  })),
  refuseHttp: optional(flag("--no-http", { description: message`Open no HTTP door.` })),
  insecure: optional(flag("--insecure", {
    description: say(
      "Allow listeners that other machines reach, although nothing is encrypted yet.",
    ),
  })),
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
  refuseEmpty: optional(flag("--no-init", {
    description: say(
      "Refuse an absent or empty data directory: it may be a disk that is not mounted.",
    ),
  })),
  syncMethod: optional(
    option("--sync-method", choice(["auto", "aio", "pool", "filesystem"], { metavar: "HOW" }), {
      description: say(
        "How writes get to disk: auto; aio (Linux AIO or nothing); pool (worker threads);",
        "filesystem (as auto, and for very many files at once syncfs, which also writes out",
        "files of others on the same disk). Default: auto.",
      ),
    }),
  ),
  coldReads: optional(
    option("--cold-reads", choice(["on", "probe", "off"], { metavar: "HOW" }), {
      description: say(
        "on: what is not in the page cache is read before it is sent, so that it delays nobody;",
        "probe: the same without cachestat; off: to compare. Default: on.",
      ),
    }),
  ),
  logFormat: optional(
    option("--log-format", choice(["text", "json"], { metavar: "FORM" }), {
      description: say(
        "Everything goes to standard output, as text or as a JSON object a line. Default: messages",
        "go to standard error, as text.",
      ),
    }),
  ),
  retentionTotal: optional(
    option("--retention-total", string({ metavar: "SHARE", pattern: new RegExp(DISK_SHARE) }), {
      description: say(
        "What the files of all topics may take together: 80% of the disk, or a size such as 4GiB.",
        "The oldest segments leave first, whichever topic they are of. Default: none.",
      ),
    }),
  ),
};

export const serveCommand: Parser<"sync", ServeCommand, unknown> = command(
  "serve",
  map(object(words), ({ file, ...said }) => {
    return { name: "serve" as const, file, said: optionsOf(said) };
  }),
  {
    brief: message`Run the broker.`,
    description: say(
      'Runs the broker until SIGTERM or SIGINT. Prints one line per listener and then "ready" on',
      "standard output; everything else goes to standard error. A second signal ends it at once.",
      "A file and the environment take more settings than there are options: sluice config.",
    ),
  },
);

const running = command(
  "running",
  object({ name: constant("config running"), ...json, ...broker }),
  {
    brief: message`Print the settings of a running broker.`,
    description: say(
      "One line per setting: name, value, where it came from, and whether it may be changed while",
      "the broker runs.",
    ),
  },
);

const set = command(
  "set",
  object({
    name: constant("config set"),
    config: multiple(
      argument(configEntry(), { description: say("A setting of a running broker.") }),
      { min: 1 },
    ),
    ...json,
    ...broker,
  }),
  {
    brief: message`Change settings of a running broker.`,
    description: say("In force and durable when it is answered; it outlives a restart."),
  },
);

const unset = command(
  "unset",
  object({
    name: constant("config unset"),
    keys: multiple(
      argument(string({ metavar: "KEY" }), { description: say("Name of a setting.") }),
      { min: 1 },
    ),
    ...json,
    ...broker,
  }),
  {
    brief: message`Take back what was changed while the broker ran.`,
    description: say("The setting is again what the start of the broker said."),
  },
);

export const configCommand: Parser<"sync", ConfigCommand | RunningConfigCommand, unknown> = command(
  "config",
  withDefault(
    or(
      running,
      set,
      unset,
      map(object({ ...words, ...json }), ({ file, json, ...said }) => {
        return { name: "config" as const, file, said: optionsOf(said), json };
      }),
    ),
    { name: "config" as const, file: undefined, said: {}, json: false },
  ),
  {
    brief: message`Print every setting, its value and where it came from.`,
    description: say(
      "Prints what serve would begin with, given the same options: each setting by its name in a",
      "file, its value, where that came from, and the variable of the environment that sets it.",
      "A setting that is wrong is refused with its name, its value and what is allowed.",
    ),
  },
);

export const doctorCommand: Parser<"sync", DoctorCommand, unknown> = command(
  "doctor",
  map(object({ ...words, ...json }), ({ file, json, ...said }) => {
    return { name: "doctor" as const, file, said: optionsOf(said), json };
  }),
  {
    brief: message`Look for what on this machine will trouble a broker.`,
    description: say(
      "Takes the options of serve and looks at the kernel, the limits of the process, the data",
      "directory and its disk (100 syncs of a small file that is removed), the clock and the",
      "address. Each line is ok, a warning or a failure, and says what to do. Exit code 1 when",
      "there is a failure.",
    ),
  },
);
