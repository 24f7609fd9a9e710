/** `sluice topic describe`: settings and partitions of topics. */

import { Admin, type TopicDescription } from "../client/admin.ts";
import { BrokerError } from "../client/errors.ts";
import type { ReplyOf } from "../native/operations.ts";
import { withBroker } from "./broker_connection.ts";
import { ExitCode } from "./exit_codes.ts";
import { printError, printText } from "./output.ts";
import { type Column, printRows } from "./table.ts";
import { topicRow } from "./topic.ts";
import type { DescribeTopicsCommand } from "./topic_commands.ts";

type State = ReplyOf<"describe_topic">["topics"][number];
type PartitionState = State["partitions"][number];

type PartitionFigures = Omit<PartitionState, "state">;

export interface PartitionRow extends PartitionFigures {
  readonly topic: string;
  readonly partition: number;
  readonly state: string;
}

/** By the code of the operation. */
const STATES = ["ok", "degraded", "failed"];

export const PARTITION_COLUMNS: readonly Column<PartitionRow>[] = [
  { title: "TOPIC", text: ({ topic }) => topic },
  { title: "PARTITION", text: ({ partition }) => String(partition), right: true },
  { title: "STATE", text: ({ state }) => state, color: ({ state }) => state === "ok" ? "" : "red" },
  { title: "START", text: ({ logStart }) => String(logStart), right: true },
  { title: "VISIBLE-END", text: ({ visibleEnd }) => String(visibleEnd), right: true },
  { title: "DURABLE-END", text: ({ durableEnd }) => String(durableEnd), right: true },
  { title: "END", text: ({ logEnd }) => String(logEnd), right: true },
  { title: "BYTES", text: ({ sizeBytes }) => String(sizeBytes), right: true },
  { title: "SEGMENTS", text: ({ segments }) => String(segments), right: true },
];

export async function describeTopics(command: DescribeTopicsCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    const admin = new Admin(connection);
    const topics = await admin.describeTopics(command.topics);
    const known = new Map((await admin.topics(command.topics)).map((topic) => [topic.name, topic]));
    for (const { error, name } of topics) if (error !== 0) throw new BrokerError(error, name);
    if (command.json) {
      const lines = topics.map((topic) => JSON.stringify(described(topic, known.get(topic.name))));
      await printText(lines.map((line) => `${line}\n`).join(""));
      return ExitCode.success;
    }
    for (const topic of topics) printError(summaryOf(topic, known.get(topic.name)));
    await printRows(command, PARTITION_COLUMNS, topics.flatMap(partitionRows));
    return ExitCode.success;
  });
}

export function partitionRows({ name, partitions }: State): PartitionRow[] {
  return partitions.map((state, partition) => {
    return { ...state, topic: name, partition, state: STATES[state.state] ?? String(state.state) };
  });
}

function described(state: State, topic: TopicDescription | undefined): object {
  const { name, topicId, cacheHitBytes, cacheMissBytes } = state;
  const partitions = partitionRows(state).map(({ topic: _, ...row }) => row);
  const config = topic === undefined ? {} : topicRow(topic).config;
  return { topic: name, topicId, config, cacheHitBytes, cacheMissBytes, partitions };
}

/** `orders: id 5f…, 98 % of fetched bytes from the page cache; durability=fsync …`. */
export function summaryOf(state: State, topic: TopicDescription | undefined): string {
  const { name, topicId, cacheHitBytes, cacheMissBytes } = state;
  const fetched = cacheHitBytes + cacheMissBytes;
  const cache = fetched === 0
    ? ""
    : `, ${Math.floor(cacheHitBytes / fetched * 100)} % of fetched bytes from the page cache`;
  const config = topic?.config.map(({ key, value }) => `${key}=${value}`).join(" ") ?? "";
  return `${name}: id ${topicId}${cache}${config === "" ? "" : `; ${config}`}\n`;
}
