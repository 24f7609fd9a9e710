/** `sluice topic create`, `list`, `alter` and `delete`, `records delete`, and `offsets`. */

import { ConfigError } from "../address.ts";
import { Admin, type TopicDescription } from "../client/admin.ts";
import type { Connection } from "../client/connection.ts";
import { BrokerError } from "../client/errors.ts";
import { ErrorCodes } from "../format/errors.ts";
import { isInternalTopic } from "../format/internal_topics.ts";
import { operation } from "../native/operations.ts";
import { withBroker } from "./broker_connection.ts";
import { ExitCode } from "./exit_codes.ts";
import { printError } from "./output.ts";
import { type Column, printOne, printRows, sayDone } from "./table.ts";
import type {
  AlterTopicCommand,
  CreateTopicCommand,
  DeleteRecordsCommand,
  DeleteTopicCommand,
  ListTopicsCommand,
  OffsetsCommand,
} from "./topic_commands.ts";

export async function createTopic(command: CreateTopicCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    const { topic, partitions, config } = command;
    try {
      const topicId = await new Admin(connection).createTopic(topic, { partitions, config });
      printError(`created ${topic}, ${partitions} partition${partitions === 1 ? "" : "s"}\n`);
      await printOne(command, { topic, topicId, partitions }, topicId);
      return ExitCode.success;
    } catch (error) {
      const exists = error instanceof BrokerError && error.code === ErrorCodes.topic_exists;
      if (!exists || !command.ifAbsent) throw error;
      printError(`${topic} exists\n`);
      const [found] = (await new Admin(connection).metadata([topic])).topics;
      const { topicId = "", partitions: there = [] } = found ?? {};
      await printOne(command, { topic, topicId, partitions: there.length }, topicId);
      return ExitCode.success;
    }
  });
}

export async function deleteTopics(command: DeleteTopicCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    const admin = new Admin(connection);
    for (const topic of command.topics) {
      await admin.deleteTopic(topic);
      await sayDone(command, { topic }, `deleted ${topic}`);
    }
    return ExitCode.success;
  });
}

export async function deleteRecords(command: DeleteRecordsCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    const { topic, partition, offset } = command;
    const logStart = await new Admin(connection).deleteRecords(topic, partition, offset);
    printError(`partition ${partition} of ${topic} begins at offset ${logStart}\n`);
    await printOne(command, { topic, partition, logStart }, String(logStart));
    return ExitCode.success;
  });
}

/** Settings first: when the partitions are refused, that is said by itself. */
export async function alterTopic(command: AlterTopicCommand): Promise<ExitCode> {
  const { topic, config, unset, partitions } = command;
  if (config.length === 0 && unset.length === 0 && partitions === undefined) {
    throw new ConfigError(
      "nothing to change was named",
      "Name settings by --config KEY=VALUE or --unset KEY, or say --partitions N.",
    );
  }
  return await withBroker(command, async (connection) => {
    if (config.length > 0 || unset.length > 0) {
      await connection.request(operation("alter_topic"), {
        name: topic,
        set: config.map(({ key, value }) => ({ key, value })),
        unset: unset.map((key) => ({ key })),
      });
      const set = Object.fromEntries(config.map(({ key, value }) => [key, value]));
      await sayDone(command, { topic, set, unset }, `altered ${topic}`);
    }
    if (partitions !== undefined) {
      await connection.request(operation("add_partitions"), { name: topic, partitions });
      await sayDone(command, { topic, partitions }, `${topic} has ${partitions} partitions`);
    }
    return ExitCode.success;
  });
}

/** Name, partitions and settings of a topic. */
export const TOPIC_COLUMNS: readonly Column<TopicRow>[] = [
  { title: "TOPIC", text: ({ topic }) => topic },
  { title: "PARTITIONS", text: ({ partitions }) => String(partitions), right: true },
  {
    title: "SETTINGS",
    text: ({ config }) => Object.entries(config).map(([key, value]) => `${key}=${value}`).join(" "),
  },
];

interface TopicRow {
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
}

export async function listTopics(command: ListTopicsCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    const topics = (await new Admin(connection).topics())
      .filter(({ name }) => command.internal || !isInternalTopic(name));
    await printRows(command, TOPIC_COLUMNS, topics.map(topicRow));
    return ExitCode.success;
  });
}

export function topicRow({ name, topicId, partitions, config }: TopicDescription): TopicRow {
  const settings = Object.fromEntries(config.map(({ key, value }) => [key, value]));
  return { topic: name, topicId, partitions: partitions.length, config: settings };
}

interface OffsetsRow {
  readonly topic: string;
  readonly partition: number;
  readonly logStart: number;
  readonly visibleEnd: number;
  readonly durableEnd: number;
  readonly logEnd: number;
}

const OFFSETS_COLUMNS: readonly Column<OffsetsRow>[] = [
  { title: "TOPIC", text: ({ topic }) => topic },
  { title: "PARTITION", text: ({ partition }) => String(partition), right: true },
  { title: "START", text: ({ logStart }) => String(logStart), right: true },
  { title: "VISIBLE-END", text: ({ visibleEnd }) => String(visibleEnd), right: true },
  { title: "DURABLE-END", text: ({ durableEnd }) => String(durableEnd), right: true },
  { title: "END", text: ({ logEnd }) => String(logEnd), right: true },
];

export async function offsets(command: OffsetsCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    const rows = await offsetsRows(connection, command.topics);
    await printRows(command, OFFSETS_COLUMNS, rows);
    return ExitCode.success;
  });
}

async function offsetsRows(
  connection: Connection,
  names: readonly string[],
): Promise<OffsetsRow[]> {
  const admin = new Admin(connection);
  const topics = names.length === 0 ? await admin.topics() : (await admin.metadata(names)).topics;
  const rows: OffsetsRow[] = [];
  for (const topic of topics) {
    if (topic.error !== 0) throw new BrokerError(topic.error, topic.name);
    for (const [partition] of topic.partitions.entries()) {
      rows.push({ topic: topic.name, partition, ...await admin.offsets(topic.name, partition) });
    }
  }
  return rows;
}
