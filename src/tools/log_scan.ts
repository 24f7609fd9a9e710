/**
 * Walks all segments of a partition, oldest first, and says where its log is not one.
 *
 *     expected  0      5          9                  14
 *               | batch | batch    | ?????? damage     | batch     offsets 9 to 13 are damaged
 *               | batch | batch    |                   | batch     gap: 9 to 13 are not there
 *
 * What recovery refuses is damage here too: a batch that is not whole, one below the offsets
 * before it, one of a lower epoch. A gap is no damage: compaction leaves them.
 *
 * It goes in steps, so that its caller can hear of a signal between them.
 *
 * Invariant: every byte of the segments is in exactly one batch or one damage.
 */

import { MiB } from "../base/units.ts";
import type { PartitionPlace, Root, SegmentPlace } from "./places.ts";
import { closeScan, openScan, type SegmentScan } from "./segment_scan.ts";

export interface Damage {
  readonly segment: SegmentPlace;
  /** Bytes [from, to) of the segment's file. */
  readonly from: number;
  to: number;
  readonly problem: string;
  /** The offset that was to come. */
  readonly expected: number;
  /** The first offset that is whole again, or null at the end of the log. */
  resumesAt: number | null;
}

export interface Gap {
  readonly segment: SegmentPlace;
  readonly position: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
}

export interface LogVisitor {
  segmentBegins(segment: SegmentPlace): void;
  /** A batch that follows on those before it; what it holds is valid during the call. */
  batch(segment: SegmentPlace, scan: SegmentScan): void;
  damage(damage: Damage): void;
  gap(gap: Gap): void;
  segmentEnds(segment: SegmentPlace): void;
}

export interface LogScanOptions {
  /** Batches from here on are not looked at: a running broker writes there. */
  readonly offsetEnd: number;
  readonly progress: (bytes: number) => void;
}

/** A step is so many bytes or batches: a small one that is compressed may be long to look at. */
const STEP_BYTES: number = 4 * MiB;
const STEP_BATCHES = 16;

/** Tells where a step ends. */
export class StepMeter {
  #bytesEnd = STEP_BYTES;
  #batches = 0;

  /** Call it for each batch; `position` only grows, or begins again in another segment. */
  isOver(position: number): boolean {
    this.#batches += 1;
    const isLong = position >= this.#bytesEnd;
    if (this.#batches < STEP_BATCHES && !isLong) return false;
    this.#batches = 0;
    this.#bytesEnd = position + STEP_BYTES;
    return true;
  }
}

/** Returns the offset of the next record. Throws StorageError. */
export function* scanLog(
  root: Root,
  partition: PartitionPlace,
  visitor: LogVisitor,
  options: LogScanOptions,
): Generator<void, number> {
  return yield* new LogScan(partition, visitor, options).run(root);
}

class LogScan {
  readonly #partition: PartitionPlace;
  readonly #visitor: LogVisitor;
  readonly #options: LogScanOptions;
  #expected: number;
  #epoch = -1;
  #damage: Damage | null = null;

  constructor(partition: PartitionPlace, visitor: LogVisitor, options: LogScanOptions) {
    this.#partition = partition;
    this.#visitor = visitor;
    this.#options = options;
    this.#expected = partition.segments[0]?.baseOffset ?? 0;
  }

  *run(root: Root): Generator<void, number> {
    const { segments } = this.#partition;
    for (let i = 0; i < segments.length; i += 1) {
      const segment = segments[i]!;
      if (this.#expected >= this.#options.offsetEnd && i > 0) break;
      this.#visitor.segmentBegins(segment);
      this.#skipTo(segment.baseOffset, segment, 0);
      const scan = openScan(root, segment, this.#options.progress);
      try {
        const isEnd = yield* this.#segment(segment, scan.scan);
        this.#endDamage(segments[i + 1]?.baseOffset ?? null);
        this.#visitor.segmentEnds(segment);
        if (isEnd) break;
      } finally {
        closeScan(root, scan);
      }
    }
    return this.#expected;
  }

  /** True when nothing behind it is to be looked at. */
  *#segment(segment: SegmentPlace, scan: SegmentScan): Generator<void, boolean> {
    const meter = new StepMeter();
    for (;;) {
      if (meter.isOver(scan.position)) yield;
      const step = scan.next();
      if (step === "end") return false;
      if (step === "bad") {
        if (this.#expected >= this.#options.offsetEnd) return true;
        const { position, problem } = scan;
        const size = scan.skipDamage(this.#expected);
        this.#addDamage(segment, position, position + size, problem);
        continue;
      }
      if (scan.baseOffset >= this.#options.offsetEnd) return true;
      const stale = this.#staleness(scan);
      if (stale !== "") this.#addDamage(segment, scan.position, scan.end, stale);
      else this.#whole(segment, scan);
    }
  }

  #staleness(scan: SegmentScan): string {
    if (scan.baseOffset < this.#expected) {
      return `a batch begins at offset ${scan.baseOffset} where ${this.#expected} was to come`;
    }
    if (scan.epoch < this.#epoch) {
      return `a batch is of epoch ${scan.epoch}, below ${this.#epoch} before it`;
    }
    return "";
  }

  #whole(segment: SegmentPlace, scan: SegmentScan): void {
    if (this.#damage !== null) this.#endDamage(scan.baseOffset);
    this.#skipTo(scan.baseOffset, segment, scan.position);
    this.#expected = scan.lastOffset + 1;
    this.#epoch = scan.epoch;
    this.#visitor.batch(segment, scan);
  }

  /** The log goes on at `offset`: what lies before it is a gap. */
  #skipTo(offset: number, segment: SegmentPlace, position: number): void {
    if (offset <= this.#expected) return;
    const firstOffset = this.#expected;
    this.#expected = offset;
    this.#visitor.gap({ segment, position, firstOffset, lastOffset: offset - 1 });
  }

  /** Damage that touches the damage before it is one. */
  #addDamage(segment: SegmentPlace, from: number, to: number, problem: string): void {
    if (this.#damage !== null) {
      this.#damage.to = to;
      return;
    }
    const expected = this.#expected;
    this.#damage = { segment, from, to, problem, expected, resumesAt: null };
  }

  #endDamage(resumesAt: number | null): void {
    const damage = this.#damage;
    if (damage === null) return;
    this.#damage = null;
    damage.resumesAt = resumesAt;
    if (resumesAt !== null) this.#expected = Math.max(this.#expected, resumesAt);
    this.#visitor.damage(damage);
  }
}
