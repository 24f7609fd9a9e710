/**
 * Where a reader is in the partitions of a topic: the offset of the next record of each. The same
 * text is `id` of an event, `Last-Event-ID`, `next` of an answer and `from` of a request.
 *
 *     0:4711,1:0,2:99@1a2b3c4d
 *                    of which topic: the begin of its id
 *
 * A topic that was deleted and made anew has offsets of its own, which say nothing of the old one.
 * What we write has the tag; who writes positions by hand may leave it out.
 *
 * Invariant: partitions stand there once each, in rising order, and numbers are written in one way
 * only; so two texts say the same when they are the same.
 */

import { HTTP_STREAM_PARTITIONS_MAX, PARTITIONS_PER_TOPIC_MAX } from "../../limits.ts";

/** Partition to offset, in the order of partitions. */
export type Positions = ReadonlyMap<number, number>;

/** Positions as a text says them. */
export interface ToldPositions {
  readonly positions: Map<number, number>;
  /** Of their topic; null: the text does not say. */
  readonly tag: string | null;
}

const TAG_LENGTH = 8;
const TAGGED = /^([^@]*)@([0-9a-f]{8})$/;
const POSITION = /^(0|[1-9]\d{0,3}):(0|[1-9]\d{0,15})$/;

/** Two topics of a name have the same one once in four billion times. */
export function topicTag(topicId: string): string {
  return topicId.slice(0, TAG_LENGTH);
}

export function positionsText(positions: Positions, tag: string): string {
  let text = "";
  for (const [partition, offset] of positions) {
    text += `${text === "" ? "" : ","}${partition}:${offset}`;
  }
  return `${text}@${tag}`;
}

/** The same text around the offset of one partition, which is all that a record of it changes. */
export function positionsAround(
  positions: Positions,
  tag: string,
  partition: number,
): readonly [before: string, behind: string] {
  let before = "";
  let behind = "";
  for (const [other, offset] of positions) {
    if (other < partition) before += `${other}:${offset},`;
    if (other > partition) behind += `,${other}:${offset}`;
  }
  return [`${before}${partition}:`, `${behind}@${tag}`];
}

/** Adds a partition that the topic was given since, at its place in the order of partitions. */
export function addPartition(
  positions: Map<number, number>,
  partition: number,
  offset: number,
): void {
  const behind = [...positions].filter(([other]) => other > partition);
  for (const [other] of behind) positions.delete(other);
  positions.set(partition, offset);
  for (const [other, at] of behind) positions.set(other, at);
}

/** Null: the text is none. */
export function parsePositions(text: string): ToldPositions | null {
  const positions = new Map<number, number>();
  const [, untagged = text, tag = null] = TAGGED.exec(text) ?? [];
  const parts = untagged.split(",");
  if (parts.length > HTTP_STREAM_PARTITIONS_MAX) return null;
  let last = -1;
  for (const part of parts) {
    const [, partitionText, offsetText] = POSITION.exec(part) ?? [];
    const partition = Number(partitionText ?? NaN);
    const offset = Number(offsetText ?? NaN);
    const isSound = partition > last && partition < PARTITIONS_PER_TOPIC_MAX &&
      Number.isSafeInteger(offset);
    if (!isSound) return null;
    positions.set(partition, offset);
    last = partition;
  }
  return { positions, tag };
}
