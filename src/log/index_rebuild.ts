/**
 * IndexRebuild: both indexes of a segment made anew from its headers, in as many steps as it takes:
 * a segment may hold a million of them, and lie on the disk.
 *
 *     headers  | seen: in the new indexes | next | …           size
 *     readers  wait, or go on by the old indexes; then the new ones take their place at once
 *
 * What is appended meanwhile is walked over too, before the last step ends.
 *
 * Invariant: the indexes are as appending and sealing would have made them. They end where a header
 * is damaged. What is only staged is not in them.
 */

import { OffsetIndex } from "./offset_index.ts";
import { NOT_RESIDENT } from "./residency.ts";
import type { Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";
import { TimeIndex } from "./time_index.ts";
import { Walk } from "./walk.ts";

export class IndexRebuild {
  readonly #segment: Segment;
  readonly #index: OffsetIndex = new OffsetIndex();
  readonly #times: TimeIndex = new TimeIndex();
  #position = 0;
  #lastOffset = -1;

  constructor(segment: Segment) {
    this.#segment = segment;
  }

  /**
   * Goes on with the open segment. Returns 0 when it has its new indexes, or NOT_RESIDENT as the
   * walk did.
   */
  step(walk: Walk): number {
    const segment = this.#segment;
    let code = 0;
    if (this.#position < segment.size) code = walk.begin(segment, this.#position);
    while (code === 0 && this.#position < segment.size) {
      this.#take(walk);
      if (!walk.atEnd) code = walk.next();
    }
    if (code === NOT_RESIDENT) return code;
    this.#end(code === 0);
    return 0;
  }

  #take(walk: Walk): void {
    this.#lastOffset = walk.lastOffset - this.#segment.baseOffset;
    this.#times.batchAppended(walk.maxTimestamp, this.#lastOffset);
    const isMarked = this.#index.batchAppended(this.#lastOffset, walk.position, walk.size);
    if (isMarked) this.#times.mark();
    this.#position = walk.position + walk.size;
  }

  #end(isWhole: boolean): void {
    const segment = this.#segment;
    const before = segment.times;
    this.#times.mark();
    // Entries that will be taken now may not know of what is staged: they are looked at again.
    this.#times.isFromFile = before !== null && before.toldOffset > this.#lastOffset;
    segment.index = this.#index;
    segment.times = this.#times;
    if (!isWhole) return;
    segment.maxTimestamp = Math.max(segment.maxTimestamp, this.#times.maxTimestamp);
    segment.unseenSize = 0;
  }
}

/** All at once, for whoever may wait for the disk. */
export function walkIndexes(store: SegmentStore, segment: Segment): void {
  new IndexRebuild(segment).step(new Walk(store));
}
