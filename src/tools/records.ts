/** The records of a stored batch, decompressed where it is compressed, with a bound. */

import { MiB } from "../base/units.ts";
import { CodecFailure, codecName, decompress } from "../codec/codec.ts";
import { BatchAt } from "../format/batch.ts";
import type { RecordCursor } from "../format/record_cursor.ts";
import type { SegmentScan } from "./segment_scan.ts";

/** What one batch may hold decompressed. Larger ones are said to be so and not looked into. */
export const RECORDS_SIZE_MAX: number = 256 * MiB;

/** Sets the cursor before the first record of the scan's batch. Returns why it cannot, or "". */
export function openRecords(scan: SegmentScan, cursor: RecordCursor): string {
  const { block, at, codec } = scan;
  const start = at + BatchAt.records;
  const end = at + scan.size;
  if (codec === 0) {
    cursor.open(block, at, block.bytes, start, end);
    return "";
  }
  const records = decompress(codec, block.bytes.subarray(start, end), RECORDS_SIZE_MAX);
  if (records instanceof CodecFailure) {
    return `the ${codecName(codec)} block cannot be decompressed: ${records.text}`;
  }
  cursor.open(block, at, records, 0, records.length);
  return "";
}
