/** Where a group is to go on: an offset for each partition, from what was asked for. */

import { z } from "@hono/zod-openapi";
import type { Admin } from "../client/admin.ts";
import { BrokerError } from "../client/errors.ts";
import { ErrorCodes } from "../format/errors.ts";
import { PARTITIONS_PER_TOPIC_MAX } from "../limits.ts";
import { HttpError } from "./problem.ts";
import { topicName } from "./values.ts";

/** Where to: the first or the last record, an offset, a time, or so many records from here. */
export type ResetTarget =
  | "beginning"
  | "end"
  | { readonly offset: number }
  | { readonly time: string }
  | { readonly shift: number };

export interface ResetWanted {
  readonly topic: string;
  /** Absent: all of the topic. */
  readonly partitions?: readonly number[] | undefined;
  readonly to: ResetTarget;
  readonly dryRun: boolean;
}

export interface Move {
  readonly topic: string;
  readonly partition: number;
  /** Null: nothing was committed. */
  readonly before: number | null;
  readonly after: number;
}

const OFFSET_MAX = Number.MAX_SAFE_INTEGER;

export const resetWanted: z.ZodType<ResetWanted> = z.strictObject({
  topic: topicName,
  partitions: z.array(z.number().int().min(0).max(PARTITIONS_PER_TOPIC_MAX - 1))
    .min(1).max(PARTITIONS_PER_TOPIC_MAX).optional().describe("Without it, all of the topic."),
  to: z.union([
    z.enum(["beginning", "end"]),
    z.strictObject({ offset: z.number().int().min(0).max(OFFSET_MAX) }),
    z.strictObject({
      time: z.iso.datetime({ offset: true }).describe("To the first record that is as new."),
    }),
    z.strictObject({
      shift: z.number().int().min(-OFFSET_MAX).max(OFFSET_MAX)
        .describe("So many records on from what is committed; below zero: back."),
    }),
  ]),
  dryRun: z.boolean().default(false).describe("Say what would be committed, commit nothing."),
}).openapi("GroupReset") as unknown as z.ZodType<ResetWanted>;

/** Throws BrokerError: there is no such topic or partition; HttpError: nothing to shift from. */
export async function movesOf(admin: Admin, group: string, wanted: ResetWanted): Promise<Move[]> {
  const { topic, to } = wanted;
  const [state] = await admin.describeTopics([topic]);
  if (state === undefined || state.error !== 0) {
    throw new BrokerError(state?.error ?? ErrorCodes.topic_not_found, topic);
  }
  const partitions = [...new Set(wanted.partitions ?? state.partitions.keys())];
  const places = partitions.map((partition) => ({ topic, partition }));
  const committed = new Map(
    (await admin.groupOffsets(group, places)).map(({ partition, offset }) => [partition, offset]),
  );
  const moves: Move[] = [];
  for (const partition of partitions) {
    const ends = state.partitions[partition];
    if (ends === undefined) {
      throw new BrokerError(ErrorCodes.partition_not_found, `${topic}/${partition}`);
    }
    const before = committed.get(partition) ?? null;
    const offset = await targetOf(admin, { topic, partition, before, ...ends }, to);
    const after = Math.min(ends.visibleEnd, Math.max(ends.logStart, offset));
    moves.push({ topic, partition, before, after });
  }
  return moves;
}

interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly before: number | null;
  readonly logStart: number;
  readonly visibleEnd: number;
}

async function targetOf(admin: Admin, place: Place, to: ResetTarget): Promise<number> {
  const { topic, partition, before, logStart, visibleEnd } = place;
  if (to === "beginning") return logStart;
  if (to === "end") return visibleEnd;
  if ("offset" in to) return to.offset;
  if ("time" in to) {
    return (await admin.offsetForTime(topic, partition, Date.parse(to.time))).offset;
  }
  if (before !== null) return before + to.shift;
  const what = `nothing is committed for ${topic}/${partition}: there is nothing to shift from`;
  throw new HttpError("group_not_found", what);
}
