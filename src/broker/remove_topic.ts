/**
 * Removing a topic from a shard: everybody who waits for it is answered, its logs are closed as
 * they are, and nothing in the shard works on it any more. Its large files go in slices; all others
 * are main's from then on.
 *
 * Invariant: no answer of a removed partition is on its way afterwards; only syncs in flight may
 * still report, under its number.
 */

import { emptySlice } from "../base/file_slice.ts";
import { ErrorCodes } from "../format/errors.ts";
import { Level } from "../format/levels.ts";
import { unlinkLarge } from "../log/log_start.ts";
import type { AppendWaiters } from "./append_waiters.ts";
import type { Broker, Door } from "./broker.ts";
import { refuseLogStarts } from "./log_starts.ts";
import { refuseLookups } from "./offset_for_time.ts";
import { answer } from "./produce.ts";
import { endSubscriptions } from "./subscriptions.ts";
import type { TopicPartition } from "./topics.ts";

/** Below every end: what waits there was never reached. */
const NOTHING = -1;

/** Returns whether there was a topic of this name and id. */
export function removeTopic(broker: Broker, name: string, topicId: string, door: Door): boolean {
  if (broker.topics.get(name)?.topicId !== topicId) return false;
  for (const partition of broker.topics.remove(name)!.partitions) {
    unlinkLarge(partition.log); // while it is known who reads them
    partition.log.abandon();
    partition.log.store.disk.forget(partition.log);
    forget(broker, partition);
    broker.coldReads?.abandon(partition);
    refuseFetches(broker, partition, door);
    refuseLookups(broker, partition, ErrorCodes.topic_not_found, door);
    endSubscriptions(broker, partition, ErrorCodes.topic_not_found, door);
    refuseAppends(broker, partition, partition.writtenWaiters, door);
    refuseAppends(broker, partition, partition.durableWaiters, door);
    refuseLogStarts(partition, ErrorCodes.topic_not_found, door);
  }
  broker.offsets.forgetTopic(name);
  return true;
}

/** Takes the partition out of what the turn still has to do. */
function forget(broker: Broker, partition: TopicPartition): void {
  for (const list of [broker.appended, broker.unsynced, broker.moved, broker.attention]) {
    for (let at = list.indexOf(partition); at >= 0; at = list.indexOf(partition)) {
      list.splice(at, 1);
    }
  }
  partition.appendQueued = false;
  partition.syncQueued = false;
  partition.attentionQueued = false;
}

function refuseFetches(broker: Broker, partition: TopicPartition, door: Door): void {
  const slice = emptySlice();
  while (partition.firstWaiter !== null) {
    const waiter = partition.firstWaiter;
    const { slot, generation, correlation, handle } = waiter;
    broker.cancel(waiter);
    const error = ErrorCodes.topic_not_found;
    door.fetchDone(partition, slot, generation, correlation, handle, error, slice);
  }
}

function refuseAppends(
  broker: Broker,
  partition: TopicPartition,
  waiters: AppendWaiters,
  door: Door,
): void {
  waiters.refuseAbove(NOTHING, ErrorCodes.topic_not_found);
  answer(broker, partition, waiters, NOTHING, Level.none, door);
}
