/**
 * New settings of a topic come into force, between two requests: batches of the old ones may be
 * staged, written, in a sync, and waited for.
 *
 *     fsync -> interval, os    who waits for a sync still gets it; the rest is visible at once
 *     os, interval -> fsync    what is written is synced; nothing above it is shown before its sync
 *
 * Invariant: what was answered, and what is still waited for, keeps the level of the day it came.
 */

import type { ConfigEntry, TopicConfig } from "../format/topic_config.ts";
import type { Broker } from "./broker.ts";
import type { Topic, TopicPartition } from "./topics.ts";

/** `settings` are what is set, `config` is what that makes of all of them. */
export function alterTopic(
  broker: Broker,
  topic: Topic,
  settings: readonly ConfigEntry[],
  config: TopicConfig,
  nowMs: number,
): void {
  const { durability } = topic.config;
  topic.settings = settings;
  Object.assign(topic.config, config);
  for (const partition of topic.partitions) {
    const { log } = partition;
    if (config.durability !== durability) changeLevel(broker, partition, nowMs);
    log.active.jitterMs = -1; // drawn anew
    broker.queueAttention(partition);
  }
}

function changeLevel(broker: Broker, partition: TopicPartition, nowMs: number): void {
  const { log } = partition;
  if (log.broken) return;
  log.levelChanged();
  broker.moved.push(partition);
  if (log.durable.offset === log.stagedEnd) return;
  broker.queueUnsynced(partition, nowMs);
  partition.syncDueMs = nowMs; // not when the new level would have it
}
