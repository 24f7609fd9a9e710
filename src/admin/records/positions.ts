/**
 * Where a reader is in the partitions of a topic: the offset of the next record of each. The same
 * text is `id` of an event, `Last-Event-ID`, `next` of an answer and `from` of a request.
 *
 *     0:4711,1:0,2:99
 *
 * Invariant: partitions stand there once each, in rising order, and numbers are written in one way
 * only; so two texts say the same when they are the same.
 */

import { HTTP_STREAM_PARTITIONS_MAX, PARTITIONS_PER_TOPIC_MAX } from "../../limits.ts";

/** Partition to offset, in the order of partitions. */
export type Positions = ReadonlyMap<number, number>;

const POSITION = /^(0|[1-9]\d{0,3}):(0|[1-9]\d{0,15})$/;

export function positionsText(positions: Positions): string {
  let text = "";
  for (const [partition, offset] of positions) {
    text += `${text === "" ? "" : ","}${partition}:${offset}`;
  }
  return text;
}

/** Null: the text is none. */
export function parsePositions(text: string): Map<number, number> | null {
  const positions = new Map<number, number>();
  const parts = text.split(",");
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
  return positions;
}
