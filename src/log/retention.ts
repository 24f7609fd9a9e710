/**
 * Retention of one partition: which log start its age and size ask for. Whole closed segments go,
 * oldest first; an active one that is too old is rolled, so that it can go at the next look.
 *
 *     | expired | expired | young | active |
 *     0         1000      2000 <- log start
 *
 * The age of a segment is that of its newest record: its highest timestamp, but no later than its
 * last append, so that timestamps from the future pin nothing, and nothing has to be read of what
 * was appended long ago. Where timestamps are older than their appends the log has to be looked at,
 * once per segment since the start (`Timestamps`); until then the segment counts as young.
 *
 * Invariant: a record goes by age only when its timestamp or its append is older than the topic
 * says, and only while the clock is trusted.
 */

import { ErrorCodes } from "../format/errors.ts";
import type { Partition } from "./partition.ts";
import type { Segment } from "./segment.ts";
import { NO_TIMESTAMP } from "./time_index.ts";

/** Who looks at the timestamps of segments, some time. */
export interface Timestamps {
  /** Whether the highest timestamp of `segment` is known, which nobody has seen yet. */
  look(partition: Partition, segment: Segment): boolean;
}

/** The log start that the topic's settings ask for: the present one or above. */
export function retentionStart(
  partition: Partition,
  timestamps: Timestamps,
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
    const isOld = (at: number) => isOlder(partition, segments[at]!, before, timestamps);
    while (first < closed && isOld(first)) first += 1;
    if (first === closed && isOld(closed)) partition.roll();
  }
  return Math.max(logStart, segments[first]!.baseOffset);
}

function isOlder(
  partition: Partition,
  segment: Segment,
  before: number,
  timestamps: Timestamps,
): boolean {
  if (segment.size === 0) return segment !== partition.active;
  if (segment.lastAppendMs < before) return true;
  if (segment.unseenSize > 0 && !timestamps.look(partition, segment)) return false;
  const { maxTimestamp, lastAppendMs } = segment;
  const newest = maxTimestamp === NO_TIMESTAMP ? lastAppendMs : maxTimestamp;
  return newest < before;
}
