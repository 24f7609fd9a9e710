/**
 * The walk over headers below the recovery point: they are believed as far as each one is where
 * the one before it ends, and follows it in offset.
 *
 *     | batch | batch | batch |   position of an offset, or of the end
 *     | batch | ba##h |           BAD: one of the two at `badAt` lies
 *
 * Invariant: nothing is changed in the log, and no header behind a bad one is believed.
 */

import type { RecoveryScan } from "./recovery_scan.ts";
import { beginNear } from "./replay.ts";
import type { Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";
import { Walk } from "./walk.ts";

/** Instead of a position: a header is damaged. */
export const BAD = -1;

export class RecoveryWalk {
  /** Where the headers went wrong, and the offset of the one before: either lies. */
  badAt = 0;
  lastBase = 0;
  readonly #walk: Walk;
  readonly #scan: RecoveryScan;
  readonly #isDense: boolean;

  /** Sets what the scan expects behind what was walked. */
  constructor(store: SegmentStore, scan: RecoveryScan, isDense: boolean) {
    this.#walk = new Walk(store);
    this.#scan = scan;
    this.#isDense = isDense;
  }

  /**
   * Walks from the index entry before `offset` to the batch that reaches or follows it, or to the
   * end. The indexes of a segment that is appended to are `told` anew from there. Returns the
   * position, or BAD.
   */
  to(segment: Segment, offset: number, told: boolean): number {
    const walk = this.#walk;
    const scan = this.#scan;
    const base = segment.baseOffset;
    scan.expected = base;
    this.lastBase = base;
    if (segment.size === 0) return 0;
    const times = segment.times!;
    // What a time entry says holds up to its batch; from there on the headers must tell.
    if (told) times.truncate(offset - base);
    const { maxTimestamp, maxOffset } = times;
    let isConfirmed = !told || times.count === 0;
    const from = told ? Math.min(offset, base + (times.count === 0 ? 0 : maxOffset)) : offset;
    let code = beginNear(walk, segment, from);
    let position = code === 0 ? walk.position : 0;
    if (position > 0) scan.expected = walk.baseOffset;
    if (told) segment.truncateIndexes(scan.expected, position);
    this.lastBase = scan.expected;
    while (code === 0) {
      const { baseOffset, lastOffset } = walk;
      if (baseOffset < scan.expected || (this.#isDense && baseOffset > scan.expected)) {
        scan.expected = Math.max(this.lastBase, Math.min(baseOffset, scan.expected));
        break;
      }
      this.lastBase = baseOffset;
      isConfirmed ||= lastOffset === base + maxOffset && walk.maxTimestamp === maxTimestamp;
      const isThere = lastOffset + 1 >= offset;
      scan.expected = isThere ? baseOffset : lastOffset + 1;
      if (!isThere) {
        if (told) segment.batchAppended(lastOffset, position, walk.size, walk.maxTimestamp);
        position += walk.size;
      }
      if (isThere || walk.atEnd) return isConfirmed ? position : this.#anew(segment, offset);
      code = walk.next();
    }
    this.badAt = position;
    return BAD;
  }

  /** The time index names a batch that is not there: the whole segment tells. */
  #anew(segment: Segment, offset: number): number {
    segment.truncateIndexes(segment.baseOffset, 0);
    return this.to(segment, offset, true);
  }
}
