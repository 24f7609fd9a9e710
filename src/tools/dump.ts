/**
 * Prints what a file of a data directory holds, as rows: batches and records of a log, entries of
 * an index, producers of a snapshot, lines of a checkpoint, the catalogue.
 *
 *     baseOffset=0 lastOffset=2 count=3 position=0 size=331 codec=none epoch=0 …
 *     { "baseOffset": 0, "lastOffset": 2, … }                        a line of JSON each
 *
 * Nothing is believed: what is damaged is printed as far as it can be read, and said to be so.
 *
 * Invariant: reads only, and every line is safe for a terminal (`text.ts`).
 */

import { AT_FDCWD } from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import { readI64 } from "../base/bytes.ts";
import { parseEpochs, parseOffsets, parsePartitionMetadata } from "../format/checkpoint.ts";
import {
  CATALOGUE_FILE,
  LEADER_EPOCH_FILE,
  META_FILE,
  PARTITION_METADATA_FILE,
} from "../format/file_names.ts";
import {
  type CatalogueContent,
  CatalogueError,
  decodeCatalogue,
  type TopicDefinition,
} from "../log/catalogue.ts";
import { openDirectory, readSmallFile } from "../log/files.ts";
import { decodeSnapshot } from "../log/producer_snapshot.ts";
import { dumpLog } from "./dump_log.ts";
import {
  closeRoot,
  FileKind,
  openPartitionPlace,
  openRoot,
  parseSegmentName,
  partitionNames,
  type Root,
  ToolError,
} from "./places.ts";
import { blockOf, snapshotEntries } from "./side_files.ts";
import { safe, safeJson } from "./text.ts";

export type Encoding = "text" | "hex" | "base64";

export interface DumpOptions {
  /** Print records too. */
  readonly records: boolean;
  /** Rows of lower offsets are left out. */
  readonly fromOffset: number;
  /** At most so many batches, with `records` so many records; entries of another file. */
  readonly limit: number;
  readonly json: boolean;
  /** How keys and values are printed. */
  readonly encoding: Encoding;
}

/** One row: names and values in their order. Texts in it are not yet safe. */
export type Row = Readonly<Record<string, unknown>>;

/** A row, or a step that gave none: much was passed over, and the caller may hear of a signal. */
export type RowStep = Row | null;

/** What a dump gave; `damaged` is set when something in it is not right. */
export interface DumpState {
  damaged: boolean;
  /** Rows left of the limit. */
  left: number;
}

/**
 * Lines for a file, for all segments of a partition's directory, or for all partitions of a data
 * directory; null for a step without a line. `state.damaged` says at the end whether all was right.
 * Throws ToolError, StorageError.
 */
export function* dump(
  libc: Libc,
  path: string,
  options: DumpOptions,
  state: DumpState,
): Generator<string | null> {
  state.left = options.limit;
  for (const row of dumpPath(libc, path, options, state)) {
    if (row === null) yield null;
    else yield options.json ? safeJson(row) : rowText(row);
  }
}

function* dumpPath(
  libc: Libc,
  path: string,
  options: DumpOptions,
  state: DumpState,
): Generator<RowStep> {
  const at = path.replace(/\/+$/, "").lastIndexOf("/");
  const name = path.replace(/\/+$/, "").slice(at + 1);
  const fd = openDirectory(libc, AT_FDCWD, path);
  if (fd >= 0) {
    libc.close(fd);
    yield* dumpDirectory(libc, path, options, state);
    return;
  }
  const root = openRoot(libc, at < 0 ? "." : path.slice(0, at + 1));
  try {
    if (!root.names.includes(name)) throw new ToolError(`${path} does not exist`);
    yield* dumpFile(root, name, options, state);
  } finally {
    closeRoot(root);
  }
}

function* dumpDirectory(
  libc: Libc,
  path: string,
  options: DumpOptions,
  state: DumpState,
): Generator<RowStep> {
  const root = openRoot(libc, path);
  try {
    const logs = logNames(root.names);
    for (const name of logs) yield* dumpFile(root, name, options, state);
    const partitions = logs.length > 0 ? [] : partitionNames(root);
    if (logs.length === 0 && partitions.length === 0) {
      throw new ToolError(`${path} holds no segment and no partition`);
    }
    for (const partition of partitions) {
      for (const name of logNames(openPartitionPlace(root, partition).names)) {
        yield* dumpFile(root, `${partition}/${name}`, options, state);
      }
    }
  } finally {
    closeRoot(root);
  }
}

function logNames(names: readonly string[]): string[] {
  return names.filter((name) => parseSegmentName(name)?.kind === FileKind.log);
}

/** A copy that `repair` kept is of the kind it was. */
function dumpFile(
  root: Root,
  path: string,
  options: DumpOptions,
  state: DumpState,
): Iterable<RowStep> {
  const name = path.slice(path.lastIndexOf("/") + 1).replace(/\.damaged-\d+$/, "");
  const kind = parseSegmentName(name)?.kind;
  if (kind === FileKind.log) return dumpLog(root, path, options, state);
  const bytes = readSmallFile(root.libc, root.fd, path) ?? new Uint8Array(0);
  const rows = smallFileRows(name, kind, bytes, Number.parseInt(name, 10), state);
  return limited(rows, options, state);
}

function* limited(rows: Iterable<Row>, options: DumpOptions, state: DumpState): Generator<Row> {
  for (const row of rows) {
    const offset = row["offset"] ?? row["lastOffset"];
    if (typeof offset === "number" && offset < options.fromOffset) continue;
    if (state.left === 0) return;
    state.left -= 1;
    yield row;
  }
}

function smallFileRows(
  name: string,
  kind: FileKind | undefined,
  bytes: Uint8Array,
  baseOffset: number,
  state: DumpState,
): Iterable<Row> {
  if (kind === FileKind.index) return indexRows(bytes, baseOffset);
  if (kind === FileKind.timeIndex) return timeIndexRows(bytes, baseOffset);
  if (kind === FileKind.snapshot) return snapshotRows(bytes, state);
  if (name === CATALOGUE_FILE) return catalogueRows(bytes);
  const text = new TextDecoder("latin1").decode(bytes);
  if (name === PARTITION_METADATA_FILE) {
    return [{ topicId: orDamaged(parsePartitionMetadata(text), state) }];
  }
  if (name === LEADER_EPOCH_FILE) return checkpointRows(parseEpochs(text), text, state);
  if (name.endsWith("-offset-checkpoint")) return checkpointRows(parseOffsets(text), text, state);
  if (name === META_FILE) return text.split("\n").filter(Boolean).map((line) => ({ line }));
  throw new ToolError(
    `${name} is of no kind that can be dumped`,
    "There are .log, .index, .timeindex, .snapshot, checkpoints, partition.metadata, catalogue.",
  );
}

function checkpointRows(rows: readonly object[] | null, text: string, state: DumpState): Row[] {
  if (text === "") return []; // as Kafka leaves it before the first line
  return (orDamaged(rows, state) ?? [{ text }]).map((row) => ({ ...row }));
}

function orDamaged<T>(value: T | null, state: DumpState): T | null {
  if (value === null) state.damaged = true;
  return value;
}

/** Entries end where the zeros begin that Kafka fills up a file with. */
function* indexRows(bytes: Uint8Array, baseOffset: number): Generator<Row> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    const position = view.getInt32(at + 4);
    if (position === 0 && view.getInt32(at) === 0) return;
    yield { offset: baseOffset + view.getInt32(at), position };
  }
}

function* timeIndexRows(bytes: Uint8Array, baseOffset: number): Generator<Row> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 12 <= bytes.length; at += 12) {
    const timestamp = readI64(view, at);
    const offset = view.getInt32(at + 8);
    if (at > 0 && timestamp === 0 && offset === 0) return;
    yield { timestamp, offset: baseOffset + offset };
  }
}

function* snapshotRows(bytes: Uint8Array, state: DumpState): Generator<Row> {
  const block = blockOf(bytes);
  if (decodeSnapshot(block, bytes.length) === null) {
    state.damaged = true;
    yield { damaged: "its size, version or checksum is wrong; the entries as they stand:" };
  }
  for (const entry of snapshotEntries(block)) yield { ...entry };
}

function* catalogueRows(bytes: Uint8Array): Generator<Row> {
  let content: CatalogueContent;
  try {
    content = decodeCatalogue(bytes);
  } catch (error) {
    if (error instanceof CatalogueError) throw new ToolError(error.message);
    throw error;
  }
  const { topics, deletions, settings, ...rest } = content;
  yield rest;
  for (const topic of topics) {
    yield { [topic.state === "ready" ? "topic" : "creating"]: topic.name, ...topicRow(topic) };
  }
  for (const topic of deletions) yield { deleting: topic.name, ...topicRow(topic) };
  for (const { key, value } of settings) yield { setting: key, value };
}

function topicRow({ topicId, partitions, config }: TopicDefinition): Row {
  return { topicId, partitions, config: config.map(({ key, value }) => `${key}=${value}`).join() };
}

/** `name=value` by blanks; a record is indented below its batch. */
function rowText(row: Row): string {
  const fields = Object.entries(row).map(([name, value]) => `${name}=${valueText(value)}`);
  return `${"offset" in row && "timestamp" in row && "key" in row ? "  " : ""}${fields.join(" ")}`;
}

function valueText(value: unknown): string {
  if (typeof value === "string") return safe(value);
  if (typeof value === "object" && value !== null) return safeJson(value);
  return String(value);
}
