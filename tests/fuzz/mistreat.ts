/**
 * Mutated frames at a real broker, over many connections at a time, which stay, leave, or are cut.
 * Somebody else is served meanwhile (`LiveBroker`), and afterwards nothing is left.
 */
import assert from "node:assert/strict";
import net from "node:net";
import { Admin } from "../../src/client/admin.ts";
import { Connection } from "../../src/client/connection.ts";
import { isInternalTopic } from "../../src/format/internal_topics.ts";
import { TOPIC } from "../support/corpus.ts";
import * as frames from "../support/frames.ts";
import type { LiveBroker } from "../support/live_broker.ts";
import { peakMemory } from "../support/process_state.ts";
import { Prng } from "../support/prng.ts";
import { pause, until } from "../support/until.ts";
import { dispatched, ranges } from "./decoders/frames.ts";
import { Mutator } from "./mutator.ts";

const CONNECTIONS = 12;
/** Inputs of one connection, at most: what follows nonsense is nonsense too. */
const INPUTS_MAX = 60;
const PEAK_GROWTH_MAX = 268435456;
const QUIET_LOOKS = 10;
const QUIET_LOOK_MS = 50;
/** Topics that are not made by bent frames. */
const OWN_TOPICS: readonly string[] = [TOPIC, "canary"];
const LEVELS = ["connections", "subscriptions", "pool_lent_bytes", "unsynced_bytes"] as const;

export interface Mistreated {
  readonly frames: number;
  readonly connections: number;
  readonly replies: number;
}

/** Sends `count` frames of the seed, then looks whether all is as it was before. */
export async function mistreat(
  live: LiveBroker,
  seed: number,
  count: number,
): Promise<Mistreated> {
  const before = await settledLevels(live);
  const peakBefore = peakMemory(live.broker.pid);
  const sum = { frames: 0, connections: 0, replies: 0 };
  const workers = Array.from({ length: CONNECTIONS }, async (_, worker) => {
    const prng = new Prng(seed * 100 + worker);
    const mutator = new Mutator(dispatched, prng);
    while (sum.frames < count) await misuseOne(live.broker.port, mutator, prng, sum);
  });
  await Promise.all(workers);
  await removeTopics(live.broker.port);
  await live.expectUnharmed();
  assert.equal(live.broker.stderr().includes("Error"), false, live.broker.stderr());
  await until("the levels of stats are as before", async () => {
    const after = await levels(live);
    return LEVELS.every((name) => after[name]! <= before[name]!);
  }).catch(async (error: Error) => {
    const after = JSON.stringify(await levels(live));
    throw new Error(`${error.message}: ${after} after, ${JSON.stringify(before)} before`);
  });
  const grown = peakMemory(live.broker.pid) - peakBefore;
  assert.ok(grown < PEAK_GROWTH_MAX, `the peak of memory grew by ${grown} bytes`);
  return sum;
}

/** One connection, with bent frames until one of them cannot be followed, or it was enough. */
async function misuseOne(
  port: number,
  mutator: Mutator,
  prng: Prng,
  sum: { frames: number; connections: number; replies: number },
): Promise<void> {
  const socket = net.connect({ host: "127.0.0.1", port });
  let isOver = false;
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => {
    socket.on("close", () => {
      isOver = true;
      resolve();
    });
  });
  if (prng.chance(95)) socket.on("data", () => (sum.replies += 1)); // the others never read
  sum.connections += 1;
  if (!prng.chance(5)) greet(socket);
  for (let input = 0; input < INPUTS_MAX && !isOver; input += 1) {
    mutator.draw(prng);
    const bytes = mutator.input.bytes.slice(0, mutator.size);
    const found = ranges(mutator.input.view, mutator.size);
    sum.frames += Math.max(1, found.length);
    await write(socket, bytes, prng);
    const last = found[found.length - 1];
    const size = last === undefined ? 0 : new DataView(bytes.buffer).getUint32(last[0]) + 4;
    // Behind a frame that is not whole, nothing is a frame: this connection has done its work.
    if (last === undefined || last[0] + size !== mutator.size) break;
  }
  if (prng.chance(30)) socket.resetAndDestroy();
  else if (prng.chance(50)) socket.destroy();
  else {
    socket.end();
    await Promise.race([closed, pause(prng.below(50))]);
    socket.destroy();
  }
  await closed;
}

function greet(socket: net.Socket): void {
  socket.write(frames.hello());
  for (const partition of [0, 1]) {
    socket.write(frames.request("open_partition", { topic: TOPIC, partition }));
  }
}

/** In one piece or in two. A broker that reads no more is not waited for longer than a moment. */
async function write(socket: net.Socket, bytes: Uint8Array, prng: Prng): Promise<void> {
  const cut = prng.chance(10) ? prng.below(bytes.length + 1) : 0;
  if (cut > 0) socket.write(bytes.subarray(0, cut));
  if (socket.write(bytes.subarray(cut))) return await pause(0);
  await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), pause(20)]);
}

async function levels(live: LiveBroker): Promise<Record<string, number>> {
  const stats = await live.stats();
  return Object.fromEntries(LEVELS.map((name) => [name, stats.get(name) ?? 0]));
}

/** The highest of a few looks: the canary comes and goes with its own blocks. */
async function settledLevels(live: LiveBroker): Promise<Record<string, number>> {
  const highest = await levels(live);
  for (let look = 0; look < 10; look += 1) {
    const seen = await levels(live);
    for (const name of LEVELS) highest[name] = Math.max(highest[name]!, seen[name]!);
    await pause(20);
  }
  return highest;
}

/** Until none comes any more: who asked for one is gone, and the broker makes it all the same. */
async function removeTopics(port: number): Promise<void> {
  const connection = await Connection.connect({ host: "127.0.0.1", port });
  const admin = new Admin(connection);
  for (let looks = 0; looks < QUIET_LOOKS; looks += 1) {
    for (const { name } of await admin.topics()) {
      if (OWN_TOPICS.includes(name) || isInternalTopic(name)) continue;
      await admin.deleteTopic(name);
      looks = 0;
    }
    await pause(QUIET_LOOK_MS);
  }
  connection.close();
}
