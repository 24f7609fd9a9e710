/**
 * Reads a data directory without a broker: the segments of every partition batch by batch, and the
 * indexes against them. It shares no line with the engine.
 *
 *     .log         batches back to back; the next segment is named by the next offset
 *     .index       i32 offset - base, i32 position: of a batch that begins there and holds it
 *     .timeindex   i64 timestamp, i32 offset - base: the highest timestamp of the batches up to it
 *
 * Invariant: what is given back was whole to the last byte; whatever was not is a violation of C11.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Checker, Reading } from "./checker.ts";
import type { PlaceShape } from "./load.ts";
import { type ReadBatch, readBatches, type ReadRecord } from "./records.ts";

const INDEX_ENTRY = 8;
const TIME_ENTRY = 12;

/**
 * Every partition, as a stopped broker left it. `indexes`: whether the index files are judged. They
 * are never synced, so a disk that forgets may leave nonsense in them; what the broker then answers
 * is compared over the wire.
 */
export function readFiles(
  data: string,
  places: readonly PlaceShape[],
  checker: Checker,
  indexes: boolean = true,
): Reading[] {
  const logStarts = readLogStarts(data);
  return places.map((place) => readPlace(data, place, logStarts, checker, indexes));
}

/** Names and hashes of all segments: for two looks at a directory that nobody wrote to. */
export function hashSegments(data: string, places: readonly PlaceShape[]): Map<string, string> {
  const hashes = new Map<string, string>();
  for (const { topic, partition } of places) {
    for (const path of segments(join(data, `${topic}-${partition}`))) {
      hashes.set(path, createHash("sha256").update(readFileSync(path)).digest("hex"));
    }
  }
  return hashes;
}

export function segments(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).filter((name) => /^\d{20}\.log$/.test(name)).sort()
    .map((name) => join(directory, name));
}

function readPlace(
  data: string,
  place: PlaceShape,
  logStarts: ReadonlyMap<string, number>,
  checker: Checker,
  indexes: boolean,
): Reading {
  const { topic, partition } = place;
  const directory = join(data, `${topic}-${partition}`);
  const records: ReadRecord[] = [];
  const files = segments(directory);
  let end = files.length === 0 ? 0 : baseOf(files[0]!);
  const logStart = Math.max(end, logStarts.get(`${topic} ${partition}`) ?? 0);
  let epoch = -1;
  for (const file of files) {
    const named = { name: file };
    if (baseOf(file) !== end) {
      checker.violate("C11", named, `begins at ${baseOf(file)}, not ${end}`);
    }
    const batches = readSegment(file, checker);
    for (const batch of batches) {
      if (batch.epoch < epoch) checker.violate("C11", named, `epoch ${batch.epoch} < ${epoch}`);
      epoch = batch.epoch;
      for (const record of batch.records) if (record.offset >= logStart) records.push(record);
      end = batch.lastOffset + 1;
    }
    if (!indexes) continue;
    checkIndex(file, batches, checker);
    checkTimes(file, batches, checker);
  }
  return { place: place.place, name: `${topic}-${partition} in files`, logStart, end, records };
}

function baseOf(file: string): number {
  return Number(/(\d{20})\.log$/.exec(file)?.[1]);
}

function readSegment(file: string, checker: Checker): ReadBatch[] {
  try {
    return readBatches(new Uint8Array(readFileSync(file)));
  } catch (error) {
    checker.violate("C11", { name: file }, error instanceof Error ? error.message : String(error));
    return [];
  }
}

/** An index that is not there is none that is wrong: it is built again when it is needed. */
function entries(file: string, suffix: string, size: number, checker: Checker): DataView[] {
  const path = file.replace(/log$/, suffix);
  if (!existsSync(path)) return [];
  const bytes = new Uint8Array(readFileSync(path));
  if (bytes.length % size !== 0) checker.violate("C11", { name: path }, `${bytes.length} bytes`);
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, entry) => {
    return new DataView(bytes.buffer, bytes.byteOffset + entry * size, size);
  });
}

function checkIndex(file: string, batches: readonly ReadBatch[], checker: Checker): void {
  const byPosition = new Map(batches.map((batch) => [batch.position, batch]));
  const named = { name: file.replace(/log$/, "index") };
  let before = -1;
  for (const entry of entries(file, "index", INDEX_ENTRY, checker)) {
    const offset = baseOf(file) + entry.getInt32(0);
    const position = entry.getInt32(4);
    const batch = byPosition.get(position);
    const right = batch !== undefined && batch.baseOffset <= offset && offset <= batch.lastOffset;
    if (!right) checker.violate("C11", named, `offset ${offset} is not at position ${position}`);
    if (offset <= before) checker.violate("C11", named, `offset ${offset} behind ${before}`);
    before = offset;
  }
}

function checkTimes(file: string, batches: readonly ReadBatch[], checker: Checker): void {
  const named = { name: file.replace(/log$/, "timeindex") };
  let highest = -Infinity;
  let at = 0;
  for (const entry of entries(file, "timeindex", TIME_ENTRY, checker)) {
    const timestamp = Number(entry.getBigInt64(0));
    const offset = baseOf(file) + entry.getInt32(8);
    for (; at < batches.length && batches[at]!.baseOffset <= offset; at += 1) {
      highest = Math.max(highest, batches[at]!.maxTimestamp);
    }
    if (timestamp === highest) continue;
    checker.violate("C11", named, `up to offset ${offset}: ${timestamp}, not ${highest}`);
  }
}

/** `log-start-offset-checkpoint`: version, count, then "topic partition offset" a line. */
function readLogStarts(data: string): Map<string, number> {
  const path = join(data, "log-start-offset-checkpoint");
  if (!existsSync(path)) return new Map();
  const lines = readFileSync(path, "utf8").split("\n").slice(2).filter((line) => line !== "");
  return new Map(lines.map((line) => {
    const [topic, partition, offset] = line.split(" ");
    return [`${topic} ${partition}`, Number(offset)];
  }));
}
