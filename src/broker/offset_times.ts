/** When records were made, by their places: as every door answers it. */

import { ErrorCodes } from "../format/errors.ts";
import { NO_TIME } from "../log/offset_time.ts";
import { timeIn } from "./batch_times.ts";
import type { Topics } from "./topics.ts";

export interface RecordPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** An error code or 0, and a time: -1 where no visible record is in that place. */
export interface RecordTime {
  readonly error: number;
  readonly timestamp: number;
}

export function findOffsetTime(topics: Topics, place: RecordPlace): RecordTime {
  const topic = topics.get(place.topic);
  if (topic === undefined) return { error: ErrorCodes.topic_not_found, timestamp: NO_TIME };
  const partition = topic.partitions[place.partition];
  if (partition === undefined) {
    return { error: ErrorCodes.partition_not_found, timestamp: NO_TIME };
  }
  const found = timeIn(partition, place.offset);
  if (typeof found === "number") return { error: found, timestamp: NO_TIME };
  return { error: ErrorCodes.none, timestamp: found.timestampMs };
}
