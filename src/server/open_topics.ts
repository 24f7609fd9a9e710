/**
 * The start of a shard: all that the catalogue holds is opened, so many partitions beside each
 * other, whichever topics they are of, that their syncs share the disk's flushes.
 *
 *     topics: a a a b c c …  ->  | a a a b | c c … |  ->  a topic is known when all of it is open
 *
 * Invariant: what is held beside the open partitions is of one group of them.
 */

import { CONNECTIONS_MIN, DESCRIPTORS_SPARE, OPEN_SEALED_MAX, OPENED_AT_ONCE } from "../limits.ts";
import { openPartitions } from "../log/open_partitions.ts";
import type { RecoveryOptions } from "../log/opened_log.ts";
import type { ManySyncs } from "../log/sync_group.ts";
import type { TopicStart } from "./messages.ts";
import type { Node } from "./node.ts";
import { TopicOpening } from "./open_topic.ts";
import type { RecoveryWatch } from "./recovery_watch.ts";

/** Throws StorageError: then the shard cannot start. */
export function openTopics(
  node: Node,
  topics: readonly TopicStart[],
  clean: boolean,
  watch: RecoveryWatch,
  syncs: ManySyncs,
): void {
  const scanned = (bytes: number) => watch.scanned(bytes);
  const openings = topics.map((topic) => new TopicOpening(node, topic, clean, scanned));
  const atOnce = openedAtOnce(node, watch.partitions);
  let first = 0;
  while (first < openings.length) {
    const wanted: RecoveryOptions[] = [];
    const counts: number[] = [];
    let next = first;
    while (next < openings.length && wanted.length < atOnce) {
      const options = openings[next]!.next(atOnce - wanted.length);
      counts.push(options.length);
      wanted.push(...options);
      next += 1;
    }
    const opened = openPartitions(node.store, wanted, syncs);
    watch.opened(opened.length);
    for (const count of counts) {
      const opening = openings[first]!;
      opening.take(opened.splice(0, count));
      if (!opening.finish()) break; // the rest of it comes with the next group
      first += 1;
    }
  }
}

/** As far as the descriptors reach that connections will have later. */
function openedAtOnce({ start }: Node, partitions: number): number {
  const left = start.descriptorsMax - partitions - OPEN_SEALED_MAX - DESCRIPTORS_SPARE;
  return Math.max(CONNECTIONS_MIN, Math.min(OPENED_AT_ONCE, left));
}
