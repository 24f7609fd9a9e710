/** When records were made, by their places: as every door answers it. */

import { ErrorCodes } from "../format/errors.ts";
import { NO_TIME } from "../log/offset_time.ts";
import type { Broker } from "./broker.ts";
import { timeIn } from "./cold_times.ts";

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

/** storage_slow: it lies on the disk and is being read; who asks again gets it. */
export function findOffsetTime(broker: Broker, place: RecordPlace): RecordTime {
  const topic = broker.topics.get(place.topic);
  if (topic === undefined) return { error: ErrorCodes.topic_not_found, timestamp: NO_TIME };
  const partition = topic.partitions[place.partition];
  if (partition === undefined) {
    return { error: ErrorCodes.partition_not_found, timestamp: NO_TIME };
  }
  const found = timeIn(broker, partition, place.offset);
  if (typeof found === "number") return { error: found, timestamp: NO_TIME };
  return { error: ErrorCodes.none, timestamp: found.timestampMs };
}
