/** The commands about topics and records, as the command line reads them; `topic.ts` runs them. */

import { object, or } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import { argument, command, constant, flag, option } from "@optique/core/primitives";
import type { Parser } from "@optique/core/parser";
import { integer, string } from "@optique/core/valueparser";
import { type ConfigEntry, TOPIC_SETTINGS } from "../format/topic_config.ts";
import { PARTITIONS_PER_TOPIC_MAX } from "../limits.ts";
import { say } from "./help_text.ts";
import {
  broker,
  type ClientCommand,
  configEntry,
  json,
  type PrintCommand,
  recordsBelow,
} from "./values.ts";

export interface CreateTopicCommand extends ClientCommand, PrintCommand {
  readonly name: "topic create";
  readonly topic: string;
  readonly partitions: number;
  readonly config: readonly ConfigEntry[];
  readonly ifAbsent: boolean;
}

export interface DeleteTopicCommand extends ClientCommand, PrintCommand {
  readonly name: "topic delete";
  readonly topics: readonly string[];
}

export interface ListTopicsCommand extends ClientCommand, PrintCommand {
  readonly name: "topic list";
  /** Those that the broker keeps for itself, too. */
  readonly internal: boolean;
}

export interface DescribeTopicsCommand extends ClientCommand, PrintCommand {
  readonly name: "topic describe";
  /** Empty: all. */
  readonly topics: readonly string[];
}

export interface AlterTopicCommand extends ClientCommand, PrintCommand {
  readonly name: "topic alter";
  readonly topic: string;
  readonly config: readonly ConfigEntry[];
  /** Settings that follow the default again. */
  readonly unset: readonly string[];
  /** How many there are to be; undefined: as many as there are. */
  readonly partitions: number | undefined;
}

export interface DeleteRecordsCommand extends ClientCommand, PrintCommand {
  readonly name: "records delete";
  readonly topic: string;
  readonly partition: number;
  /** First offset that stays. */
  readonly offset: number | "end";
}

export interface OffsetsCommand extends ClientCommand, PrintCommand {
  readonly name: "offsets";
  readonly topics: readonly string[];
}

export interface ApplyCommand extends ClientCommand, PrintCommand {
  readonly name: "apply";
  /** "-": standard input. */
  readonly file: string;
  readonly prune: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
}

export type TopicCommand =
  | CreateTopicCommand
  | ListTopicsCommand
  | DescribeTopicsCommand
  | AlterTopicCommand
  | DeleteTopicCommand
  | DeleteRecordsCommand
  | OffsetsCommand
  | ApplyCommand;

const SETTING_NAMES = TOPIC_SETTINGS.map(({ key }) => key).join(", ");

const createTopic = command(
  "create",
  object({
    name: constant("topic create"),
    topic: argument(string({ metavar: "NAME" }), { description: message`Name of the topic.` }),
    partitions: withDefault(
      option("--partitions", integer({ min: 1, max: PARTITIONS_PER_TOPIC_MAX, metavar: "N" }), {
        description: message`Number of partitions. Default: 1.`,
      }),
      1,
    ),
    config: multiple(option("--config", configEntry(), {
      description: say(
        `A setting, may be repeated, such as durability=interval. There are ${SETTING_NAMES}.`,
      ),
    })),
    ifAbsent: withDefault(
      flag("--if-absent", { description: say("A topic that exists already is no error.") }),
      false,
    ),
    ...json,
    ...broker,
  }),
  { brief: message`Create a topic.`, description: say("Prints the id of the new topic.") },
);

const describeTopics = command(
  "describe",
  object({
    name: constant("topic describe"),
    topics: multiple(
      argument(string({ metavar: "NAME" }), {
        description: message`Name of a topic. Default: all.`,
      }),
    ),
    ...json,
    ...broker,
  }),
  {
    brief: message`Say how the partitions of topics are.`,
    description: say(
      "Prints settings and the share of the page cache of each topic on standard error, and one",
      "line per partition: state (ok, degraded or failed), first offset, ends, bytes on disk,",
      "segment files. With --json an object per topic.",
    ),
  },
);

const alterTopic = command(
  "alter",
  object({
    name: constant("topic alter"),
    topic: argument(string({ metavar: "NAME" }), { description: message`Name of the topic.` }),
    config: multiple(option("--config", configEntry(), {
      description: say("A setting to change, may be repeated; those not named stay."),
    })),
    unset: multiple(option("--unset", string({ metavar: "KEY" }), {
      description: say("A setting that shall follow the default again, may be repeated."),
    })),
    partitions: optional(
      option("--partitions", integer({ min: 1, max: PARTITIONS_PER_TOPIC_MAX, metavar: "N" }), {
        description: say("How many partitions there shall be; there are never fewer again."),
      }),
    ),
    ...json,
    ...broker,
  }),
  {
    brief: message`Change settings of a topic, or give it more partitions.`,
    description: say("Answered when it is durable and in force."),
  },
);

const deleteTopic = command(
  "delete",
  object({
    name: constant("topic delete"),
    topics: multiple(
      argument(string({ metavar: "NAME" }), { description: message`Name of the topic.` }),
      { min: 1 },
    ),
    ...json,
    ...broker,
  }),
  {
    brief: message`Delete topics with all their records.`,
    description: message`Deletes at once and asks nothing. What was deleted cannot be had back.`,
  },
);

const listTopics = command(
  "list",
  object({
    name: constant("topic list"),
    internal: withDefault(
      flag("--internal", {
        description: say("List what the broker keeps for itself, too, such as __consumer_offsets."),
      }),
      false,
    ),
    ...json,
    ...broker,
  }),
  {
    brief: message`List the topics.`,
    description: say(
      "Prints one line per topic: name, number of partitions, settings in force; in a pipe",
      "separated by tabs.",
    ),
  },
);

const deleteRecords = command(
  "delete",
  object({
    name: constant("records delete"),
    topic: argument(string({ metavar: "NAME" }), { description: message`Name of the topic.` }),
    partition: argument(integer({ min: 0, metavar: "PARTITION" }), {
      description: message`Partition, from 0.`,
    }),
    offset: argument(recordsBelow(), {
      description: message`The first offset that stays, or end: none of those visible now.`,
    }),
    ...json,
    ...broker,
  }),
  {
    brief: message`Delete the oldest records of a partition.`,
    description: say(
      "Deletes the records below an offset and prints the first offset that is left. Disk space is",
      "freed by whole segment files.",
    ),
  },
);

const offsetsOf = command(
  "offsets",
  object({
    name: constant("offsets"),
    topics: multiple(
      argument(string({ metavar: "TOPIC" }), {
        description: message`Name of a topic. Default: all.`,
      }),
    ),
    ...json,
    ...broker,
  }),
  {
    brief: message`Print the first and the next offset of every partition.`,
    description: say(
      "One line per partition: the first offset, the end that consumers see, the end that is on",
      "disk, and the end that is written.",
    ),
  },
);

const apply = command(
  "apply",
  object({
    name: constant("apply"),
    file: option("-f", "--file", string({ metavar: "FILE" }), {
      description: say("The topics, in YAML; - is standard input."),
    }),
    prune: withDefault(
      flag("--prune", { description: say("Delete topics that the file does not name.") }),
      false,
    ),
    dryRun: withDefault(
      flag("--dry-run", { description: say("Say what would be changed, change nothing.") }),
      false,
    ),
    yes: withDefault(
      flag("--yes", { description: say("Make the changes without asking.") }),
      false,
    ),
    ...json,
    ...broker,
  }),
  {
    brief: message`Make the topics those of a file.`,
    description: say(
      "The file is a list under topics: with name, partitions (1) and config of each. Shows what",
      "is to be created, set, given more partitions and deleted, and asks on a terminal before it",
      "does so. Settings that the file does not name stay; partitions never become fewer; nothing",
      "is deleted without --prune.",
    ),
  },
);

export const topicCommands: Parser<"sync", TopicCommand, unknown> = or(
  command("topic", or(createTopic, listTopics, describeTopics, alterTopic, deleteTopic), {
    brief: message`Create, list, describe, alter and delete topics.`,
  }),
  command("records", deleteRecords, { brief: message`Delete old records.` }),
  offsetsOf,
  apply,
);
