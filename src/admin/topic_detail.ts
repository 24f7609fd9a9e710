/** A topic with its partitions, as several routes answer with it. */

import { z } from "@hono/zod-openapi";
import type { Admin, TopicState } from "../client/admin.ts";
import { BrokerError } from "../client/errors.ts";
import { ErrorCodes } from "../format/errors.ts";
import { isInternalTopic } from "../format/internal_topics.ts";
import { PARTITION_STATES } from "./partition_states.ts";

export interface PartitionDetail {
  readonly partition: number;
  readonly leader: number;
  readonly state: typeof PARTITION_STATES[number];
  readonly logStart: number;
  readonly visibleEnd: number;
  readonly durableEnd: number;
  readonly logEnd: number;
  readonly sizeBytes: number;
  readonly segments: number;
  readonly oldest: string | null;
  readonly newest: string | null;
}

export interface TopicDetail {
  readonly name: string;
  readonly topicId: string;
  readonly internal: boolean;
  readonly config: Record<string, string>;
  readonly cacheHitBytes: number;
  readonly cacheMissBytes: number;
  readonly partitions: PartitionDetail[];
}

const partition = z.object({
  partition: z.number().int(),
  leader: z.number().int().describe("The node that owns it."),
  state: z.enum(PARTITION_STATES),
  logStart: z.number().int().describe("First offset."),
  visibleEnd: z.number().int().describe("One above the last offset that a consumer sees."),
  durableEnd: z.number().int().describe("One above the last offset known to be on disk."),
  logEnd: z.number().int().describe("The offset of the next record."),
  sizeBytes: z.number().int().describe("Bytes of its batches on disk."),
  segments: z.number().int().describe("Files that they are in."),
  oldest: z.iso.datetime().nullable().describe(
    "Time of the first visible batch, by its highest timestamp; null: there is none, or it is " +
      "being read from the disk.",
  ),
  newest: z.iso.datetime().nullable().describe("The same of the last one."),
}).openapi("Partition");

export const topicDetail: z.ZodType<TopicDetail> = z.object({
  name: z.string(),
  topicId: z.string().describe("Identity of the topic, never used again."),
  internal: z.boolean().describe("The broker's own."),
  config: z.record(z.string(), z.string()).describe("All settings in force."),
  cacheHitBytes: z.number().int().describe("Fetched bytes that were in the page cache."),
  cacheMissBytes: z.number().int().describe("Fetched bytes that had to be read from the disk."),
  partitions: z.array(partition),
}).openapi("Topic") as unknown as z.ZodType<TopicDetail>;

/** Throws BrokerError: there is no such topic. */
export async function topicDetailOf(admin: Admin, name: string): Promise<TopicDetail> {
  // One after the other: together they would be one long turn of the shard's loop.
  const { topics: [topic] } = await admin.metadata([name]);
  const [state] = await admin.describeTopics([name]);
  const error = topic?.error || state?.error;
  if (topic === undefined || state === undefined || error !== 0) {
    throw new BrokerError(error || ErrorCodes.topic_not_found, name);
  }
  const { topicId, cacheHitBytes, cacheMissBytes } = state;
  const times = await timesOf(admin, state);
  return {
    name,
    topicId,
    internal: isInternalTopic(name),
    config: Object.fromEntries(topic.config.map(({ key, value }) => [key, value])),
    cacheHitBytes,
    cacheMissBytes,
    partitions: state.partitions.map(({ state: at, ...rest }, index) => ({
      partition: index,
      leader: topic.partitions[index]?.leader ?? 0,
      state: PARTITION_STATES[at] ?? "failed",
      ...rest,
      oldest: times[2 * index] ?? null,
      newest: times[2 * index + 1] ?? null,
    })),
  };
}

/** Of the first and the last record of partition 0, 1, 2 …, as text. */
async function timesOf(admin: Admin, state: TopicState): Promise<(string | null)[]> {
  const { name: topic, partitions } = state;
  const times = await admin.offsetTimes(partitions.flatMap(({ logStart, visibleEnd }, index) => {
    const first = { topic, partition: index, offset: logStart };
    return [first, { ...first, offset: Math.max(logStart, visibleEnd - 1) }];
  }));
  return times.map(timeText);
}

/** What a producer says is any number: what is no date is not known. */
export function timeText(timestampMs: number | null): string | null {
  const date = new Date(timestampMs ?? NaN);
  return Number.isNaN(date.getTime()) || date.getUTCFullYear() > 9999 ? null : date.toISOString();
}
