/**
 * How far a group is behind, in each of its topics: reckoned here, where all numbers are, because
 * metrics ask it of many groups again and again.
 *
 *     log start          committed              visible end
 *         |                  | first   newest |
 *                            |<-  lagRecords ->|      lagMs: from the time of first to newest
 */

import { ErrorCodes } from "../format/errors.ts";
import { NO_TIME } from "../log/offset_time.ts";
import type { Broker } from "./broker.ts";
import { timeIn } from "./cold_times.ts";
import type { Group } from "./offset_store.ts";
import type { TopicPartition } from "./topics.ts";

export interface TopicLag {
  readonly topic: string;
  /** Of all its partitions. */
  lagRecords: number;
  /** The longest of its partitions; NO_TIME: known of none, or one has to be read first. */
  lagMs: number;
}

interface Behind {
  readonly lag: TopicLag;
  readonly partition: TopicPartition;
  /** The first record that is not read and still there. */
  readonly next: number;
  readonly records: number;
}

/** How many partitions may still be looked up in the log. */
export interface TimesLeft {
  partitions: number;
}

/** By topic; what is no more is left out. Times are those of the partitions furthest behind. */
export function lagsOf(broker: Broker, group: Group, left: TimesLeft): TopicLag[] {
  const { topics, offsets } = broker;
  const lags: TopicLag[] = [];
  const behind: Behind[] = [];
  for (const [topic, entries] of group.topics) {
    const partitions = topics.get(topic)?.partitions ?? [];
    const lag: TopicLag = { topic, lagRecords: 0, lagMs: NO_TIME };
    let isThere = false;
    for (const index of entries.keys()) {
      const commit = offsets.committed(group.name, { topic, partition: index });
      const partition = partitions[index];
      if (commit === null || partition === undefined) continue;
      isThere = true;
      const next = Math.max(commit.offset, partition.log.logStart);
      const records = Math.max(0, partition.log.visible.offset - next);
      lag.lagRecords += records;
      if (records > 0) behind.push({ lag, partition, next, records });
      else lag.lagMs = Math.max(0, lag.lagMs);
    }
    if (isThere) lags.push(lag);
  }
  if (behind.length > left.partitions) behind.sort((a, b) => b.records - a.records);
  const cold = behind.slice(0, left.partitions).filter((one) => !addTime(broker, one));
  for (const { lag } of cold) lag.lagMs = NO_TIME; // what is known may not be the longest
  left.partitions -= Math.min(behind.length, left.partitions);
  return lags.sort((a, b) => (a.topic < b.topic ? -1 : 1));
}

/** False: its times lie on the disk, and are being read for who asks again. */
function addTime(broker: Broker, { lag, partition, next, records }: Behind): boolean {
  const first = timeIn(broker, partition, next);
  const newest = timeIn(broker, partition, next + records - 1);
  if (first === ErrorCodes.storage_slow || newest === ErrorCodes.storage_slow) return false;
  if (typeof first === "number" || typeof newest === "number") return true;
  if (first.timestampMs < 0 || newest.timestampMs < 0) return true;
  lag.lagMs = Math.max(lag.lagMs, newest.timestampMs - first.timestampMs, 0);
  return true;
}
