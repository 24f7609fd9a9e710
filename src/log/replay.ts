/**
 * What a log's headers say about its producers and epochs, from an offset on. The rest of the way
 * from the last snapshot to the end of the log.
 *
 * Invariant: it reads headers only, and stops in a segment where one is damaged.
 */

import type { LeaderEpochs } from "./leader_epochs.ts";
import { lastSequence, type ProducerState } from "./producer_state.ts";
import { NOT_RESIDENT } from "./residency.ts";
import type { Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";
import { Walk } from "./walk.ts";

/** Calls `visit` for every batch that ends above `from`. Returns 0 or -errno. */
export function walkFrom(
  store: SegmentStore,
  directory: string,
  segments: readonly Segment[],
  from: number,
  visit: (walk: Walk) => void,
): number {
  const walk = new Walk(store);
  for (let i = 0; i < segments.length; i += 1) {
    const segment = segments[i]!;
    const next = segments[i + 1];
    if (next !== undefined && next.baseOffset <= from) continue;
    if (segment.size === 0) continue;
    const opened = store.open(directory, segment);
    if (opened < 0) return opened;
    let code = beginNear(walk, segment, from);
    while (code === 0) {
      if (walk.lastOffset >= from) visit(walk);
      if (walk.atEnd) break;
      code = walk.next();
    }
  }
  return 0;
}

/**
 * Stands at a batch at or before the one that holds `offset`: by the index, where its entry is
 * that of its batch, or else at the first one. Returns 0 or -errno.
 */
export function beginNear(walk: Walk, segment: Segment, offset: number): number {
  const index = segment.index!;
  const entry = index.rank(offset - segment.baseOffset) - 1;
  if (entry >= 0 && index.position(entry) < segment.size) {
    const code = walk.begin(segment, index.position(entry));
    if (code === NOT_RESIDENT) return code;
    const wanted = segment.baseOffset + index.lastOffset(entry);
    if (code === 0 && walk.lastOffset === wanted) return 0;
  }
  return walk.begin(segment, 0);
}

/** Brings producers and epochs from `from` to the end of the log. Returns 0 or -errno. */
export function replay(
  store: SegmentStore,
  directory: string,
  segments: readonly Segment[],
  from: number,
  producersFrom: number,
  producers: ProducerState,
  epochs: LeaderEpochs,
): number {
  const { wallMs } = store;
  return walkFrom(store, directory, segments, from, (walk) => {
    if (walk.leaderEpoch > epochs.latest) epochs.assign(walk.leaderEpoch, walk.baseOffset);
    const { producerId, baseOffset, lastOffset, baseSequence } = walk;
    // A transaction's marker has its producer's id and no sequence.
    if (producerId < 0 || baseSequence < 0 || baseOffset < producersFrom) return;
    const last = lastSequence(baseSequence, walk.lastOffsetDelta);
    const { producerEpoch } = walk;
    producers.append(producerId, producerEpoch, baseSequence, last, baseOffset, lastOffset, wallMs);
    producers.settle();
  });
}
