/**
 * What may be said of a data directory without a broker: `init`, `verify`, `dump`, `repair` and
 * `adopt`. Only the parsers; the commands are in files of their names.
 */

import { object, or } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { map, optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, flag, option } from "@optique/core/primitives";
import { choice, integer, string } from "@optique/core/valueparser";
import { say } from "./help_text.ts";
import { json, type PrintCommand } from "./values.ts";

export interface InitCommand extends PrintCommand {
  readonly name: "init";
  readonly directory: string;
}

export interface VerifyCommand extends PrintCommand {
  readonly name: "verify";
  readonly directory: string;
  readonly partition: string | undefined;
}

export interface DumpCommand {
  readonly name: "dump";
  readonly path: string;
  readonly records: boolean;
  readonly from: number;
  /** Undefined: all. */
  readonly limit: number | undefined;
  readonly json: boolean;
  readonly encoding: "text" | "hex" | "base64";
}

export interface RepairCommand extends PrintCommand {
  readonly name: "repair";
  readonly directory: string;
  readonly partition: string;
  readonly how: "look" | "truncate" | "rebuild";
  readonly keep: string | undefined;
}

export interface AdoptCommand extends PrintCommand {
  readonly name: "adopt";
  readonly directory: string;
  readonly dryRun: boolean;
}

export type ToolsCommand =
  | InitCommand
  | VerifyCommand
  | DumpCommand
  | RepairCommand
  | AdoptCommand;

const directory = {
  directory: argument(string({ metavar: "DIR" }), { description: message`Data directory.` }),
};

const init = command("init", object({ name: constant("init"), ...directory, ...json }), {
  brief: message`Make a data directory.`,
  description: say(
    "Makes an absent or empty directory one of Sluice, so that serve --no-init may refuse an empty",
    "one: a disk that is not mounted. One that is a data directory already is left as it is.",
  ),
});

const verify = command(
  "verify",
  object({
    name: constant("verify"),
    ...directory,
    partition: optional(option("--partition", string({ metavar: "TOPIC-N" }), {
      description: message`One partition only, such as orders-0.`,
    })),
    ...json,
  }),
  {
    brief: message`Look for damage in a data directory.`,
    description: say(
      "Reads every batch and record of a data directory, of Sluice or of Kafka, and every index,",
      "snapshot and checkpoint, and prints one line per finding. Changes nothing. Beside a running",
      "broker it takes no lock and looks only at what lies below the recovery points. Exit code: 0",
      "no findings (notes are none), 1 findings, 2 something could not be read.",
    ),
  },
);

const dump = command(
  "dump",
  object({
    name: constant("dump"),
    path: argument(string({ metavar: "FILE|DIR" }), {
      description: say(
        "A .log, .index, .timeindex or .snapshot, a checkpoint, partition.metadata, the catalogue;",
        "or the directory of a partition, or a data directory: then their logs.",
      ),
    }),
    records: withDefault(
      flag("-r", "--records", { description: message`Print the records of each batch too.` }),
      false,
    ),
    from: withDefault(
      option("--from", integer({ min: 0, metavar: "OFFSET" }), {
        description: message`Leave out what is below this offset. Default: 0.`,
      }),
      0,
    ),
    limit: optional(option("-n", "--limit", integer({ min: 0, metavar: "N" }), {
      description: message`Print at most N batches; with --records, N records. Default: all.`,
    })),
    ...json,
    encoding: withDefault(
      option("--encoding", choice(["text", "hex", "base64"], { metavar: "FORM" }), {
        description: say(
          "How keys and values are printed: text, with escapes for what a terminal would obey;",
          "hex; base64. Default: text.",
        ),
      }),
      "text" as const,
    ),
  }),
  {
    brief: message`Print what a file of a data directory holds.`,
    description: say(
      "Prints batches, records, index entries, producers or lines of a file. What is damaged is",
      "printed as far as it can be read, and the exit code is then 1.",
    ),
  },
);

const repair = command(
  "repair",
  object({
    name: constant("repair"),
    ...directory,
    partition: argument(string({ metavar: "TOPIC-N" }), {
      description: message`The partition, such as orders-0.`,
    }),
    how: withDefault(
      or(
        map(
          flag("--truncate", {
            description: say(
              "Cut the log before its first damaged batch. What follows is put aside, and every",
              "file that is touched is kept as a copy.",
            ),
          }),
          () => "truncate" as const,
        ),
        map(
          flag("--rebuild", {
            description: say(
              "Make anew the indexes, snapshots and epochs that do not fit the log, which is not",
              "touched.",
            ),
          }),
          () => "rebuild" as const,
        ),
      ),
      "look" as const,
    ),
    keep: optional(option("--keep", string({ metavar: "KEEPDIR" }), {
      description: message`Where copies go. Default: beside the files, as NAME.damaged-N.`,
    })),
    ...json,
  }),
  {
    brief: message`Cut a damaged partition, keeping a copy.`,
    description: say(
      "Without --truncate or --rebuild it says what it would do, and does nothing. It is refused",
      "while a broker works in the directory. Exit code: 0 nothing to do, or done; 1 there is",
      "something to do, or it failed.",
    ),
  },
);

const adopt = command(
  "adopt",
  object({
    name: constant("adopt"),
    ...directory,
    dryRun: withDefault(
      flag("--dry-run", { description: message`Say what would be written, write nothing.` }),
      false,
    ),
    ...json,
  }),
  {
    brief: message`Make a Kafka log directory Sluice's.`,
    description: say(
      "Writes a catalogue from the partitions that lie in the directory; no log is changed. Kafka",
      "must be stopped. Settings of topics are not adopted; retention.ms is -1.",
    ),
  },
);

export const toolsCommands: Parser<"sync", ToolsCommand, unknown> = or(
  init,
  verify,
  dump,
  repair,
  adopt,
);
