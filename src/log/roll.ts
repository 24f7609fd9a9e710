/**
 * When a segment is full or old, and what a new one is made of. Hot.
 *
 * The jitter that spreads the rolls of many partitions is drawn from the name of the segment: the
 * same at every start, and no other source of chance is needed.
 */

import { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } from "../../ffi/constants.ts";
import { SharedFile } from "../base/file_slice.ts";
import { ErrorCodes } from "../format/errors.ts";
import { segmentFile } from "../format/file_names.ts";
import type { TopicConfig } from "../format/topic_config.ts";
import { FILE_MODE, openDirectory } from "./files.ts";
import { RELATIVE_OFFSET_MAX } from "./index_files.ts";
import type { Partition } from "./partition.ts";
import { Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";
import type { Unsynced } from "./unsynced.ts";

/** Whether a batch of `size` bytes that ends at offset `last` needs a new segment. */
export function mustRoll(
  config: TopicConfig,
  segment: Segment,
  staged: number,
  size: number,
  last: number,
): boolean {
  if (last - segment.baseOffset > RELATIVE_OFFSET_MAX) return true;
  return staged > 0 && staged + size > config.segmentBytes;
}

/** Whether a segment that holds something is older than the topic allows. */
export function isRollDue(
  config: TopicConfig,
  directory: string,
  segment: Segment,
  wallMs: number,
): boolean {
  const ageMs = wallMs - segment.firstAppendMs;
  if (ageMs < config.segmentMs - config.segmentJitterMs) return false;
  if (segment.jitterMs < 0) segment.jitterMs = jitterMs(config, directory, segment.baseOffset);
  return ageMs >= config.segmentMs - segment.jitterMs;
}

/** Begins a new segment when the active one is old enough, also when nothing is appended. */
export function rollIfDue(partition: Partition, wallMs: number): void {
  const { config, directory, active } = partition;
  if (partition.failure !== ErrorCodes.none || active.size === 0) return;
  if (isRollDue(config, directory, active, wallMs)) partition.roll();
}

function jitterMs(config: TopicConfig, directory: string, baseOffset: number): number {
  // As Kafka does: never all of the age, or each turn would begin a segment.
  const range = Math.min(config.segmentJitterMs, config.segmentMs);
  if (range === 0) return 0;
  let hash = baseOffset | 0;
  for (let i = 0; i < directory.length; i += 1) {
    hash = Math.imul(hash ^ directory.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) % range;
}

/**
 * An empty segment at `baseOffset`. Its directory entry is synced with the next sync of the
 * partition. Returns -errno when there is no such file to be had.
 */
export function createSegment(
  store: SegmentStore,
  directory: string,
  baseOffset: number,
  unsynced: Unsynced,
): Segment | number {
  const { libc, dataFd } = store;
  const directoryFd = unsynced.hasDirectory ? -1 : openDirectory(libc, dataFd, directory);
  if (directoryFd < 0 && !unsynced.hasDirectory) return directoryFd;
  const path = `${directory}/${segmentFile(baseOffset)}`;
  const fd = libc.openat(dataFd, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE);
  if (fd < 0) {
    if (directoryFd >= 0) libc.close(directoryFd);
    return fd;
  }
  if (directoryFd >= 0) unsynced.addDirectory(directoryFd);
  return new Segment(baseOffset, 0, new SharedFile(fd, store.closeFile));
}
