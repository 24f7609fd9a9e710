/**
 * The highest epoch and producer id of a partition and its end, without reading its whole log:
 * epochs never fall, so the last segment and the checkpoint have the highest; producers that still
 * write are in the snapshots and in the last segment.
 */

import { readI64 } from "../base/bytes.ts";
import { BATCH_HEADER_SIZE, BATCH_MAGIC, BatchAt, batchBaseOffset } from "../format/batch.ts";
import { parseEpochs } from "../format/checkpoint.ts";
import { LEADER_EPOCH_FILE } from "../format/file_names.ts";
import { must, readSmallFile, readWhole } from "../log/files.ts";
import {
  FileKind,
  openFile,
  parseSegmentName,
  type PartitionPlace,
  readText,
  type Root,
  type SegmentPlace,
  ToolError,
} from "./places.ts";
import { closeScan, openScan } from "./segment_scan.ts";
import { blockOf, snapshotEntries } from "./side_files.ts";

export interface LastOfPartition {
  /** -1 where there is none. */
  epoch: number;
  producerId: number;
  /** Offset of the next record. */
  end: number;
  /** Offsets are missing between batches, or within one. */
  hasGaps: boolean;
  /** What is not right, for people, or nothing. */
  problem: string;
}

/** Throws ToolError for batches of an old format, and StorageError. */
export function lastOfPartition(root: Root, place: PartitionPlace): LastOfPartition {
  const last = { epoch: -1, producerId: -1, end: 0, hasGaps: false, problem: "" };
  const epochs = parseEpochs(readText(root, `${place.directory}/${LEADER_EPOCH_FILE}`) ?? "");
  for (const { epoch } of epochs ?? []) last.epoch = Math.max(last.epoch, epoch);
  for (const name of place.names) {
    if (parseSegmentName(name)?.kind !== FileKind.snapshot) continue;
    const bytes = readSmallFile(root.libc, root.fd, `${place.directory}/${name}`);
    for (const { producerId } of snapshotEntries(blockOf(bytes ?? new Uint8Array(0)))) {
      last.producerId = Math.max(last.producerId, producerId);
    }
  }
  const full = place.segments.filter(({ size }) => size > 0);
  for (const segment of full) readFirstHeader(root, segment, last);
  const newest = full[full.length - 1];
  if (newest !== undefined) scanSegment(root, newest, last);
  // One that is still empty is named by the offset of the next record.
  last.end = Math.max(last.end, place.segments[place.segments.length - 1]?.baseOffset ?? 0);
  return last;
}

function scanSegment(root: Root, segment: SegmentPlace, last: LastOfPartition): void {
  const open = openScan(root, segment, () => {});
  const { scan } = open;
  let expected = segment.baseOffset;
  try {
    for (let step = scan.next(); step !== "end"; step = scan.next()) {
      if (step === "bad") {
        last.problem ||= `${segment.path} at ${scan.position}: ${scan.problem}`;
        scan.skipDamage(segment.baseOffset);
        continue;
      }
      const isDense = scan.baseOffset === expected && isFull(scan.block.view, scan.at);
      if (!isDense && last.problem === "") last.hasGaps = true;
      expected = scan.lastOffset + 1;
      last.end = Math.max(last.end, expected);
      const producerId = readI64(scan.block.view, scan.at + BatchAt.producerId);
      last.epoch = Math.max(last.epoch, scan.epoch);
      last.producerId = Math.max(last.producerId, producerId);
    }
  } finally {
    closeScan(root, open);
  }
}

/**
 * The first batch of a segment: where compaction went, it rarely begins where the file's name says
 * and holds as many records as offsets. Refuses the record formats 0 and 1, which Kafka wrote
 * before 0.11 and kept until 4.0.
 */
function readFirstHeader(root: Root, segment: SegmentPlace, last: LastOfPartition): void {
  const fd = openFile(root, segment.path);
  const header = root.libc.allocate(BATCH_HEADER_SIZE);
  const read = readWhole(root.libc, fd, header, 0, BATCH_HEADER_SIZE, 0);
  root.libc.close(fd);
  if (must(read, `read ${segment.path}`) < BATCH_HEADER_SIZE) return;
  const { view } = header;
  const magic = view.getInt8(BatchAt.magic);
  if (view.getInt32(BatchAt.batchLength) <= 0) return;
  if (magic >= 0 && magic < BATCH_MAGIC) {
    throw new ToolError(
      `${segment.path} is of record format ${magic}, Sluice serves format ${BATCH_MAGIC}`,
      "Let a newer Kafka rewrite the topic, by mirroring it into a new one.",
    );
  }
  if (magic !== BATCH_MAGIC) return; // damaged, which is for `verify` to say
  if (batchBaseOffset(view, 0) > segment.baseOffset || !isFull(view, 0)) last.hasGaps = true;
}

/** Whether a batch holds a record for each of its offsets. */
function isFull(view: DataView, at: number): boolean {
  return view.getInt32(at + BatchAt.recordsCount) ===
    view.getInt32(at + BatchAt.lastOffsetDelta) + 1;
}
