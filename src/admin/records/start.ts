/**
 * From where to read: what a request says becomes an offset for each of its partitions.
 *
 *     earliest | latest | 4711 | 2026-11-28T12:00:00Z | 0:4711,1:0@1a2b3c4d
 *
 * Invariant: whoever begins at the positions that are given here is told of no record that was
 * there and is gone: a position that is not in its partition, or of another topic of this name, is
 * an error, not another position.
 */

import { z } from "@hono/zod-openapi";
import type { Admin, TopicState } from "../../client/admin.ts";
import { BrokerError } from "../../client/errors.ts";
import { ErrorCodes } from "../../format/errors.ts";
import { HTTP_STREAM_PARTITIONS_MAX, PARTITIONS_PER_TOPIC_MAX } from "../../limits.ts";
import { HttpError } from "../problem.ts";
import { parsePositions, type Positions, type ToldPositions, topicTag } from "./positions.ts";

export type Start =
  | "earliest"
  | "latest"
  | { readonly offset: number }
  | { readonly timeMs: number }
  | ToldPositions;

/** Where a reader begins. */
export interface Begin {
  readonly positions: Map<number, number>;
  /** Of the topic; see positions.ts. */
  readonly tag: string;
  /** What the broker said of partition 0, 1, 2 … of the topic. */
  readonly partitions: TopicState["partitions"];
}

const TIME = z.iso.datetime({ offset: true });
/** The same for programs, of days that every month has. */
const NUMBER = "(0|[1-9]\\d{0,14})";
const PARTITION = "(0|[1-9]\\d{0,2}|10[01]\\d|102[0-3])";
const DAY = "\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\\d|2[0-8])";
const TIME_TEXT = `${DAY}T([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\dZ`;
const POSITIONS = `${PARTITION}:${NUMBER}(,${PARTITION}:${NUMBER})*(@[0-9a-f]{8})?`;
const MANY = `at most ${HTTP_STREAM_PARTITIONS_MAX}`;

/** `from` of a query. */
export const startText: z.ZodType<Start, string> = z.string().transform((text, context) => {
  const start = parseStart(text);
  if (start !== null) return start;
  const message = "earliest, latest, an offset, a time, or positions such as 0:4711,1:0";
  context.addIssue({ code: "custom", message });
  return z.NEVER;
}).openapi({
  type: "string",
  pattern: `^(earliest|latest|${NUMBER}|${TIME_TEXT}|${POSITIONS})$`,
  description: "`earliest`; `latest`; an offset, the same in every partition; a time (RFC 3339), " +
    "which means the first record that is as new; or `next` of an answer, `id` of an event.",
  example: "earliest",
}) as unknown as z.ZodType<Start, string>;

/** `partitions` of a query. */
export const partitionsText: z.ZodType<readonly number[], string> = z.string()
  .regex(/^(0|[1-9]\d{0,3})(,(0|[1-9]\d{0,3}))*$/, "numbers from 0, with commas between")
  .transform((text) => [...new Set(text.split(",").map(Number))].sort((a, b) => a - b))
  .refine((list) => list.length <= HTTP_STREAM_PARTITIONS_MAX, MANY)
  .refine((list) => list.at(-1)! < PARTITIONS_PER_TOPIC_MAX, "there are no such partitions")
  .openapi({
    type: "string",
    pattern: `^${PARTITION}(,${PARTITION})*$`,
    description: `Partitions, with commas between, ${MANY}. Default: all of the topic.`,
    example: "0,2",
  }) as unknown as z.ZodType<readonly number[], string>;

export function parseStart(text: string): Start | null {
  if (text === "earliest" || text === "latest") return text;
  if (/^(0|[1-9]\d{0,15})$/.test(text)) {
    const offset = Number(text);
    return Number.isSafeInteger(offset) ? { offset } : null;
  }
  if (TIME.safeParse(text).success) return { timeMs: Date.parse(text) };
  return parsePositions(text);
}

/**
 * The positions to begin at. Of positions that are given, partitions that they do not name begin
 * at their first record: they are new since. Throws BrokerError: no such topic or partition, or a
 * position that is not there; HttpError: positions of another topic or of other partitions, too
 * many partitions.
 */
export async function begin(
  admin: Admin,
  topic: string,
  wanted: readonly number[] | undefined,
  start: Start,
): Promise<Begin> {
  const [state] = await admin.describeTopics([topic]);
  if (state === undefined || state.error !== 0) {
    throw new BrokerError(state?.error ?? ErrorCodes.topic_not_found, topic);
  }
  const chosen = wanted ?? [...state.partitions.keys()];
  if (chosen.length > HTTP_STREAM_PARTITIONS_MAX) {
    const message = `${topic} has ${chosen.length} partitions: choose ${MANY}`;
    throw new HttpError("http_invalid_request", "", [{ at: "query.partitions", message }]);
  }
  const missing = chosen.find((partition) => state.partitions[partition] === undefined);
  if (missing !== undefined) throw noPartition(state, missing);
  const tag = topicTag(state.topicId);
  if (typeof start === "object" && "positions" in start) {
    if (start.tag !== null && start.tag !== tag) throw new HttpError("http_topic_replaced", topic);
    refuseOthers(start.positions, chosen);
  }
  const offsets = await Promise.all(chosen.map((partition) => {
    return offsetOf(admin, state, partition, start);
  }));
  const positions = new Map(chosen.map((partition, index) => [partition, offsets[index]!]));
  for (const [partition, offset] of positions) checkThere(state, partition, offset);
  return { positions, tag, partitions: state.partitions };
}

async function offsetOf(
  admin: Admin,
  { name, partitions }: TopicState,
  partition: number,
  start: Start,
): Promise<number> {
  const { logStart, visibleEnd } = partitions[partition]!;
  if (start === "earliest") return logStart;
  if (start === "latest") return visibleEnd;
  if ("offset" in start) return start.offset;
  if ("positions" in start) return start.positions.get(partition) ?? logStart;
  const { offset } = await admin.offsetForTime(name, partition, start.timeMs);
  return Math.max(logStart, offset);
}

function refuseOthers(positions: Positions, chosen: readonly number[]): void {
  const other = [...positions.keys()].find((partition) => !chosen.includes(partition));
  if (other === undefined) return;
  const message = `it names partition ${other}, which is not among those that are read`;
  throw new HttpError("http_invalid_request", "", [{ at: "query.from", message }]);
}

/** The end may have moved on since it was asked for; what is below it has not. */
function checkThere(state: TopicState, partition: number, offset: number): void {
  const { logStart, visibleEnd, logEnd } = state.partitions[partition]!;
  if (offset >= logStart && offset <= logEnd) return;
  const holds = `${state.name}-${partition} holds offsets ${logStart} to ${visibleEnd}`;
  throw new BrokerError(ErrorCodes.offset_out_of_range, `${offset}; ${holds}`);
}

function noPartition({ name, partitions }: TopicState, partition: number): BrokerError {
  const count = `${name} has ${partitions.length} partitions, from 0 on; not ${partition}`;
  return new BrokerError(ErrorCodes.partition_not_found, count);
}
