/** Where a group stands in the partitions that it reads. */

import { z } from "@hono/zod-openapi";
import type { Admin } from "../client/admin.ts";
import { BrokerError } from "../client/errors.ts";
import { ErrorCodes } from "../format/errors.ts";
import { HTTP_PAGE_MAX } from "../limits.ts";

export interface PartitionStand {
  readonly topic: string;
  readonly partition: number;
  readonly committed: number;
  /** Null: the partition is no more. */
  readonly visibleEnd: number | null;
  readonly lagRecords: number | null;
  readonly committedAt: string;
  readonly metadata: string;
}

export interface GroupStand {
  readonly group: string;
  readonly lagRecords: number;
  readonly offsets: PartitionStand[];
}

export const groupStand: z.ZodType<GroupStand> = z.object({
  group: z.string(),
  lagRecords: z.number().int().describe("Of all its partitions."),
  offsets: z.array(z.object({
    topic: z.string(),
    partition: z.number().int(),
    committed: z.number().int().describe("Offset of the next record to read."),
    visibleEnd: z.number().int().nullable().describe("null: the partition is no more."),
    lagRecords: z.number().int().nullable().describe("How many records it has not read."),
    committedAt: z.iso.datetime(),
    metadata: z.string().describe("The group's own."),
  })).describe("By topic and partition."),
}).openapi("Group") as unknown as z.ZodType<GroupStand>;

/** Throws BrokerError: the group has committed nothing. */
export async function standOf(admin: Admin, group: string, topic?: string): Promise<GroupStand> {
  const committed = await admin.groupOffsets(group);
  if (committed.length === 0) throw new BrokerError(ErrorCodes.group_not_found, group);
  const wanted = committed.filter((one) => topic === undefined || one.topic === topic);
  const ends = await visibleEndsOf(admin, new Set(wanted.map((one) => one.topic)));
  const offsets = wanted.map((one): PartitionStand => {
    const visibleEnd = ends.get(one.topic)?.[one.partition] ?? null;
    return {
      topic: one.topic,
      partition: one.partition,
      committed: one.offset,
      visibleEnd,
      lagRecords: visibleEnd === null ? null : Math.max(0, visibleEnd - one.offset),
      committedAt: new Date(one.commitTimestampMs).toISOString(),
      metadata: one.metadata,
    };
  });
  const lagRecords = offsets.reduce((sum, one) => sum + (one.lagRecords ?? 0), 0);
  return { group, lagRecords, offsets };
}

/** By topic, of partition 0, 1, 2 …; a topic that is no more has none. */
async function visibleEndsOf(
  admin: Admin,
  topics: ReadonlySet<string>,
): Promise<Map<string, number[]>> {
  const names = [...topics];
  const ends = new Map<string, number[]>();
  for (let at = 0; at < names.length; at += HTTP_PAGE_MAX) {
    for (
      const { name, partitions } of await admin.describeTopics(names.slice(at, at + HTTP_PAGE_MAX))
    ) {
      ends.set(name, partitions.map(({ visibleEnd }) => visibleEnd));
    }
  }
  return ends;
}
