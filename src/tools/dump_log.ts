/**
 * Rows for the batches and records of a segment.
 *
 * Invariant: a batch whose checksum does not fit is printed with `crc=wrong` and its records are
 * not: nothing in it is known to be what was written.
 */

import { readI64 } from "../base/bytes.ts";
import { codecName } from "../codec/codec.ts";
import { BatchAt } from "../format/batch.ts";
import { RecordCursor } from "../format/record_cursor.ts";
import type { DumpOptions, DumpState, Encoding, Row, RowStep } from "./dump.ts";
import { StepMeter } from "./log_scan.ts";
import { type Root, type SegmentPlace, segmentPlace } from "./places.ts";
import { openRecords } from "./records.ts";
import { closeScan, openScan, type SegmentScan } from "./segment_scan.ts";
import { base64, decodeText, hex, quoted } from "./text.ts";

const APPEND_TIME_BIT = 0x08;
const TRANSACTIONAL_BIT = 0x10;
const CONTROL_BIT = 0x20;

export function* dumpLog(
  root: Root,
  path: string,
  options: DumpOptions,
  state: DumpState,
): Generator<RowStep> {
  if (state.left === 0) return;
  const segment: SegmentPlace = segmentPlace(root, path);
  const open = openScan(root, segment, () => {});
  try {
    yield { file: path, size: segment.size };
    yield* rows(open.scan, options, state);
  } finally {
    closeScan(root, open);
  }
}

function* rows(scan: SegmentScan, options: DumpOptions, state: DumpState): Generator<RowStep> {
  const cursor = new RecordCursor();
  let offsetMin = 0;
  const meter = new StepMeter();
  for (let step = scan.next(); step !== "end"; step = scan.next()) {
    if (step === "bad") {
      state.damaged = true;
      const { position, problem } = scan;
      if (scan.hasHeader) yield { ...batchRow(scan), crc: "wrong" };
      yield { damaged: problem, position, size: scan.skipDamage(offsetMin) };
      continue;
    }
    offsetMin = scan.lastOffset + 1;
    if (meter.isOver(scan.position)) yield null;
    if (scan.lastOffset < options.fromOffset) continue;
    if (state.left === 0) return;
    if (!options.records) state.left -= 1;
    yield { ...batchRow(scan), crc: "ok" };
    if (options.records) yield* recordRows(scan, cursor, options, state);
  }
}

function batchRow(scan: SegmentScan): Row {
  const { view } = scan.block;
  const { at, attributes } = scan;
  const flags = [
    (attributes & APPEND_TIME_BIT) !== 0 ? "appendTime" : "",
    (attributes & TRANSACTIONAL_BIT) !== 0 ? "transactional" : "",
    (attributes & CONTROL_BIT) !== 0 ? "control" : "",
  ].filter(Boolean);
  return {
    baseOffset: scan.baseOffset,
    lastOffset: scan.lastOffset,
    count: scan.count,
    position: scan.position,
    size: scan.size,
    codec: codecName(scan.codec),
    epoch: scan.epoch,
    producerId: readI64(view, at + BatchAt.producerId),
    producerEpoch: view.getInt16(at + BatchAt.producerEpoch),
    baseSequence: view.getInt32(at + BatchAt.baseSequence),
    baseTimestamp: readI64(view, at + BatchAt.baseTimestamp),
    maxTimestamp: readI64(view, at + BatchAt.maxTimestamp),
    ...(flags.length === 0 ? {} : { flags: flags.join(",") }),
  };
}

function* recordRows(
  scan: SegmentScan,
  cursor: RecordCursor,
  options: DumpOptions,
  state: DumpState,
): Generator<Row> {
  let problem = openRecords(scan, cursor);
  if (problem === "") {
    while (state.left > 0 && cursor.next()) {
      if (cursor.offset < options.fromOffset) continue;
      state.left -= 1;
      yield recordRow(cursor, options);
    }
    if (state.left === 0) return;
    problem = cursor.problem;
  }
  if (problem === "") return;
  state.damaged = true;
  yield { damaged: problem, position: scan.position };
}

function recordRow(cursor: RecordCursor, options: DumpOptions): Row {
  const show = options.json ? shownInJson : shown;
  const { encoding } = options;
  const { bytes } = cursor;
  const key = cursor.keyIsNull ? null : show(bytes, cursor.keyStart, cursor.keyEnd, encoding);
  const value = cursor.valueIsNull
    ? null
    : show(bytes, cursor.valueStart, cursor.valueEnd, encoding);
  const headers: unknown[][] = [];
  while (cursor.nextHeader()) {
    const name = show(bytes, cursor.headerKeyStart, cursor.headerKeyEnd, "text");
    const content = cursor.headerValueIsNull
      ? null
      : show(bytes, cursor.headerValueStart, cursor.headerValueEnd, encoding);
    headers.push([name, content]);
  }
  const row = { offset: cursor.offset, timestamp: cursor.timestampMs, key, value };
  if (headers.length === 0) return row;
  const text = headers.map(([name, content]) => `${name}=${content}`).join(" ");
  return { ...row, headers: options.json ? headers : `{${text}}` };
}

function shown(bytes: Uint8Array, start: number, end: number, encoding: Encoding): string {
  if (encoding === "hex") return hex(bytes, start, end);
  return encoding === "base64" ? base64(bytes, start, end) : quoted(bytes, start, end);
}

/** Text as a string; bytes that are none say in which form they come. */
function shownInJson(bytes: Uint8Array, start: number, end: number, encoding: Encoding): unknown {
  if (encoding !== "text") return shown(bytes, start, end, encoding);
  return decodeText(bytes, start, end) ?? { base64: base64(bytes, start, end) };
}
