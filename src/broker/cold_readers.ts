/**
 * The readers of a partition below its tail: where each of them stands, so that a request is known
 * as the next of one of them, and so that nothing is dropped that another one still wants. Hot.
 *
 * Invariant: at most COLD_READERS_MAX are remembered, and those besides that wait for the disk. A
 * reader that is forgotten loses its window and nothing else.
 */

import type { SharedFile } from "../base/file_slice.ts";
import type { Partition } from "../log/partition.ts";
import type { Segment } from "../log/segment.ts";
import { COLD_DROP_STEP, COLD_READER_IDLE_MS, COLD_READERS_MAX } from "../limits.ts";
import { ColdStream } from "./cold_stream.ts";
import type { TopicPartition } from "./topics.ts";

/** A walk to the batch of an offset may begin so far before it. */
const REREAD_SIZE = 65536;

/**
 * The reader whose next bytes begin at `position`; it may still stand at the end of an earlier
 * segment's file. Else one that is new, or was forgotten for it.
 */
export function readerAt(
  partition: TopicPartition,
  segment: Segment,
  file: SharedFile,
  position: number,
): ColdStream {
  const { readers } = partition;
  let oldest: ColdStream | null = null;
  for (let i = 0; i < readers.length; i += 1) {
    const stream = readers[i]!;
    if (stream.waiter !== null) continue;
    if (isNext(stream, file, position)) return stream;
    if (!stream.isIdle) continue;
    const isAtEnd = stream.next === stream.limit && stream.file !== file;
    if (isAtEnd && position === 0 && stream.baseOffset < segment.baseOffset) return stream;
    if (oldest === null || stream.usedMs < oldest.usedMs) oldest = stream;
  }
  if (oldest === null || readers.length < COLD_READERS_MAX) {
    const made = new ColdStream(file, segment.baseOffset, position);
    readers.push(made);
    return made;
  }
  oldest.restart(file, segment.baseOffset, position);
  return oldest;
}

function isNext(stream: ColdStream, file: SharedFile, position: number): boolean {
  if (stream.file !== file) return false;
  return position <= stream.next && position > stream.next - REREAD_SIZE;
}

/** Up to where a reader at `position` leaves bytes behind that no other reader will want soon. */
export function droppableEnd(
  partition: TopicPartition,
  stream: ColdStream,
  position: number,
  nowMs: number,
): number {
  const behind = Math.min(position, stream.loaded) - REREAD_SIZE;
  const end = Math.floor(behind / COLD_DROP_STEP) * COLD_DROP_STEP;
  for (let i = 0; i < partition.readers.length; i += 1) {
    const other = partition.readers[i]!;
    if (other === stream || nowMs - other.usedMs > COLD_READER_IDLE_MS) continue;
    if (other.baseOffset < stream.baseOffset) return 0;
    if (other.baseOffset === stream.baseOffset && other.next <= end) return 0;
  }
  return end;
}

/** Whether everything of the segment up to `position` is on disk: dirty pages are not dropped. */
export function isSynced(log: Partition, baseOffset: number, position: number): boolean {
  const { segment, position: durable } = log.durable;
  return baseOffset < segment.baseOffset ||
    (baseOffset === segment.baseOffset && position <= durable);
}
