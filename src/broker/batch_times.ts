/**
 * When the records of a partition were made, by their offsets, and the last few answers: who asks
 * every few seconds where groups stand asks for the same offsets as long as they stand still, and
 * each is read from the log once.
 *
 *     | base | last | ms |  …   of the batches that were asked about last; the oldest gives way
 *
 * Invariant: an answer is what the log says now. The batches below the visible end never change,
 * and what is below the log start or not visible is not looked for.
 */

import type { ErrorCode } from "../format/errors.ts";
import { NO_TIME, timeOfOffset } from "../log/offset_time.ts";
import type { Partition } from "../log/partition.ts";
import type { COLD, PartitionReader } from "../log/read.ts";

/** The first record that each of a few groups has not read, and the newest one. */
const BATCHES = 4;
const FIELDS = 3;

export interface RecordMade {
  /** Milliseconds since 1970; NO_TIME: no visible record is there. */
  readonly timestampMs: number;
}

export class BatchTimes {
  readonly #batches: Float64Array = new Float64Array(FIELDS * BATCHES).fill(NO_TIME);
  #next = 0;

  /** COLD: it is neither remembered nor in the page cache, and the guard of `reader` is on. */
  find(
    reader: PartitionReader,
    log: Partition,
    offset: number,
  ): RecordMade | ErrorCode | typeof COLD {
    if (offset < log.logStart || offset >= log.visible.offset) return { timestampMs: NO_TIME };
    const batches = this.#batches;
    for (let at = 0; at < batches.length; at += FIELDS) {
      if (offset < batches[at]! || offset > batches[at + 1]!) continue;
      return { timestampMs: batches[at + 2]! };
    }
    const found = timeOfOffset(reader, log, offset);
    if (typeof found === "number" || found.timestampMs === NO_TIME) return found;
    batches[this.#next] = found.baseOffset;
    batches[this.#next + 1] = found.lastOffset;
    batches[this.#next + 2] = found.timestampMs;
    this.#next = (this.#next + FIELDS) % batches.length;
    return found;
  }
}
