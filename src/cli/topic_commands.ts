/** The commands about topics, as the command line reads them. They are run by `topic.ts`. */

import { object, or } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, withDefault } from "@optique/core/modifiers";
import { argument, command, constant, option } from "@optique/core/primitives";
import type { Parser } from "@optique/core/parser";
import { integer, string } from "@optique/core/valueparser";
import type { ConfigEntry } from "../format/topic_config.ts";
import { PARTITIONS_PER_TOPIC_MAX } from "../limits.ts";
import { say } from "./help_text.ts";
import { broker, type ClientCommand, configEntry, recordsBelow } from "./values.ts";

export interface CreateTopicCommand extends ClientCommand {
  readonly name: "topic create";
  readonly topic: string;
  readonly partitions: number;
  readonly config: readonly ConfigEntry[];
}

export interface DeleteTopicCommand extends ClientCommand {
  readonly name: "topic delete";
  readonly topic: string;
}

export interface DeleteRecordsCommand extends ClientCommand {
  readonly name: "topic delete-records";
  readonly topic: string;
  readonly partition: number;
  /** First offset that stays. */
  readonly offset: number | "end";
}

export interface ListTopicsCommand extends ClientCommand {
  readonly name: "topic list";
}

export type TopicCommand =
  | CreateTopicCommand
  | ListTopicsCommand
  | DeleteTopicCommand
  | DeleteRecordsCommand;

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
        "A setting, may be repeated: durability=fsync, interval or os; flush.ms; segment.bytes;",
        "segment.ms; retention.ms; retention.bytes; cleanup.policy; max.message.bytes; and others:",
        "docs/PROTOCOL.md lists them.",
      ),
    })),
    ...broker,
  }),
  { brief: message`Create a topic.` },
);

const deleteTopic = command(
  "delete",
  object({
    name: constant("topic delete"),
    topic: argument(string({ metavar: "NAME" }), { description: message`Name of the topic.` }),
    ...broker,
  }),
  {
    brief: message`Delete a topic with all its records.`,
    description: message`Deletes at once and asks nothing. What was deleted cannot be had back.`,
  },
);

const deleteRecords = command(
  "delete-records",
  object({
    name: constant("topic delete-records"),
    topic: argument(string({ metavar: "NAME" }), { description: message`Name of the topic.` }),
    partition: argument(integer({ min: 0, metavar: "PARTITION" }), {
      description: message`Partition, from 0.`,
    }),
    offset: argument(recordsBelow(), {
      description: message`The first offset that stays, or end: none of those visible now.`,
    }),
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

const listTopics = command("list", object({ name: constant("topic list"), ...broker }), {
  brief: message`List the topics.`,
  description: say(
    "Prints one line per topic: name, number of partitions, settings in force; separated by",
    "tabs.",
  ),
});

export const topicCommands: Parser<"sync", TopicCommand, unknown> = command(
  "topic",
  or(createTopic, listTopics, deleteTopic, deleteRecords),
  { brief: message`Create, list and delete topics.` },
);
