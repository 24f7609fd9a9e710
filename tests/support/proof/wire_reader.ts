/**
 * Reads all that a broker shows: every partition from its log start to its visible end. And asks
 * for single offsets, because what the index answers must be what the scan found.
 */
import { Connection } from "../../../src/client/connection.ts";
import { operation } from "../../../src/native/operations.ts";
import type { Prng } from "../prng.ts";
import type { Checker, Reading } from "./checker.ts";
import type { PlaceShape } from "./load.ts";
import { readBatches, type ReadRecord } from "./records.ts";

const MAX_BYTES = 4194304;
/** Questions about single offsets and times, of each partition. */
const SINGLES = 12;

export async function readWire(port: number, places: readonly PlaceShape[]): Promise<Reading[]> {
  return await onConnection(port, async (connection) => {
    const readings: Reading[] = [];
    for (const place of places) readings.push(await readPlace(connection, place));
    return readings;
  });
}

/** C11: what the indexes answer is what a scan finds, for an offset and for a time. */
export async function compareSingles(
  port: number,
  places: readonly PlaceShape[],
  readings: readonly Reading[],
  checker: Checker,
  prng: Prng,
): Promise<void> {
  await onConnection(port, async (connection) => {
    for (const [i, place] of places.entries()) {
      const reading = readings[i]!;
      const handle = await open(connection, place);
      for (let asked = 0; asked < Math.min(SINGLES, reading.records.length); asked += 1) {
        await compareOffset(connection, handle, reading, checker, prng);
        await compareTime(connection, handle, reading, checker, prng);
      }
    }
  });
}

/** A fetch begins with the batch that holds its offset. */
async function compareOffset(
  connection: Connection,
  handle: number,
  reading: Reading,
  checker: Checker,
  prng: Prng,
): Promise<void> {
  const offset = prng.between(reading.logStart, reading.end - 1);
  const { batches } = await fetch(connection, handle, offset, 1);
  const first = readBatches(batches)[0]?.records ?? [];
  const found = first.find((record) => record.offset === offset);
  if (found?.hash === reading.records[offset - reading.logStart]?.hash) return;
  const gave = `${first[0]?.offset} to ${first.at(-1)?.offset}`;
  checker.violate("C11", reading, `a fetch at ${offset} gave the batch ${gave}`);
}

/** A time finds the first record that is as new. */
async function compareTime(
  connection: Connection,
  handle: number,
  reading: Reading,
  checker: Checker,
  prng: Prng,
): Promise<void> {
  const { records, end } = reading;
  const wanted = prng.pick(records).timestamp + prng.between(-2, 2);
  const scanned = records.find(({ timestamp }) => timestamp >= wanted) ??
    { offset: end, timestamp: -1 };
  const answer = await connection.request(operation("offset_for_time"), {
    handle,
    timestamp: wanted,
  });
  if (answer.offset === scanned.offset && answer.timestamp === scanned.timestamp) return;
  const said = `${answer.offset} at ${answer.timestamp}`;
  const right = `${scanned.offset} at ${scanned.timestamp}`;
  checker.violate("C11", reading, `time ${wanted} is offset ${said}; a scan finds ${right}`);
}

async function onConnection<T>(
  port: number,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await Connection.connect({ host: "127.0.0.1", port });
  try {
    return await use(connection);
  } finally {
    connection.close();
  }
}

async function readPlace(connection: Connection, place: PlaceShape): Promise<Reading> {
  const name = `${place.topic}-${place.partition} over the wire`;
  const handle = await open(connection, place);
  const ends = await connection.request(operation("offsets"), { handle });
  const records: ReadRecord[] = [];
  const { logStart, visibleEnd } = ends;
  for (let offset = logStart; offset < visibleEnd;) {
    const { batches } = await fetch(connection, handle, offset, MAX_BYTES);
    const read = inWords(name, () => readBatches(batches));
    // A reply without the batch that was asked for is a finding; the checker sees the gap.
    if (read.length === 0) break;
    // A batch in which the log start lies comes as a whole.
    for (const batch of read) records.push(...batch.records.filter((one) => one.offset >= offset));
    offset = read.at(-1)!.lastOffset + 1;
  }
  return { place: place.place, name, logStart, end: visibleEnd, records };
}

async function open(connection: Connection, place: PlaceShape): Promise<number> {
  const { topic, partition } = place;
  return (await connection.request(operation("open_partition"), { topic, partition })).handle;
}

function fetch(
  connection: Connection,
  handle: number,
  offset: number,
  maxBytes: number,
): Promise<{ batches: Uint8Array }> {
  const wanted = { handle, maxBytes, minBytes: 1, maxWaitMs: 0, offset };
  return connection.request(operation("fetch"), wanted);
}

function inWords<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : error}`);
  }
}
