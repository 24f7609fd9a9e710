/** The commands about offsets of groups, as the command line reads them; `group.ts` runs them. */

import { object, or } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, flag, option } from "@optique/core/primitives";
import { integer, string } from "@optique/core/valueparser";
import { say } from "./help_text.ts";
import {
  broker,
  type ClientCommand,
  json,
  type Place,
  place,
  type PrintCommand,
} from "./values.ts";

export interface ListGroupsCommand extends ClientCommand, PrintCommand {
  readonly name: "group list";
  readonly prefix: string;
}

export interface DescribeGroupCommand extends ClientCommand, PrintCommand {
  readonly name: "group describe";
  readonly group: string;
}

export interface ResetGroupCommand extends ClientCommand, PrintCommand {
  readonly name: "group reset";
  readonly group: string;
  readonly topic: string;
  /** Empty: all. */
  readonly partitions: readonly number[];
  /** Where to, or by how many records from what is committed: one of them is said. */
  readonly to: Place | undefined;
  readonly shift: number | undefined;
  readonly dryRun: boolean;
}

export interface DeleteGroupCommand extends ClientCommand, PrintCommand {
  readonly name: "group delete";
  readonly group: string;
}

export type GroupCommand =
  | ListGroupsCommand
  | DescribeGroupCommand
  | ResetGroupCommand
  | DeleteGroupCommand;

const group = {
  group: argument(string({ metavar: "GROUP" }), { description: message`Name of the group.` }),
};

const list = command(
  "list",
  object({
    name: constant("group list"),
    prefix: withDefault(
      option("--prefix", string({ metavar: "TEXT" }), {
        description: say("Only groups whose name begins with it. Default: all."),
      }),
      "",
    ),
    ...json,
    ...broker,
  }),
  {
    brief: message`List the groups that have committed offsets.`,
    description: say("One line per group: name, state, and in how many partitions it committed."),
  },
);

const describe = command(
  "describe",
  object({ name: constant("group describe"), ...group, ...json, ...broker }),
  {
    brief: message`Print where a group stands, and how far it is behind.`,
    description: say(
      "One line per partition: the committed offset, the end that consumers see, the lag between",
      "them, when it was committed, and what the group wrote to it.",
    ),
  },
);

const reset = command(
  "reset",
  object({
    name: constant("group reset"),
    ...group,
    topic: argument(string({ metavar: "TOPIC" }), { description: message`Name of the topic.` }),
    to: optional(option("--to", place(), {
      description: say(
        "Where the group is to go on: beginning, end, an offset, a time such as",
        "2026-01-31T12:00:00Z, or how long ago, such as -1h.",
      ),
    })),
    shift: optional(option("--shift", integer({ metavar: "N" }), {
      description: say("Instead: so many records on from what is committed; -10: ten back."),
    })),
    partitions: multiple(option("--partition", integer({ min: 0, metavar: "N" }), {
      description: say("Partition, from 0; may be repeated. Default: all."),
    })),
    dryRun: withDefault(
      flag("--dry-run", { description: say("Say what would be committed, commit nothing.") }),
      false,
    ),
    ...json,
    ...broker,
  }),
  {
    brief: message`Let a group go on from another place.`,
    description: say(
      "Commits an offset for every partition and prints the one before and the new one. Consumers",
      "of the group see it when they begin again.",
    ),
  },
);

const remove = command(
  "delete",
  object({ name: constant("group delete"), ...group, ...json, ...broker }),
  {
    brief: message`Forget the offsets of a group.`,
    description: say("Consumers of the group begin as if it had never committed."),
  },
);

export const groupCommands: Parser<"sync", GroupCommand, unknown> = command(
  "group",
  or(list, describe, reset, remove),
  { brief: message`List, describe, reset and delete groups.` },
);
