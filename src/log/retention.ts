/**
 * Retention of one partition: which log start its age and size ask for. Whole closed segments go,
 * oldest first; an active one that is too old is rolled, so that it can go at the next look.
 *
 *     | expired | expired | young | active |
 *     0         1000      2000 <- log start
 *
 * The age of a segment is that of its newest record: its highest timestamp, but no later than its
 * last append, so that timestamps from the future pin nothing. An index is no evidence about the
 * log, so the timestamps come from the headers: some hundred at a look, once per segment.
 *
 * Invariant: a record goes by age only when its timestamp or its append is older than the topic
 * says, and only while the clock is trusted.
 */

import { ErrorCodes } from "../format/errors.ts";
import type { Partition } from "./partition.ts";
import type { Segment } from "./segment.ts";
import { NO_TIMESTAMP } from "./time_index.ts";
import type { Walk } from "./walk.ts";

const HEADERS_PER_LOOK = 256;

/** The log start that the topic's settings ask for: the present one or above. */
export function retentionStart(
  partition: Partition,
  walk: Walk,
  wallMs: number,
  isClockTrusted: boolean,
): number {
  const { config, segments, logStart } = partition;
  if (!config.cleanupDelete || partition.failure !== ErrorCodes.none) return logStart;
  const closed = segments.length - 1;
  let bytes = segments.reduce((sum, segment) => sum + segment.size, 0);
  let first = 0;
  while (first < closed && bytes - segments[first]!.size >= config.retentionBytes) {
    bytes -= segments[first]!.size;
    first += 1;
  }
  if (isClockTrusted && config.retentionMs !== Infinity) {
    const before = wallMs - config.retentionMs;
    while (first < closed && isOlder(partition, segments[first]!, before, walk)) first += 1;
    if (first === closed && isOlder(partition, partition.active, before, walk)) partition.roll();
  }
  return Math.max(logStart, segments[first]!.baseOffset);
}

function isOlder(partition: Partition, segment: Segment, before: number, walk: Walk): boolean {
  if (segment.size === 0) return segment !== partition.active;
  if (!hasSeenAll(partition, segment, walk)) return false;
  const { maxTimestamp, lastAppendMs } = segment;
  const newest = maxTimestamp === NO_TIMESTAMP ? lastAppendMs : maxTimestamp;
  return Math.min(newest, lastAppendMs) < before;
}

/** Goes on looking at headers. A segment with a damaged one does not expire. */
function hasSeenAll(partition: Partition, segment: Segment, walk: Walk): boolean {
  if (segment.unseenSize === 0) return true;
  if (partition.store.open(partition.directory, segment) < 0) return false;
  let code = walk.begin(segment, segment.seenSize);
  for (let seen = 0; seen < HEADERS_PER_LOOK && code === 0; seen += 1) {
    if (walk.maxTimestamp > segment.maxTimestamp) segment.maxTimestamp = walk.maxTimestamp;
    segment.seenSize = walk.position + walk.size;
    if (segment.seenSize >= segment.unseenSize) {
      segment.unseenSize = 0;
      return true;
    }
    code = walk.next();
  }
  return false;
}
