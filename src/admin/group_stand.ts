/** Where a group stands in the partitions that it reads. */

import { z } from "@hono/zod-openapi";
import type { Admin } from "../client/admin.ts";
import type { CommittedOffset } from "../client/committer.ts";
import { BrokerError } from "../client/errors.ts";
import { ErrorCodes } from "../format/errors.ts";

export interface PartitionStand {
  readonly topic: string;
  readonly partition: number;
  readonly committed: number;
  /** Null: the partition is no more. */
  readonly visibleEnd: number | null;
  readonly lagRecords: number | null;
  readonly lagMs: number | null;
  readonly committedAt: string;
  readonly metadata: string;
}

export interface GroupStand {
  readonly group: string;
  readonly lagRecords: number;
  readonly lagMs: number | null;
  readonly offsets: PartitionStand[];
}

export const groupStand: z.ZodType<GroupStand> = z.object({
  group: z.string(),
  lagRecords: z.number().int().describe("Of all its partitions."),
  lagMs: z.number().int().nullable().describe("The longest of its partitions; null: not known."),
  offsets: z.array(z.object({
    topic: z.string(),
    partition: z.number().int(),
    committed: z.number().int().describe("Offset of the next record to read."),
    visibleEnd: z.number().int().nullable().describe("null: the partition is no more."),
    lagRecords: z.number().int().nullable().describe("How many records it has not read."),
    lagMs: z.number().int().nullable().describe(
      "Between the first record it has not read and the newest one; null: not known, or not yet: " +
        "it is being read from the disk.",
    ),
    committedAt: z.iso.datetime(),
    metadata: z.string().describe("The group's own."),
  })).describe("By topic and partition."),
}).openapi("Group") as unknown as z.ZodType<GroupStand>;

/** A stand, and the first record that the group has not read and that is still there. */
interface Reckoned {
  readonly stand: PartitionStand;
  readonly next: number;
}

/** `topic`: only of this one. Throws BrokerError: the group has committed nothing. */
export async function standOf(
  admin: Admin,
  group: string,
  topic?: string,
): Promise<GroupStand> {
  const committed = await admin.groupOffsets(group);
  if (committed.length === 0) throw new BrokerError(ErrorCodes.group_not_found, group);
  const wanted = committed.filter((one) => topic === undefined || one.topic === topic);
  const ends = await endsOf(admin, new Set(wanted.map((one) => one.topic)));
  const reckoned = wanted.map((one) => reckon(one, ends.get(one.topic)?.[one.partition]));
  const offsets = await withTimes(admin, reckoned);
  const lagRecords = offsets.reduce((sum, one) => sum + (one.lagRecords ?? 0), 0);
  const lags = offsets.flatMap(({ lagMs }) => lagMs === null ? [] : [lagMs]);
  return { group, lagRecords, lagMs: lags.length === 0 ? null : Math.max(...lags), offsets };
}

function reckon(one: CommittedOffset, ends: Ends | undefined): Reckoned {
  const { topic, partition, offset: committed, metadata } = one;
  const next = Math.max(committed, ends?.logStart ?? 0);
  const lagRecords = ends === undefined ? null : Math.max(0, ends.visibleEnd - next);
  const stand = {
    topic,
    partition,
    committed,
    visibleEnd: ends?.visibleEnd ?? null,
    lagRecords,
    lagMs: lagRecords === 0 ? 0 : null,
    committedAt: new Date(one.commitTimestampMs).toISOString(),
    metadata,
  };
  return { stand, next };
}

/** Only where there is something to read the log is asked for times. */
async function withTimes(
  admin: Admin,
  all: readonly Reckoned[],
): Promise<PartitionStand[]> {
  const behind = all.filter(({ stand }) => (stand.lagRecords ?? 0) > 0);
  const times = await admin.offsetTimes(behind.flatMap(({ stand, next }) => {
    const first = { topic: stand.topic, partition: stand.partition, offset: next };
    return [first, { ...first, offset: next + (stand.lagRecords ?? 0) - 1 }];
  }));
  const lags = new Map(behind.map(({ stand }, index) => {
    const [first, newest] = [times[2 * index] ?? null, times[2 * index + 1] ?? null];
    return [stand, first === null || newest === null ? null : Math.max(0, newest - first)];
  }));
  return all.map(({ stand }) => ({ ...stand, lagMs: lags.get(stand) ?? stand.lagMs }));
}

interface Ends {
  readonly logStart: number;
  readonly visibleEnd: number;
}

/** By topic, of partition 0, 1, 2 …; a topic that is no more has none. */
async function endsOf(
  admin: Admin,
  topics: ReadonlySet<string>,
): Promise<Map<string, readonly Ends[]>> {
  const ends = new Map<string, readonly Ends[]>();
  if (topics.size === 0) return ends; // no names would be all topics
  for (const { name, partitions } of await admin.describeTopics([...topics])) {
    ends.set(name, partitions);
  }
  return ends;
}
