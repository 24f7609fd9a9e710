/**
 * What a repair must know of a partition: where its log stops being one, and what its indexes and
 * epochs are, made anew from the batches before.
 *
 * Invariant: everything here is of the whole batches before the first damage; what lies behind it
 * is dropped by a repair and has no part in it.
 */

import { type ByteBlock, heapBlock, readI64 } from "../base/bytes.ts";
import { BatchAt } from "../format/batch.ts";
import type { EpochEntry } from "../format/checkpoint.ts";
import { RecordCursor } from "../format/record_cursor.ts";
import { readSmallFile } from "../log/files.ts";
import { OffsetIndex } from "../log/offset_index.ts";
import { TimeIndex } from "../log/time_index.ts";
import { OffsetIndexCheck, TimeIndexCheck } from "./index_check.ts";
import { offsetsText } from "./findings.ts";
import { type GapRules, missingIn } from "./gaps.ts";
import { type Damage, type Gap, type LogVisitor, scanLog } from "./log_scan.ts";
import {
  FileKind,
  type PartitionPlace,
  type Root,
  segmentName,
  type SegmentPlace,
} from "./places.ts";
import { openRecords } from "./records.ts";
import type { SegmentScan } from "./segment_scan.ts";

/** A file whose content is to be replaced. */
export interface NewContent {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export class RepairScan implements LogVisitor {
  /** The first damage, or the first offsets that are missing and should not; or null. */
  firstDamage: Damage | null = null;
  /** Offset behind the last whole batch before the damage. */
  end = 0;
  /** Offset behind the last whole batch at all. */
  endBehindDamage = 0;
  /** The epochs of the batches, by their first offset. */
  readonly epochs: EpochEntry[] = [];
  /** Index files that do not fit their segment, and those of the segment that is cut. */
  readonly indexes: NewContent[] = [];
  readonly #root: Root;
  readonly #partition: PartitionPlace;
  readonly #gapRules: GapRules;
  readonly #cursor: RecordCursor = new RecordCursor();
  #offsets: OffsetIndex = new OffsetIndex();
  #times: TimeIndex = new TimeIndex();
  #offsetsCheck: OffsetIndexCheck | null = null;
  #timesCheck: TimeIndexCheck | null = null;
  #offsetsWrong = false;
  #timesWrong = false;

  constructor(root: Root, partition: PartitionPlace, gapRules: GapRules) {
    this.#root = root;
    this.#partition = partition;
    this.#gapRules = gapRules;
  }

  /** The segment in which the damage begins does not follow on the one before: it goes whole. */
  get dropsSegment(): boolean {
    const damage = this.firstDamage;
    return damage !== null && damage.expected < damage.segment.baseOffset;
  }

  /** Throws StorageError. */
  *run(progress: (bytes: number) => void): Generator<void, void> {
    this.end = this.#partition.segments[0]?.baseOffset ?? 0;
    const options = { offsetEnd: Infinity, progress };
    this.endBehindDamage = yield* scanLog(this.#root, this.#partition, this, options);
  }

  segmentBegins(segment: SegmentPlace): void {
    if (this.firstDamage !== null) return;
    this.#offsets = new OffsetIndex();
    this.#times = new TimeIndex();
    const offsets = this.#file(segment, FileKind.index);
    const times = this.#file(segment, FileKind.timeIndex);
    this.#offsetsWrong = false;
    this.#timesWrong = false;
    this.#offsetsCheck = offsets === null
      ? null
      : new OffsetIndexCheck(offsets, () => this.#offsetsWrong = true);
    this.#timesCheck = times === null
      ? null
      : new TimeIndexCheck(times, () => this.#timesWrong = true);
  }

  batch(segment: SegmentPlace, scan: SegmentScan): void {
    if (this.firstDamage !== null) return;
    this.end = scan.lastOffset + 1;
    const epoch = this.epochs[this.epochs.length - 1]?.epoch ?? -1;
    if (scan.epoch > epoch) this.epochs.push({ epoch: scan.epoch, startOffset: scan.baseOffset });
    const lastOffset = scan.lastOffset - segment.baseOffset;
    const header = readI64(scan.block.view, scan.at + BatchAt.maxTimestamp);
    const highest = this.#highestTimestamp(scan) ?? header;
    this.#offsetsCheck?.batch(scan, lastOffset);
    this.#timesCheck?.batch(lastOffset, header, highest);
    this.#times.batchAppended(highest, lastOffset);
    const before = this.#offsets.count;
    this.#offsets.batchAppended(lastOffset, scan.position, scan.size);
    if (this.#offsets.count > before) this.#times.mark();
  }

  damage(damage: Damage): void {
    this.firstDamage ??= damage;
  }

  gap(gap: Gap): void {
    if (this.firstDamage !== null) return;
    const missing = missingIn(gap, this.#gapRules);
    if (missing === null) {
      this.end = gap.lastOffset + 1;
      return;
    }
    this.firstDamage = {
      segment: gap.segment,
      from: gap.position,
      to: gap.position,
      problem: `${offsetsText(missing.first, missing.last)} are not in the log`,
      expected: gap.firstOffset,
      resumesAt: gap.lastOffset + 1,
    };
  }

  segmentEnds(segment: SegmentPlace): void {
    const isCut = this.firstDamage?.segment === segment && !this.dropsSegment;
    if (this.firstDamage !== null && !isCut) return;
    this.#offsetsCheck?.end();
    this.#timesCheck?.end();
    this.#times.mark();
    if (this.#offsetsWrong || (isCut && this.#offsetsCheck !== null)) {
      this.#replace(segment, FileKind.index, this.#offsets);
    }
    if (this.#timesWrong || (isCut && this.#timesCheck !== null)) {
      this.#replace(segment, FileKind.timeIndex, this.#times);
    }
  }

  #replace(
    segment: SegmentPlace,
    kind: FileKind,
    index: { readonly encodedSize: number; encode(view: DataView): void },
  ): void {
    const block: ByteBlock = heapBlock(index.encodedSize);
    index.encode(block.view);
    const path = `${this.#partition.directory}/${segmentName(segment.baseOffset, kind)}`;
    this.indexes.push({ path, bytes: block.bytes });
  }

  /** Of the records, because the header of a batch may lie; null where they cannot be walked. */
  #highestTimestamp(scan: SegmentScan): number | null {
    if (openRecords(scan, this.#cursor) !== "") return null;
    let highest: number | null = null;
    while (this.#cursor.next()) {
      const { timestampMs } = this.#cursor;
      if (highest === null || timestampMs > highest) highest = timestampMs;
    }
    return this.#cursor.problem === "" ? highest : null;
  }

  #file(segment: SegmentPlace, kind: FileKind): Uint8Array | null {
    const path = `${this.#partition.directory}/${segmentName(segment.baseOffset, kind)}`;
    return readSmallFile(this.#root.libc, this.#root.fd, path);
  }
}
