/**
 * Verifies one partition: its log batch by batch and record by record, and every other file of it
 * against the log.
 *
 * What damage means depends on what was known to be on disk. Below the recovery point
 * (everywhere, after a clean stop) it is corruption. Above it a tail that is not whole is what a
 * crash leaves: the next start cuts it. Whole batches behind it are more than a crash leaves, and
 * the next start would cut them too: that is damage again.
 *
 * Invariant: reads only.
 */

import { ENOENT } from "../../ffi/constants.ts";
import { readI64 } from "../base/bytes.ts";
import { BatchAt } from "../format/batch.ts";
import { RecordCursor } from "../format/record_cursor.ts";
import { readSmallFile, StorageError } from "../log/files.ts";
import type { Finding, Findings } from "./findings.ts";
import { type GapsAllowed, missingIn } from "./gaps.ts";
import { OffsetIndexCheck, TimeIndexCheck } from "./index_check.ts";
import { type Damage, type Gap, type LogVisitor, scanLog } from "./log_scan.ts";
import {
  FileKind,
  parseSegmentName,
  type PartitionPlace,
  type Root,
  segmentName,
  type SegmentPlace,
} from "./places.ts";
import { openRecords } from "./records.ts";
import type { SegmentScan } from "./segment_scan.ts";
import { EpochCheck, verifySnapshots } from "./side_files.ts";

const INT32_MAX = 2147483647;

/** What is known about a partition from outside its directory. */
export interface PartitionFacts {
  readonly gapsAllowed: GapsAllowed;
  /** A broker works in the directory. */
  readonly isRunning: boolean;
  /** The last broker stopped cleanly. */
  readonly isClean: boolean;
  /** Offset below which everything was known to be on disk; null where no checkpoint says it. */
  readonly recoveryPoint: number | null;
  readonly logStart: number | null;
}

export interface Totals {
  segments: number;
  batches: number;
  records: number;
  bytes: number;
}

/** Throws nothing that a file can cause: what cannot be read is a finding. */
export function* verifyPartition(
  root: Root,
  partition: PartitionPlace,
  facts: PartitionFacts,
  findings: Findings,
  totals: Totals,
  progress: (bytes: number) => void,
): Generator<void, void> {
  try {
    yield* new PartitionCheck(root, partition, facts, findings, totals).run(progress);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    const path = partition.directory;
    if (facts.isRunning && error.errno === ENOENT) {
      const text = "its broker removed a segment meanwhile: it was not looked at to its end";
      findings.add({ severity: "note", path, text, advice: "run it again" });
      return;
    }
    const text = `cannot be read on: ${error.message}`;
    findings.add({ severity: "unread", path, text, advice: "" });
  }
}

class PartitionCheck implements LogVisitor {
  readonly #root: Root;
  readonly #partition: PartitionPlace;
  readonly #facts: PartitionFacts;
  readonly #findings: Findings;
  readonly #totals: Totals;
  readonly #cursor: RecordCursor = new RecordCursor();
  readonly #damages: Damage[] = [];
  readonly #gaps: Gap[] = [];
  readonly #epochs: EpochCheck;
  #offsets: OffsetIndexCheck | null = null;
  #times: TimeIndexCheck | null = null;
  /** Batches whose header names another highest time than their records. */
  #lyingHeaders = 0;

  constructor(
    root: Root,
    partition: PartitionPlace,
    facts: PartitionFacts,
    findings: Findings,
    totals: Totals,
  ) {
    this.#root = root;
    this.#partition = partition;
    this.#facts = facts;
    this.#findings = findings;
    this.#totals = totals;
    this.#epochs = new EpochCheck(root, partition, findings);
  }

  *run(progress: (bytes: number) => void): Generator<void, void> {
    const { directory, segments, names } = this.#partition;
    if (segments.length === 0) this.#noSegments(names);
    const { isRunning, recoveryPoint } = this.#facts;
    const offsetEnd = isRunning ? recoveryPoint ?? 0 : Infinity;
    const end = yield* scanLog(this.#root, this.#partition, this, { offsetEnd, progress });
    const logEnd = isRunning ? Infinity : end;
    this.#tellDamages(end);
    this.#tellGaps(end);
    this.#checkpoints(end);
    this.#epochs.end(logEnd);
    verifySnapshots(this.#root, this.#partition, logEnd, this.#findings);
    if (this.#lyingHeaders > 0) {
      const text = `${this.#lyingHeaders} batches name another highest time than their records ` +
        "have: their producer wrote them so";
      this.#findings.add({ severity: "note", path: directory, text, advice: "" });
    }
  }

  segmentBegins(segment: SegmentPlace): void {
    this.#totals.segments += 1;
    this.#totals.bytes += segment.size;
    const { baseOffset } = segment;
    this.#offsets = null;
    this.#times = null;
    const offsets = this.#file(baseOffset, FileKind.index);
    const times = this.#file(baseOffset, FileKind.timeIndex);
    if (offsets !== null) {
      this.#offsets = new OffsetIndexCheck(offsets, this.#complain(baseOffset, FileKind.index));
    }
    if (times !== null) {
      this.#times = new TimeIndexCheck(times, this.#complain(baseOffset, FileKind.timeIndex));
    }
  }

  batch(segment: SegmentPlace, scan: SegmentScan): void {
    this.#totals.batches += 1;
    const lastOffset = scan.lastOffset - segment.baseOffset;
    if (lastOffset > INT32_MAX) {
      this.#add("damage", segment, scan, "it is too far from the first offset of its segment");
    }
    this.#epochs.batch(scan);
    const header = readI64(scan.block.view, scan.at + BatchAt.maxTimestamp);
    const highest = this.#records(segment, scan);
    if (highest !== null && highest !== header) this.#lyingHeaders += 1;
    this.#offsets?.batch(scan, lastOffset);
    this.#times?.batch(lastOffset, header, highest ?? header);
  }

  damage(damage: Damage): void {
    this.#damages.push(damage);
    this.#offsets?.skip(damage.to);
    const resumesAt = damage.resumesAt ?? Infinity;
    this.#times?.skip(resumesAt - 1 - damage.segment.baseOffset);
  }

  gap(gap: Gap): void {
    this.#gaps.push(gap);
  }

  segmentEnds(): void {
    if (this.#facts.isRunning) return; // the broker writes its indexes later than its log
    this.#offsets?.end();
    this.#times?.end();
  }

  /** Counts the records; returns their highest timestamp, or null where they cannot be walked. */
  #records(segment: SegmentPlace, scan: SegmentScan): number | null {
    const cursor = this.#cursor;
    let problem = openRecords(scan, cursor);
    let highest: number | null = null;
    if (problem === "") {
      while (cursor.next()) {
        this.#totals.records += 1;
        if (highest === null || cursor.timestampMs > highest) highest = cursor.timestampMs;
      }
      problem = cursor.problem;
    }
    if (problem === "") return highest;
    const text = `its checksum fits, but ${problem}: its producer sent it so`;
    this.#add("damage", segment, scan, text, "consumers fail here and must seek behind it");
    return null;
  }

  /** Everything below was on disk. */
  get #durable(): number {
    return this.#facts.isClean ? Infinity : this.#facts.recoveryPoint ?? 0;
  }

  #tellGaps(end: number): void {
    const durable = this.#durable;
    const { gapsAllowed: allowed, isRunning, logStart } = this.#facts;
    const repair = `look at sluice repair DIR ${this.#partition.directory}`;
    for (const gap of this.#gaps) {
      const offsets = missingIn(gap, { allowed, durable, logStart: logStart ?? 0 });
      if (offsets === null) continue;
      const isLost = isRunning || gap.firstOffset < durable;
      const text = isLost
        ? "not in the log: they were on disk and are gone"
        : "not in the log: the next start cuts it here and drops the offsets from " +
          `${offsets.last + 1} to ${end - 1}`;
      const advice = isLost ? repair : `first ${repair}`;
      const { segment, position } = gap;
      this.#findings.add({
        ...{ severity: "damage", path: segment.path, position, offsets, text, advice },
      });
    }
  }

  #tellDamages(end: number): void {
    const durable = this.#durable;
    const { directory } = this.#partition;
    const repair = `look at sluice repair DIR ${directory}`;
    for (const damage of this.#damages) {
      const { segment, from, to, problem, expected, resumesAt } = damage;
      const size = to - from;
      const lost = resumesAt === null ? null : { first: expected, last: resumesAt - 1 };
      const hasLost = lost !== null && lost.last >= lost.first;
      const base = {
        path: segment.path,
        position: from,
        ...(hasLost ? { offsets: lost } : {}),
      };
      const bytes = `${problem} (${size} bytes from offset ${expected} on)`;
      if (this.#facts.isRunning || expected < durable) {
        const why = this.#facts.isClean ? "after a clean stop" : "below the recovery point";
        this.#findings.add({
          ...base,
          severity: "damage",
          text: `${bytes}, ${why}: these bytes were on disk and are not what was written`,
          advice: repair,
        });
      } else if (resumesAt !== null) {
        const text = `${bytes}, and whole batches follow: the next start cuts the log here and ` +
          `drops the offsets from ${expected} to ${end - 1}`;
        this.#findings.add({ ...base, severity: "damage", text, advice: `first ${repair}` });
      } else {
        const text = `${bytes}: a tail that was not synced when the broker ended`;
        this.#findings.add({
          ...base,
          severity: "warning",
          text,
          advice: "the next start cuts it",
        });
      }
    }
  }

  #checkpoints(end: number): void {
    const { recoveryPoint, logStart, isRunning } = this.#facts;
    const path = this.#partition.directory;
    if (recoveryPoint !== null && recoveryPoint > end) {
      this.#findings.add({
        severity: "damage",
        path,
        offsets: { first: end, last: recoveryPoint - 1 },
        text: `missing: the recovery point ${recoveryPoint} says that they were on disk, the log ` +
          `ends at ${end}`,
        advice: "restore them from a copy",
      });
    }
    this.#front();
    if (!isRunning && logStart !== null && logStart > end) {
      const text = `the log start ${logStart} is behind the log end ${end}`;
      this.#findings.add({ severity: "warning", path, text, advice: "" });
    }
  }

  /** A log start is on disk before a file goes, so none may be missing behind it. */
  #front(): void {
    const { recoveryPoint, logStart, isRunning, gapsAllowed } = this.#facts;
    const { directory, segments } = this.#partition;
    const first = segments[0]?.baseOffset ?? 0;
    if (isRunning || recoveryPoint === null || logStart === null || logStart >= first) return;
    if (gapsAllowed !== "none") return;
    this.#findings.add({
      severity: "damage",
      path: directory,
      offsets: { first: logStart, last: first - 1 },
      text: `not in the log: it begins at ${first}, its log start is ${logStart}`,
      advice: `restore them from a copy, or look at sluice repair DIR ${directory}`,
    });
  }

  #noSegments(names: readonly string[]): void {
    const text = "it holds no segment";
    // A partition that was never written has none; index files without a log had one.
    const severity = names.some((name) => parseSegmentName(name) !== null) ? "warning" : "note";
    this.#findings.add({ severity, path: this.#partition.directory, text, advice: "" });
  }

  #file(baseOffset: number, kind: FileKind): Uint8Array | null {
    const path = `${this.#partition.directory}/${segmentName(baseOffset, kind)}`;
    try {
      return readSmallFile(this.#root.libc, this.#root.fd, path);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      const text = `cannot be read: ${error.message}`;
      this.#findings.add({ severity: "unread", path, text, advice: "" });
      return null;
    }
  }

  #complain(baseOffset: number, kind: FileKind): (position: number, text: string) => void {
    const path = `${this.#partition.directory}/${segmentName(baseOffset, kind)}`;
    const advice = "it is made anew from the log by sluice repair --rebuild";
    return (position, text) => {
      this.#findings.add({ severity: "warning", path, position, text, advice });
    };
  }

  #add(
    severity: Finding["severity"],
    segment: SegmentPlace,
    scan: SegmentScan,
    text: string,
    advice = "",
  ): void {
    this.#findings.add({
      severity,
      path: segment.path,
      position: scan.position,
      offsets: { first: scan.baseOffset, last: scan.lastOffset },
      text,
      advice,
    });
  }
}
