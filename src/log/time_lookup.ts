/**
 * From a time to an offset: the first record that is as new, exact to the record.
 *
 *     segments   | 0 | 1 | 2 |      whose highest timestamp is as new: 1
 *     time index       | e |        the last entry that is older: all up to its batch is older
 *     headers              | | |x   the first batch whose highest timestamp is as new
 *     records                  |r   the first of them, decompressed where it must be
 *
 * The highest timestamp of an uncompressed batch is what its records say (`checkProduced`), of a
 * compressed one what the producer says: one that says too little is passed by, as in Kafka. A
 * batch that cannot be decoded, or holds more than the bound, answers with its first offset and
 * its highest timestamp: that is never later than the record that was wanted.
 *
 * It reads through `GuardedReads`: what is not in the page cache is waited for between two steps.
 *
 * Invariant: what comes from an index file is used only after a look at the log
 * (`time_confirm.ts`), so that a damaged file costs time and changes no answer.
 */

import { assert } from "../base/assert.ts";
import type { ByteBlock } from "../base/bytes.ts";
import { CodecFailure, decompress } from "../codec/codec.ts";
import { BATCH_HEADER_SIZE, BatchAt, CODEC_MASK, crcFits, isBatchSize } from "../format/batch.ts";
import { type ErrorCode, ErrorCodes } from "../format/errors.ts";
import { RecordCursor } from "../format/record_cursor.ts";
import { BATCH_SIZE_MAX_LIMIT } from "../limits.ts";
import { readWhole } from "./files.ts";
import { GuardedReads } from "./guarded_reads.ts";
import { writeIndexes } from "./index_files.ts";
import type { Partition } from "./partition.ts";
import { COLD } from "./read.ts";
import { beginNear } from "./replay.ts";
import { NOT_RESIDENT } from "./residency.ts";
import type { Segment } from "./segment.ts";
import { confirmEntry, seeTail, WRONG } from "./time_confirm.ts";
import { NO_TIMESTAMP } from "./time_index.ts";
import { Walk } from "./walk.ts";

const APPEND_TIME_BIT = 0x08;
/**
 * What the blocks of one lookup may hold: as much as the largest batch that is not compressed. A
 * header may lie, so that many of them have to be opened.
 */
const RECORDS_SIZE_MAX = BATCH_SIZE_MAX_LIMIT;
/** The segment holds nothing from the offset on. */
const BEHIND = 2;
const NOWHERE = -1;

export interface TimedOffset {
  readonly offset: number;
  readonly timestamp: number;
}

/** `TimeLookup` in one step, for whoever may wait for the disk. */
export function offsetForTime(
  partition: Partition,
  timestampMs: number,
): TimedOffset | ErrorCode | null {
  const lookup = new TimeLookup(partition, timestampMs);
  lookup.reads.guard(null);
  const found = lookup.step();
  assert(found !== COLD, "what is not guarded is not missing");
  return found;
}

/**
 * The first record from the log start on, below the visible end, whose timestamp is `timestampMs`
 * or later. It goes on where it stood, whatever was appended or deleted since.
 */
export class TimeLookup {
  /** After COLD: what to read first. */
  readonly reads: GuardedReads;
  readonly #partition: Partition;
  readonly #timestampMs: number;
  readonly #walk: Walk;
  readonly #cursor: RecordCursor = new RecordCursor();
  #recordsLeft: number = RECORDS_SIZE_MAX;
  /** Of the segment that is searched: where it begins, and where its visible bytes end. */
  #base = 0;
  #limit = 0;
  /** All before it is older; NOWHERE: the indexes have to say where the search begins. */
  #position: number = NOWHERE;

  constructor(partition: Partition, timestampMs: number) {
    this.#partition = partition;
    this.#timestampMs = timestampMs;
    this.#walk = new Walk(partition.store);
    this.reads = new GuardedReads(this.#walk);
  }

  /** Null: there is none. An error code: the log cannot be read. COLD: again, when it can be. */
  step(): TimedOffset | ErrorCode | null | typeof COLD {
    const { segments, logStart, visible } = this.#partition;
    for (let at = 0; at < segments.length; at += 1) {
      const segment = segments[at]!;
      const { baseOffset } = segment;
      if (baseOffset >= visible.offset) break;
      const next = segments[at + 1];
      if (next !== undefined && next.baseOffset <= logStart) continue;
      if (baseOffset < this.#base) continue;
      if (baseOffset > this.#base) this.#position = NOWHERE;
      this.#base = baseOffset;
      const found = this.#search(segment);
      if (found !== null) return found;
      this.#base = baseOffset + 1;
      this.#position = NOWHERE;
    }
    return null;
  }

  #search(segment: Segment): TimedOffset | ErrorCode | null | typeof COLD {
    const { directory, visible } = this.#partition;
    this.#limit = segment === visible.segment ? visible.position : segment.size;
    if (this.#limit === 0 || this.#isOlder(segment)) return null;
    let code = this.reads.open(directory, segment);
    if (code === 0) {
      const isBegun = this.#position !== NOWHERE;
      code = isBegun ? this.#walk.begin(segment, this.#position) : this.#stand(segment);
    }
    return code === BEHIND ? null : this.#searchFrom(code);
  }

  /** Whether all records of the segment are known to be older. */
  #isOlder(segment: Segment): boolean {
    if (this.#timestampMs <= NO_TIMESTAMP || segment.unseenSize > 0) return false;
    return segment.maxTimestamp < this.#timestampMs;
  }

  /** Stands at a batch before which all is older: 0, BEHIND, NOT_RESIDENT or -errno. */
  #stand(segment: Segment): number {
    const { directory, logStart } = this.#partition;
    if (this.#mayTouchIndexes(segment)) {
      const seen = this.#seeTail(segment);
      if (seen < 0) return seen;
      if (this.#isOlder(segment)) return BEHIND;
    }
    let code = this.#standNear(segment);
    if (code === WRONG && this.#mayTouchIndexes(segment)) {
      code = this.reads.rebuild(directory, segment);
      if (code === 0) code = this.#standNear(segment);
    }
    return code === WRONG ? this.#standAt(segment, Math.max(logStart, segment.baseOffset)) : code;
  }

  /** What is staged is known to the indexes alone: then they are not made anew. */
  #mayTouchIndexes(segment: Segment): boolean {
    return segment !== this.#partition.active || !this.#partition.hasStaged;
  }

  /** Where the time index says that all is older, or nothing: what is behind its last entry? */
  #seeTail(segment: Segment): number {
    const times = segment.times!;
    if (segment.unseenSize === 0 || times.rank(this.#timestampMs) < times.count) return 0;
    const { store, directory, active } = this.#partition;
    const code = seeTail(this.reads, directory, segment);
    if (code < 0 || segment === active) return code;
    segment.times!.mark(); // as at its seal: the file was shorter
    writeIndexes(store, directory, segment);
    return code;
  }

  /** The same by the time index: it may be WRONG. */
  #standNear(segment: Segment): number {
    const { logStart, visible } = this.#partition;
    const times = segment.times!;
    const walk = this.#walk;
    let entry = times.rank(this.#timestampMs) - 1;
    while (entry >= 0 && segment.baseOffset + times.lastOffset(entry) >= visible.offset) entry -= 1;
    const older = entry < 0 ? -1 : segment.baseOffset + times.lastOffset(entry);
    if (older < logStart) return this.#standAt(segment, Math.max(logStart, segment.baseOffset));
    if (!times.isFromFile) return this.#standAt(segment, older + 1);
    const code = confirmEntry(walk, segment, entry);
    if (code !== 0) return code;
    return walk.position + walk.size >= this.#limit ? BEHIND : walk.next();
  }

  /** Stands at the first batch that ends at `offset` or above. */
  #standAt(segment: Segment, offset: number): number {
    const walk = this.#walk;
    let code = beginNear(walk, segment, offset);
    while (code === 0 && walk.lastOffset < offset) {
      if (walk.position + walk.size >= this.#limit) return BEHIND;
      code = walk.next();
    }
    return code;
  }

  /** From the batch where the walk stands, to which `code` is the way, to the end. */
  #searchFrom(code: number): TimedOffset | ErrorCode | null | typeof COLD {
    const walk = this.#walk;
    while (code === 0) {
      this.#position = walk.position;
      if (walk.maxTimestamp >= this.#timestampMs) {
        const found = this.#searchBatch();
        if (found !== null) return found;
      }
      if (walk.position + walk.size >= this.#limit) return null;
      code = walk.next();
      if (code === NOT_RESIDENT) this.#position = walk.missingPosition;
    }
    if (code !== NOT_RESIDENT) return ErrorCodes.storage_failed;
    if (this.reads.missing.file === null) this.reads.missHeader();
    return COLD;
  }

  /** The first record of the batch where the walk stands that is new enough, if there is one. */
  #searchBatch(): TimedOffset | ErrorCode | null | typeof COLD {
    const walk = this.#walk;
    const { logStart } = this.#partition;
    const whole = { offset: Math.max(walk.baseOffset, logStart), timestamp: walk.maxTimestamp };
    if ((walk.attributes & APPEND_TIME_BIT) !== 0) return whole;
    if (!isBatchSize(walk.size, BATCH_SIZE_MAX_LIMIT)) return whole;
    if (this.reads.holds(walk.segment, walk.position, walk.size) < 0) return COLD;
    const batch = this.#readBatch();
    if (batch === null) return ErrorCodes.storage_failed;
    if (!crcFits(batch, 0, walk.size) || !this.#openRecords(batch)) return whole;
    const cursor = this.#cursor;
    while (cursor.next()) {
      if (cursor.offset < logStart || cursor.timestampMs < this.#timestampMs) continue;
      return { offset: cursor.offset, timestamp: cursor.timestampMs };
    }
    return cursor.problem === "" ? null : whole;
  }

  #readBatch(): ByteBlock | null {
    const { libc } = this.#partition.store;
    const { segment, position, size } = this.#walk;
    const memory = libc.allocate(size);
    const read = readWhole(libc, segment.file!.fd, memory, 0, size, position);
    return read === size ? memory : null;
  }

  /** Sets the cursor before the first record. False where they cannot be had. */
  #openRecords(batch: ByteBlock): boolean {
    const { size } = this.#walk;
    const codec = batch.view.getUint16(BatchAt.attributes) & CODEC_MASK;
    const block = batch.bytes.subarray(BATCH_HEADER_SIZE, size);
    const records = decompress(codec, block, this.#recordsLeft);
    if (records instanceof CodecFailure) return false;
    this.#recordsLeft -= records.length;
    this.#cursor.open(batch, 0, records, 0, records.length);
    return true;
  }
}
