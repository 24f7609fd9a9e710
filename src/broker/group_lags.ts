/**
 * How far a group is behind, in each of its topics: reckoned here, where all numbers are, because
 * metrics ask it of many groups again and again.
 *
 *     log start          committed              visible end
 *         |                  | first   newest |
 *                            |<-  lagRecords ->|      lagMs: from the time of first to newest
 */

import { NO_TIME } from "../log/offset_time.ts";
import { timeIn } from "./batch_times.ts";
import type { Broker } from "./broker.ts";
import type { Group } from "./offset_store.ts";
import type { TopicPartition } from "./topics.ts";

export interface TopicLag {
  readonly topic: string;
  /** Of all its partitions. */
  lagRecords: number;
  /** The longest of its partitions; NO_TIME: of none it is known. */
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
export function lagsOf({ topics, offsets }: Broker, group: Group, left: TimesLeft): TopicLag[] {
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
  for (const one of behind.slice(0, left.partitions)) addTime(one);
  left.partitions -= Math.min(behind.length, left.partitions);
  return lags.sort((a, b) => (a.topic < b.topic ? -1 : 1));
}

function addTime({ lag, partition, next, records }: Behind): void {
  const first = timeIn(partition, next);
  const newest = timeIn(partition, next + records - 1);
  if (typeof first === "number" || typeof newest === "number") return;
  if (first.timestampMs < 0 || newest.timestampMs < 0) return;
  lag.lagMs = Math.max(lag.lagMs, newest.timestampMs - first.timestampMs, 0);
}
