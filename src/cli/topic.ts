/** `sluice topic create`, `list`, `delete` and `delete-records`. */

import { Admin, type TopicDescription } from "../client/admin.ts";
import { withBroker } from "./broker_connection.ts";
import type {
  CreateTopicCommand,
  DeleteRecordsCommand,
  DeleteTopicCommand,
  ListTopicsCommand,
} from "./topic_commands.ts";
import { ExitCode } from "./exit_codes.ts";
import { printError, printText } from "./output.ts";

export async function createTopic(command: CreateTopicCommand): Promise<ExitCode> {
  return await withBroker(command.broker, async (connection) => {
    const { topic, partitions, config } = command;
    const topicId = await new Admin(connection).createTopic(topic, { partitions, config });
    printError(`created ${topic}, ${partitions} partition${partitions === 1 ? "" : "s"}\n`);
    await printText(`${topicId}\n`);
    return ExitCode.success;
  });
}

export async function deleteTopic({ broker, topic }: DeleteTopicCommand): Promise<ExitCode> {
  return await withBroker(broker, async (connection) => {
    await new Admin(connection).deleteTopic(topic);
    printError(`deleted ${topic}\n`);
    return ExitCode.success;
  });
}

export async function deleteRecords(command: DeleteRecordsCommand): Promise<ExitCode> {
  return await withBroker(command.broker, async (connection) => {
    const { topic, partition, offset } = command;
    const logStart = await new Admin(connection).deleteRecords(topic, partition, offset);
    await printText(`${logStart}\n`);
    return ExitCode.success;
  });
}

export async function listTopics(command: ListTopicsCommand): Promise<ExitCode> {
  return await withBroker(command.broker, async (connection) => {
    const topics = await new Admin(connection).topics();
    await printText(topics.map(topicLine).join(""));
    return ExitCode.success;
  });
}

/** Name, partitions, settings; one line, by tabs, for `cut` and `awk`. */
export function topicLine(topic: TopicDescription): string {
  const settings = topic.config.map(({ key, value }) => `${key}=${value}`).join(" ");
  return `${topic.name}\t${topic.partitions.length}\t${settings}\n`;
}
