/** `sluice topic create` and `sluice topic list`. */

import { Admin, type TopicDescription } from "../client/admin.ts";
import { withBroker } from "./broker_connection.ts";
import type { CreateTopicCommand, ListTopicsCommand } from "./command_line.ts";
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
