/**
 * Producer snapshot: the producer state at an offset, in Kafka's format. Named by the first
 * offset that it does not cover. Big-endian.
 *
 *     0  i16  version 1
 *     2  u32  CRC-32C of everything from byte 6 on
 *     6  i32  entries
 *    10       46 bytes each: i64 producerId | i16 epoch | i32 lastSequence | i64 lastOffset
 *             i32 offsetDelta | i64 timestamp | i32 coordinatorEpoch
 *             i64 currentTxnFirstOffset (-1)
 *
 * Kafka writes the last batch of a producer; we write up to five, oldest first, so that the whole
 * window survives a restart. Kafka's reader lets the last one win.
 *
 * Invariant: decoding gives back the state that was encoded, or fails: a snapshot is never
 * believed in part.
 */

import {
  type ByteBlock,
  heapBlock,
  isSafeI64,
  isSafeU64,
  readI64,
  writeI64,
} from "../base/bytes.ts";
import { crc32c } from "../base/crc32c.ts";
import { ProducerState } from "./producer_state.ts";

const HEADER_SIZE = 10;
export const SNAPSHOT_ENTRY_SIZE = 46;
export const SNAPSHOT_VERSION = 1;
const NO_TRANSACTION = -1;
const NO_OFFSET = -1;

export function encodeSnapshot(state: ProducerState): ByteBlock {
  const count = state.batchCount;
  const size = HEADER_SIZE + count * SNAPSHOT_ENTRY_SIZE;
  const block = heapBlock(size);
  const view = block.view;
  let at = HEADER_SIZE;
  state.each((producerId, epoch, batch) => {
    writeI64(view, at, producerId);
    view.setInt16(at + 8, epoch);
    view.setInt32(at + 10, batch.lastSequence);
    writeI64(view, at + 14, batch.lastOffset);
    view.setInt32(at + 22, batch.lastOffset - batch.baseOffset);
    writeI64(view, at + 26, batch.timestamp);
    view.setInt32(at + 34, 0);
    writeI64(view, at + 38, NO_TRANSACTION);
    at += SNAPSHOT_ENTRY_SIZE;
  });
  view.setInt16(0, SNAPSHOT_VERSION);
  view.setInt32(6, count);
  view.setUint32(2, crc32c(block.bytes, block.words, 6, size - 6));
  return block;
}

/** The state in `size` bytes of `block`, or null when they are not a whole snapshot. */
export function decodeSnapshot(block: ByteBlock, size: number): ProducerState | null {
  const view = block.view;
  if (size < HEADER_SIZE || view.getInt16(0) !== SNAPSHOT_VERSION) return null;
  const count = view.getInt32(6);
  if (count < 0 || size !== HEADER_SIZE + count * SNAPSHOT_ENTRY_SIZE) return null;
  if (!isSnapshotWhole(block, size)) return null;
  const state = new ProducerState();
  for (let at = HEADER_SIZE; at < size; at += SNAPSHOT_ENTRY_SIZE) {
    if (!isEntry(view, at)) return null;
    // Kafka keeps producers of which the log holds no batch.
    if (view.getInt32(at + 14) < 0) continue;
    const lastSequence = view.getInt32(at + 10);
    const lastOffset = readI64(view, at + 14);
    const delta = view.getInt32(at + 22);
    state.append(
      readI64(view, at),
      view.getInt16(at + 8),
      firstSequence(lastSequence, delta),
      lastSequence,
      lastOffset - delta,
      lastOffset,
      readI64(view, at + 26),
    );
  }
  state.settle();
  return state;
}

/** Whether the checksum is right, which every version has at the same place. */
export function isSnapshotWhole({ bytes, words, view }: ByteBlock, size: number): boolean {
  return size >= HEADER_SIZE && view.getUint32(2) === crc32c(bytes, words, 6, size - 6);
}

/** Whether the entry at `at` can be: what does not fit 53 bits was not written by us or Kafka. */
function isEntry(view: DataView, at: number): boolean {
  if (!isSafeU64(view, at) || !isSafeI64(view, at + 26)) return false;
  if (view.getInt32(at + 14) < 0) return readI64(view, at + 14) === NO_OFFSET;
  const delta = view.getInt32(at + 22);
  if (!isSafeU64(view, at + 14) || view.getInt32(at + 10) < 0) return false;
  return delta >= 0 && delta <= readI64(view, at + 14);
}

/** Sequences wrap from 2^31 - 1 to 0. */
function firstSequence(lastSequence: number, delta: number): number {
  const first = lastSequence - delta;
  return first >= 0 ? first : first + 2147483648;
}
