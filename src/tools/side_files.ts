/**
 * The small files of a partition against its log: leader epochs and producer snapshots.
 *
 * Invariant: reads only, and a file with anything wrong in it is wrong as a whole.
 */

import { type ByteBlock, heapBlock, readI64 } from "../base/bytes.ts";
import { type EpochEntry, parseEpochs } from "../format/checkpoint.ts";
import { LEADER_EPOCH_FILE } from "../format/file_names.ts";
import { readSmallFile } from "../log/files.ts";
import { decodeSnapshot } from "../log/producer_snapshot.ts";
import type { Findings } from "./findings.ts";
import { FileKind, parseSegmentName, type PartitionPlace, readText, type Root } from "./places.ts";
import type { SegmentScan } from "./segment_scan.ts";

/** Every batch is of the epoch that the checkpoint names for its offset. */
export class EpochCheck {
  readonly #path: string;
  readonly #findings: Findings;
  #entries: readonly EpochEntry[] = [];
  #entry = 0;
  /** The epoch last complained about: one line for all its batches. */
  #told = -1;

  constructor(root: Root, partition: PartitionPlace, findings: Findings) {
    this.#path = `${partition.directory}/${LEADER_EPOCH_FILE}`;
    this.#findings = findings;
    const text = readText(root, this.#path);
    // Kafka leaves an empty file until the first line.
    if (text === null || text === "") return;
    const entries = parseEpochs(text);
    if (entries === null) this.#add("it is no list of epochs");
    else this.#entries = entries;
  }

  batch(scan: SegmentScan): void {
    const entries = this.#entries;
    if (entries.length === 0) return;
    while (
      this.#entry + 1 < entries.length && entries[this.#entry + 1]!.startOffset <= scan.baseOffset
    ) {
      this.#entry += 1;
    }
    const { epoch, startOffset } = entries[this.#entry]!;
    const isCovered = startOffset <= scan.baseOffset;
    // Below the log start batches may still lie in their segment; the file has forgotten them.
    if (isCovered ? epoch === scan.epoch : scan.epoch <= epoch) return;
    if (this.#told === scan.epoch) return;
    this.#told = scan.epoch;
    const says = isCovered ? `epoch ${epoch}` : "none";
    this.#add(`offset ${scan.baseOffset} is of epoch ${scan.epoch}, this file says ${says}`);
  }

  end(logEnd: number): void {
    const last = this.#entries[this.#entries.length - 1];
    if (last === undefined || last.startOffset <= logEnd) return;
    this.#add(`epoch ${last.epoch} begins at ${last.startOffset}, the log ends at ${logEnd}`);
  }

  #add(text: string): void {
    const advice = "it is made anew from the log by sluice repair --rebuild";
    this.#findings.add({ severity: "warning", path: this.#path, text, advice });
  }
}

/** Whole, and never ahead of the log: a snapshot of batches that are gone refuses new ones. */
export function verifySnapshots(
  root: Root,
  partition: PartitionPlace,
  logEnd: number,
  findings: Findings,
): void {
  for (const name of partition.names) {
    const parsed = parseSegmentName(name);
    if (parsed === null || parsed.kind !== FileKind.snapshot) continue;
    const path = `${partition.directory}/${name}`;
    const problem = snapshotProblem(root, path, parsed.offset, logEnd);
    if (problem === "") continue;
    const advice = "it is removed by sluice repair --rebuild, and the log tells what it told";
    findings.add({ severity: "warning", path, text: problem, advice });
  }
}

/** What is wrong with a snapshot, or nothing. Throws StorageError. */
export function snapshotProblem(root: Root, path: string, offset: number, logEnd: number): string {
  const bytes = readSmallFile(root.libc, root.fd, path);
  if (bytes === null) return ""; // a running broker removed it
  if (offset > logEnd) return `it is of offset ${offset}, ahead of the log end ${logEnd}`;
  const block = blockOf(bytes);
  if (decodeSnapshot(block, bytes.length) === null) {
    return "it is no whole snapshot: its size, version or checksum is wrong";
  }
  for (const entry of snapshotEntries(block)) {
    if (entry.lastOffset < offset) continue;
    return `producer ${entry.producerId} has offset ${entry.lastOffset}, which it does not cover`;
  }
  return "";
}

export interface SnapshotEntry {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastOffset: number;
  readonly offsetDelta: number;
  readonly timestamp: number;
  readonly coordinatorEpoch: number;
  readonly currentTxnFirstOffset: number;
}

const SNAPSHOT_HEADER_SIZE = 10;
const SNAPSHOT_ENTRY_SIZE = 46;

/** Every entry that lies whole in the block, as it is written; layout: log/producer_snapshot.ts. */
export function snapshotEntries({ view, size }: ByteBlock): SnapshotEntry[] {
  const entries: SnapshotEntry[] = [];
  for (let at = SNAPSHOT_HEADER_SIZE; at + SNAPSHOT_ENTRY_SIZE <= size; at += SNAPSHOT_ENTRY_SIZE) {
    entries.push({
      producerId: readI64(view, at),
      producerEpoch: view.getInt16(at + 8),
      lastSequence: view.getInt32(at + 10),
      lastOffset: readI64(view, at + 14),
      offsetDelta: view.getInt32(at + 22),
      timestamp: readI64(view, at + 26),
      coordinatorEpoch: view.getInt32(at + 34),
      currentTxnFirstOffset: readI64(view, at + 38),
    });
  }
  return entries;
}

/** A copy that checksums can run over: bytes of a file need not lie at a word. */
export function blockOf(bytes: Uint8Array): ByteBlock {
  const block = heapBlock(bytes.length);
  block.bytes.set(bytes);
  return block;
}
