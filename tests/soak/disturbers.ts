/**
 * Who disturbs in a soak: topics that come and go, connections that come and go, rudely at times,
 * records deleted from below, and somebody who always asks for the counters.
 */
import net from "node:net";
import { Admin } from "../../src/client/admin.ts";
import type { Connection } from "../../src/client/connection.ts";
import { Codec } from "../../src/codec/codec.ts";
import { operation } from "../../src/native/operations.ts";
import { frame, hello } from "../support/frames.ts";
import type { Prng } from "../support/prng.ts";
import { pause } from "../support/until.ts";
import { keepConnected, type Situation } from "./line.ts";
import { CHURN_PREFIX, EVERY_MS } from "./plan.ts";
import type { Place } from "./readers.ts";
import { encodeBatch, readBatches } from "./wire.ts";

const PING = 2;
/** Records that stay below the tail reader when records are deleted. */
const KEPT_RECORDS = 500;
/** A visitor waits so long for an answer. */
const VISIT_MS = 5000;

/** What the disturbers did, for the report. */
export interface Disturbed {
  topics: number;
  visits: number;
  deletions: number;
}

/** Makes a topic, writes and reads one batch, deletes it; topics left by a killed soak go first. */
export async function churn(situation: Situation, done: Disturbed): Promise<void> {
  await keepConnected(situation, "topic maker", async (connection) => {
    const admin = new Admin(connection);
    for (const { name } of await admin.topics()) {
      if (name.startsWith(CHURN_PREFIX)) await admin.deleteTopic(name);
    }
    while (!situation.ending) {
      await pause(EVERY_MS.churn);
      const name = `${CHURN_PREFIX}${situation.life}-${done.topics}`;
      done.topics += 1;
      await admin.createTopic(name, { partitions: 2 });
      await writeAndRead(connection, name);
      await admin.deleteTopic(name);
    }
  });
}

async function writeAndRead(connection: Connection, topic: string): Promise<void> {
  const { handle } = await connection.request(operation("open_partition"), { topic, partition: 1 });
  const batch = encodeBatch({
    ...{ producer: 0, first: 0, valueSizes: [100, 5000], sentMs: 0 },
    ...{ producerId: -1, codec: Codec.none },
  });
  const sent = { handle, acks: 255, reserved: 0, reserved2: 0, batch };
  const { baseOffset } = await connection.request(operation("produce"), sent);
  const wanted = { handle, maxBytes: 65536, minBytes: 1, maxWaitMs: 0, offset: baseOffset };
  const { batches } = await connection.request(operation("fetch"), wanted);
  const records = readBatches(batches).flatMap((one) => one.records);
  if (baseOffset !== 0 || records.length !== 2) {
    throw new Error(`${records.length} records at ${baseOffset} of a new topic`);
  }
}

/** Connections of a moment: polite ones, silent ones, and ones that leave inside a frame. */
export async function visit(situation: Situation, prng: Prng, done: Disturbed): Promise<void> {
  while (!situation.ending) {
    await pause(EVERY_MS.visits);
    done.visits += 1;
    await visitOnce(situation.port, prng.below(4));
  }
}

/** Settles when it is over, whatever became of it: the broker may be restarting. */
function visitOnce(port: number, manner: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: "127.0.0.1", port });
    const limit = setTimeout(() => socket.destroy(), VISIT_MS);
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(limit);
      resolve();
    });
    socket.on("connect", () => {
      if (manner === 0) socket.destroy();
      else if (manner === 1) socket.end(hello());
      else if (manner === 2) socket.end(frame({ operation: PING }).subarray(0, 7));
      else socket.write(hello());
    });
    socket.on("data", () => (manner === 3 ? socket.resetAndDestroy() : undefined));
  });
}

/** Deletes what the tail reader has read, but for the newest records, place after place. */
export async function deleteRecords(
  situation: Situation,
  places: readonly Place[],
  done: Disturbed,
): Promise<void> {
  await keepConnected(situation, "deleter of records", async (connection) => {
    const admin = new Admin(connection);
    while (!situation.ending) {
      for (const { topic, partition, ledger } of places) {
        await pause(EVERY_MS.deleteRecords / places.length);
        const { logStart } = await admin.offsets(topic.name, partition);
        const below = ledger.readEnd - KEPT_RECORDS;
        if (situation.ending || below <= logStart) continue;
        const start = await admin.deleteRecords(topic.name, partition, below);
        if (start < below) ledger.violate(`records below ${below} deleted, begins at ${start}`);
        done.deletions += 1;
      }
    }
  });
}

/** Asks for the counters and keeps the last ones in `into`. */
export async function pollStats(
  situation: Situation,
  into: Map<string, number>,
): Promise<void> {
  await keepConnected(situation, "asker for counters", async (connection) => {
    const admin = new Admin(connection);
    while (!situation.ended) {
      for (const { name, value } of await admin.stats()) into.set(name, value);
      await pause(EVERY_MS.stats);
    }
  });
}
