/**
 * Who reads in a soak: one reader at the tail of each partition, for the whole time, by long polls
 * or by a subscription, and one that goes back now and then and must see the same bytes again.
 */
import type { Connection } from "../../src/client/connection.ts";
import { Subscription } from "../../src/client/subscription.ts";
import { BrokerError } from "../../src/client/errors.ts";
import { operation, type ReplyOf } from "../../src/native/operations.ts";
import { PushAt } from "../../src/native/frame.ts";
import type { Prng } from "../support/prng.ts";
import { pause } from "../support/until.ts";
import type { Latencies } from "./latencies.ts";
import { chainOf, type Ledger } from "./ledger.ts";
import { keepConnected, type Situation } from "./line.ts";
import type { TopicPlan } from "./plan.ts";
import { readBatches } from "./wire.ts";

const TAIL_BYTES = 1048576;
/** Of a subscription: few batches, so that it is used up and given back all the time. */
const CREDIT = 65536;
const ENDED_LOOK_MS = 200;
const CATCH_UP_BYTES = 262144;
/** A reader that goes back goes so many anchors back at most. */
const ANCHORS_BACK_MAX = 200;
const RANGE_ERROR = "offset_out_of_range";

export interface Place {
  readonly topic: TopicPlan;
  readonly partition: number;
  readonly ledger: Ledger;
}

/** Reads a partition from its first record on and stays at its end. */
export async function readTail(
  situation: Situation,
  place: Place,
  latencies: Latencies | null,
): Promise<void> {
  const { ledger, topic, partition } = place;
  await keepConnected(situation, `reader of ${ledger.name}`, async (connection) => {
    const where = { topic: topic.name, partition };
    const opened = await connection.request(operation("open_partition"), where);
    // Behind a restart it goes on where it stood: what was shown is still there.
    if (ledger.readEnd < 0) ledger.readFrom(opened.logStart);
    const { handle } = opened;
    // Every other partition is read by a subscription.
    if (partition % 2 === 1) {
      return await readPushes(situation, connection, handle, place, latencies);
    }
    while (!situation.ended) {
      const ackedEnd = ledger.ackedEnd;
      const reply = await fetch(connection, handle, ledger.readEnd, TAIL_BYTES, topic);
      ledger.ends(reply.logStart, reply.visibleEnd, ackedEnd);
      take(situation, place, reply.batches, latencies);
    }
  });
}

async function readPushes(
  situation: Situation,
  connection: Connection,
  handle: number,
  place: Place,
  latencies: Latencies | null,
): Promise<void> {
  const shape = { handle, offset: place.ledger.readEnd, creditBytes: CREDIT, maxBytes: TAIL_BYTES };
  const subscription = await Subscription.begin(connection, shape);
  const over = new AbortController();
  const watch = setInterval(() => (situation.ended ? over.abort() : undefined), ENDED_LOOK_MS);
  try {
    for (;;) {
      const body = await subscription.next(over.signal);
      if (body === null) return subscription.leave();
      const bytes = body.block.bytes.slice(body.start + PushAt.batches, body.end);
      subscription.giveBack(body);
      take(situation, place, bytes, latencies);
    }
  } finally {
    clearInterval(watch);
  }
}

/** Judges and measures what came. */
function take(
  situation: Situation,
  place: Place,
  bytes: Uint8Array,
  latencies: Latencies | null,
): void {
  const nowMs = performance.now();
  const batches = readOrTell(place, bytes);
  place.ledger.read(batches, bytes);
  if (latencies === null) return;
  for (const { records } of batches) {
    const [first] = records;
    // Of an earlier life, when this clock was another.
    if (first === undefined || Math.floor(first.producer / 1000) !== situation.life) continue;
    latencies.record(nowMs - first.sentMs);
  }
}

function readOrTell(place: Place, bytes: Uint8Array) {
  try {
    return readBatches(bytes);
  } catch (error) {
    place.ledger.violate(`from offset ${place.ledger.readEnd} on: ${error}`);
    throw error;
  }
}

function fetch(
  connection: Connection,
  handle: number,
  offset: number,
  maxBytes: number,
  topic: TopicPlan | null,
): Promise<ReplyOf<"fetch">> {
  const maxWaitMs = topic?.maxWaitMs ?? 0;
  const wanted = { handle, maxBytes, minBytes: 1, maxWaitMs, offset };
  return connection.request(operation("fetch"), wanted);
}

/** Second readings that were compared. */
export interface CatchUps {
  count: number;
  bytes: number;
}

/** Goes back in one partition after the other and compares with what the tail reader saw. */
export async function readAgain(
  situation: Situation,
  places: readonly Place[],
  prng: Prng,
  everyMs: number,
  done: CatchUps,
): Promise<void> {
  await keepConnected(situation, "reader that goes back", async (connection) => {
    const handles = new Map<Place, number>();
    while (!situation.ending) {
      await pause(everyMs);
      const place = prng.pick(places);
      const where = { topic: place.topic.name, partition: place.partition };
      const handle = handles.get(place) ??
        (await connection.request(operation("open_partition"), where)).handle;
      handles.set(place, handle);
      await compare(connection, handle, place, prng, done);
    }
  });
}

async function compare(
  connection: Connection,
  handle: number,
  { ledger }: Place,
  prng: Prng,
  done: CatchUps,
): Promise<void> {
  const { anchors } = ledger;
  if (anchors.length < 2) return;
  const oldest = Math.max(0, anchors.length - ANCHORS_BACK_MAX);
  const from = anchors[prng.between(oldest, anchors.length - 2)]!;
  const to = anchors[anchors.length - 1]!;
  let chain = from.chain;
  for (let offset = from.offset; offset < to.offset;) {
    const bytes = await fetchIfThere(connection, handle, offset);
    if (bytes === null) return;
    const batches = readBatches(bytes);
    if (batches.length === 0) return ledger.violate(`nothing at offset ${offset}, shown before`);
    for (const batch of batches) {
      if (batch.baseOffset >= to.offset) break;
      chain = chainOf(chain, batch, bytes);
    }
    const last = batches[batches.length - 1]!.records;
    offset = last[last.length - 1]!.offset + 1;
    done.bytes += bytes.length;
  }
  done.count += 1;
  if (chain !== to.chain) {
    ledger.violate(`other bytes at ${from.offset} to ${to.offset} than before`);
  }
}

/** Null when the offset was deleted meanwhile. */
async function fetchIfThere(
  connection: Connection,
  handle: number,
  offset: number,
): Promise<Uint8Array | null> {
  try {
    return (await fetch(connection, handle, offset, CATCH_UP_BYTES, null)).batches;
  } catch (error) {
    if (error instanceof BrokerError && error.name === RANGE_ERROR) return null;
    throw error;
  }
}
