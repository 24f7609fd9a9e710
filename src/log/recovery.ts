/**
 * Recovery of a partition: what lies in its directory becomes a list of segments and an end that is
 * on disk. After a clean stop the files are believed and the tail of the last one is walked.
 * After any other stop the recovery point divides the log:
 *
 *     log start            recovery point              end of the files
 *     |  size, last entry  | header walk | sync, drop the cache, scan  |
 *     |  bad: corrupt, nothing is cut    | bad: torn, cut there        |
 *
 * The sync and the drop come first: a whole batch found after a kill may never have been on disk,
 * and after a failed sync the page cache lies. Corrupt means that bytes once known to be on disk
 * are not right any more: they are kept for `repair`, the rest is served, nothing is appended.
 *
 * The last segment's sync and that of a cut are made beside other partitions'
 * (open_partitions.ts); a last segment that ends at the recovery point is spared its sync.
 *
 * Invariant: when what `begin` and `run` ask for is synced, everything below the end is a whole
 * batch and on disk, a second recovery finds the same, and no byte below the recovery point was
 * changed.
 */

import { segmentFile } from "../format/file_names.ts";
import { loadEpochs } from "./epoch_file.ts";
import { must, StorageError } from "./files.ts";
import { readIndexes, writeIndexes } from "./index_files.ts";
import { LeaderEpochs } from "./leader_epochs.ts";
import {
  type DamagedRange,
  type OpenedLog,
  PartitionKind,
  type RecoveryOptions,
  type RecoveryReport,
  UNKNOWN,
} from "./opened_log.ts";
import {
  createFirst,
  cutSegment,
  listPartition,
  openSegment,
  removeSegments,
  replaceAll,
  setAge,
  statSegment,
} from "./recovery_files.ts";
import { RecoveryScan } from "./recovery_scan.ts";
import { RecoverySyncs } from "./recovery_syncs.ts";
import { BAD, RecoveryWalk } from "./recovery_walk.ts";
import { replay } from "./replay.ts";
import type { Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";
import { SnapshotFiles } from "./snapshot_files.ts";
import type { SyncGroup } from "./sync_group.ts";
import { walkIndexes } from "./index_rebuild.ts";

export class Recovery {
  /** The files are as a clean stop leaves them; else their names may not be on disk either. */
  isWhole = false;
  readonly #store: SegmentStore;
  readonly #directory: string;
  readonly #options: RecoveryOptions;
  readonly #report: RecoveryReport;
  readonly #scan: RecoveryScan;
  readonly #walk: RecoveryWalk;
  readonly #syncs: RecoverySyncs;
  readonly #segments: Segment[] = [];
  readonly #damage: DamagedRange[] = [];
  /** Below it nothing is cut. */
  readonly #safe: number;
  readonly #isDense: boolean;
  /** What the directory holds. */
  #bases: number[] = [];
  #snapshots: readonly number[] = [];
  /** The last segment between `begin` and its turn in `run`. */
  #last: Segment | null = null;
  /** Offset after the last batch of the last segment. */
  #end = 0;
  #bytesAboveSafe = 0;

  constructor(store: SegmentStore, options: RecoveryOptions, report: RecoveryReport) {
    this.#store = store;
    this.#directory = options.directory;
    this.#options = options;
    this.#report = report;
    this.#scan = new RecoveryScan(store, options.progress);
    this.#syncs = new RecoverySyncs(store, options.directory);
    // A log start was on disk before anybody was told of it, and so was all below.
    this.#safe = Math.max(options.recoveryPoint, options.logStart, 0);
    this.#isDense = options.kind === PartitionKind.own;
    this.#walk = new RecoveryWalk(store, this.#scan, this.#isDense);
    const isTold = options.recoveryPoint !== UNKNOWN;
    this.#scan.allowsGaps = options.kind === PartitionKind.cleaned && !isTold;
  }

  /** Lists the files and asks for the syncs that `run` relies on. Throws StorageError. */
  begin(group: SyncGroup): void {
    this.#named(() => this.#begin(group));
  }

  /** Asks for the syncs that the log relies on. Throws StorageError. */
  run(group: SyncGroup): OpenedLog {
    return this.#named(() => this.#run(group));
  }

  /** Lets go of every file. */
  abandon(): void {
    if (this.#last !== null) this.#segments.push(this.#last);
    for (const segment of this.#segments) this.#store.drop(segment);
  }

  #named<T>(step: () => T): T {
    try {
      return step();
    } catch (error) {
      const isNameless = error instanceof StorageError && !error.message.includes(this.#directory);
      if (isNameless) error.message = `${this.#directory}: ${error.message}`;
      throw error;
    }
  }

  #begin(group: SyncGroup): void {
    const { logStart, clean } = this.#options;
    const { bases, snapshots } = listPartition(this.#store, this.#directory);
    const below = bases.findLastIndex((base) => base <= logStart);
    if (below > 0) removeSegments(this.#store, this.#directory, bases.splice(0, below));
    this.#bases = bases;
    this.#snapshots = snapshots;
    this.isWhole = clean && this.#openClean(bases);
    if (this.isWhole || bases.length === 0) return;
    this.#last = openSegment(this.#store, this.#directory, bases[bases.length - 1]!);
    if (this.#isSettled(this.#last)) this.#syncs.size(this.#last, group);
    else this.#syncs.ahead(this.#last, group);
  }

  /**
   * Whether the segment ends where the recovery point is, by its headers: all of it was on disk
   * when the point moved. An empty one has nothing to scan either.
   */
  #isSettled(last: Segment): boolean {
    if (last.size === 0) return true;
    const safe = this.#safe;
    if (safe !== this.#options.recoveryPoint || last.baseOffset >= safe) return false;
    readIndexes(this.#store, this.#directory, last);
    const position = this.#walk.to(last, Infinity, true);
    last.truncateIndexes(last.baseOffset, 0); // the scan tells them anew
    return position === last.size && this.#scan.expected === safe;
  }

  #run(group: SyncGroup): OpenedLog {
    if (!this.isWhole) this.#openUnclean(this.#bases);
    if (this.#last !== null) this.#store.drop(this.#last); // a cut before it
    this.#last = null;
    if (this.#segments.length === 0) this.#createFirst();
    this.#report.bytesScanned = this.#scan.bytesScanned;
    const files = new SnapshotFiles(this.#store, this.#directory, this.#snapshots);
    const log = this.#finish(this.isWhole ? this.#end : this.#safe, files);
    this.#syncs.settle(log.segments[log.segments.length - 1]!, group);
    return log;
  }

  /** After a clean stop. False, and no segment, when the files are not as one leaves them. */
  #openClean(bases: readonly number[]): boolean {
    const { recoveryPoint, logStart } = this.#options;
    if (bases.length === 0) return false;
    if (this.#isDense && logStart !== UNKNOWN && bases[0]! > logStart) return false;
    const last = openSegment(this.#store, this.#directory, bases[bases.length - 1]!);
    this.#segments.push(last);
    if (!readIndexes(this.#store, this.#directory, last)) walkIndexes(this.#store, last);
    const position = this.#walk.to(last, Infinity, true);
    const walked = this.#scan.expected;
    this.#end = this.#isDense ? walked : Math.max(walked, recoveryPoint);
    const isWhole = position === last.size;
    if (!isWhole || (recoveryPoint !== UNKNOWN && this.#end !== recoveryPoint)) {
      this.#store.drop(this.#segments.pop()!);
      return false;
    }
    last.unseenSize = last.size;
    const sealed = (base: number) => statSegment(this.#store, this.#directory, base);
    this.#segments.unshift(...bases.slice(0, -1).map(sealed));
    return true;
  }

  #openUnclean(bases: readonly number[]): void {
    const { kind, logStart, recoveryPoint, directory } = this.#options;
    const scan = this.#scan;
    scan.isDense = this.#isDense;
    scan.knows(this.#safe, loadEpochs(this.#store, directory)?.before(this.#safe) ?? Infinity);
    const isTold = logStart !== UNKNOWN && recoveryPoint !== UNKNOWN;
    scan.expected = isTold ? Math.min(logStart, bases[0] ?? logStart) : (bases[0] ?? 0);
    for (let i = 0; i < bases.length; i += 1) {
      const base = bases[i]!;
      const next = bases[i + 1] ?? Infinity;
      if (base !== scan.expected && !this.#acceptGap(base, i === 0)) {
        this.#report.stoppedAt = `${segmentFile(base)}: expected offset ${scan.expected}`;
        return this.#drop(bases.slice(i));
      }
      const isLast = next === Infinity;
      const segment = isLast ? this.#last! : openSegment(this.#store, directory, base);
      this.#sealLast();
      this.#segments.push(segment);
      if (isLast) this.#last = null;
      if (next <= this.#safe) {
        // Sealed last: the point may have passed it while its trimming was not on disk yet.
        if (next === this.#safe) this.#syncs.now(segment);
        this.#checkBelow(segment, next);
        continue;
      }
      const position = this.#syncAndFind(segment, next);
      if (position === BAD) continue;
      const isCopied = kind === PartitionKind.copied;
      const end = scan.run(segment, position, isCopied ? this.#safe : Infinity);
      this.#end = scan.expected;
      this.#bytesAboveSafe += end - position;
      if (end < segment.size && this.#trim(segment, end, next)) continue;
      if (end < segment.size && scan.expected < this.#safe) {
        this.#damaged(segment, end, next);
      } else if (end < segment.size || isCopied) {
        this.#cut(segment, end, isLast);
        return this.#drop(bases.slice(i + 1));
      }
    }
    this.#reachSafe();
  }

  /** Whether the log may go on at `base` although another offset is expected. */
  #acceptGap(base: number, isFirst: boolean): boolean {
    const { expected } = this.#scan;
    const mayFollow = isFirst || expected < this.#safe || this.#scan.allowsGaps;
    if (base < expected || !mayFollow) return false;
    // Whole segments may have been compacted away, but not across the recovery point.
    const isHole = this.#options.kind === PartitionKind.cleaned && base > this.#safe;
    if (this.#isDense || (isHole && !this.#scan.allowsGaps)) {
      this.#addDamage(expected, base, `offsets ${expected} to ${base - 1} have no file`);
    }
    this.#scan.expected = base;
    return true;
  }

  /** A segment below the recovery point: the headers behind its last index entry reach its end. */
  #checkBelow(segment: Segment, next: number): void {
    if (!readIndexes(this.#store, this.#directory, segment)) walkIndexes(this.#store, segment);
    const position = this.#walk.to(segment, Infinity, false);
    const { expected } = this.#scan;
    segment.unseenSize = segment.size;
    if (position === BAD && this.#trim(segment, this.#walk.badAt, next)) return;
    if (position !== segment.size || expected > next || (this.#isDense && expected < next)) {
      if (expected >= next) this.#scan.expected = this.#walk.lastBase;
      this.#damaged(segment, position === BAD ? this.#walk.badAt : position, next);
    }
    this.#scan.expected = next;
  }

  /**
   * Zeros written ahead of the log, behind the last record before the `next` segment's first:
   * nothing is missing. Its trimming had not reached the disk.
   */
  #trim(segment: Segment, end: number, next: number): boolean {
    if (this.#scan.expected !== next || !this.#scan.endsInZeros(segment, end)) return false;
    cutSegment(this.#store, segment, end);
    segment.endAt(end);
    segment.unseenSize = Math.min(segment.unseenSize, end);
    return true;
  }

  /**
   * A segment that reaches above the recovery point: it is synced, its cache dropped (the last one
   * was, if it had to be), and the batch before the recovery point found by its headers; BAD when
   * they are damaged. The scan begins with that batch: a wrong length there would move everything
   * behind it.
   */
  #syncAndFind(segment: Segment, next: number): number {
    if (next !== Infinity) this.#syncs.now(segment);
    if (segment.baseOffset >= this.#safe) return 0;
    readIndexes(this.#store, this.#directory, segment);
    const position = this.#walk.to(segment, this.#safe, true);
    segment.unseenSize = Math.max(position, 0);
    if (position !== BAD) return position;
    this.#damaged(segment, this.#walk.badAt, next);
    return BAD;
  }

  /** What follows `position` in this segment cannot be read: offsets up to the `next` one's. */
  #damaged(segment: Segment, position: number, next: number): void {
    const from = this.#scan.expected;
    // What follows may hold records above the log start, whatever was deleted before it.
    const known = Math.max(this.#safe, Math.max(from, this.#options.logStart) + 1);
    const to = next === Infinity ? known : next;
    segment.endAt(position);
    const name = segmentFile(segment.baseOffset);
    this.#addDamage(from, to, `${name} at ${position}: offsets ${from} to ${to - 1}`);
    this.#end = from;
    this.#scan.expected = to;
  }

  /** Records below the log start were deleted: they cannot be missed. */
  #addDamage(start: number, to: number, text: string): void {
    const from = Math.max(start, this.#options.logStart);
    if (from >= to) return;
    if (this.#damage.length === 0) this.#report.degraded = text;
    this.#damage.push({ from, to });
  }

  /** Where the files end below the recovery point, records that were on disk are gone. */
  #reachSafe(): void {
    const { expected } = this.#scan;
    if (expected >= this.#safe || this.#options.kind === PartitionKind.copied) return;
    const text = `the log ends at offset ${expected}, but all below ${this.#safe} was on disk`;
    this.#addDamage(expected, this.#safe, text);
  }

  /** Another segment follows: the last one may be closed. Its index files may be older. */
  #sealLast(): void {
    const last = this.#segments[this.#segments.length - 1];
    if (last === undefined) return;
    last.times!.mark();
    const isRight = last.indexWritten === last.index!.count &&
      last.timesWritten === last.times!.count;
    if (!isRight && this.#damage.length === 0) {
      const { libc } = this.#store;
      writeIndexes(this.#store, this.#directory, last, (fd) => {
        libc.fdatasync(fd); // where it fails, a later reader makes them anew
        libc.close(fd);
      });
    }
    this.#store.sealedIsSynced(last);
  }

  /** Torn: nothing above `end` was ever known to be on disk. A degraded log keeps every byte. */
  #cut(segment: Segment, end: number, isLast: boolean): void {
    this.#report.stoppedAt = this.#scan.stoppedAt;
    if (end === segment.size) return;
    if (this.#scan.endsInZeros(segment, end)) this.#report.zerosDropped = segment.size - end;
    this.#report.bytesDropped += segment.size - end;
    if (this.#damage.length === 0) this.#syncs.cut(segment, end, isLast);
    segment.endAt(end);
  }

  /** Segments behind the cut hold nothing that follows on it. */
  #drop(bases: readonly number[]): void {
    this.#reachSafe();
    if (bases.length === 0 || this.#damage.length > 0) return;
    this.#report.bytesDropped += removeSegments(this.#store, this.#directory, bases);
  }

  /** No segment: the partition is new, or its files are gone. */
  #createFirst(): void {
    const first = Math.max(this.#options.logStart, 0);
    this.#scan.expected = first;
    this.#reachSafe();
    this.#end = Math.max(first, this.#safe);
    this.#segments.push(createFirst(this.#store, this.#directory, this.#end));
  }

  /** `known`: up to here the log is as the last checkpoint knew it. */
  #finish(known: number, snapshots: SnapshotFiles): OpenedLog {
    const store = this.#store;
    const directory = this.#directory;
    const { logStart } = this.#options;
    const isDegraded = this.#damage.length > 0;
    if (!isDegraded && this.#end < logStart) {
      // All that is left was deleted. Its files were unlinked and came back with a power cut, and
      // what followed them had not reached the disk.
      replaceAll(store, directory, this.#segments, logStart);
      this.#end = logStart;
    }
    const segments = this.#segments;
    const first = segments[0]!.baseOffset;
    const end = isDegraded ? Math.max(this.#end, logStart) : this.#end;
    setAge(store, segments[segments.length - 1]!);
    if (!isDegraded) snapshots.removeAbove(end);
    const { producers, offset } = snapshots.load(Math.min(known, end), first);
    const loaded = loadEpochs(store, directory);
    const epochs = loaded ?? new LeaderEpochs();
    const before = epochs.entries;
    epochs.truncateAbove(end);
    const from = loaded === null ? first : offset;
    if (from < end) {
      must(replay(store, directory, segments, from, offset, producers, epochs), "read the log");
    }
    // Gaps were accepted because nothing was known: at the next start they are known.
    const whole = this.#scan.allowsGaps ? end : known;
    return {
      segments,
      logStart: isDegraded && logStart !== UNKNOWN ? logStart : Math.max(logStart, first),
      end,
      recoveryPoint: isDegraded ? this.#safe : Math.min(whole, end),
      bytesSinceCheckpoint: this.#bytesAboveSafe,
      epochs,
      epochsChanged: epochs.entries !== before,
      producers,
      snapshots,
      degraded: this.#report.degraded,
      damage: this.#damage,
    };
  }
}
