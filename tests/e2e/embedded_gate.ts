/**
 * A hundred embedded brokers, one after the other in one process: how long each takes, and that
 * descriptors, threads and files are then what they were. Under the runner's own runtime.
 *
 *     npm run gate -- embedded
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { Broker } from "../../src/embed.ts";
import { figure } from "../support/figures.ts";
import { descriptorCount, threadNames, workerCount } from "../support/own_process.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { pause, until } from "../support/until.ts";

const BROKERS = 100;
/** Longer than a runtime keeps a thread of its own pool that has nothing to do. */
const REST_MS = 12_000;
const LOOKS = 5;
const PLACE = temporaryDirectory("place");
process.env["TMPDIR"] = PLACE;

/** Closes files in the background worker, so that every kind of thread has been there. */
const TOPICS = { a: { partitions: 3, config: { "segment.bytes": 16_384 } } };

async function useOne(): Promise<{ startMs: number; stopMs: number }> {
  const beginMs = performance.now();
  const broker = await Broker.start({ topics: TOPICS });
  const startedMs = performance.now();
  const values = Array.from({ length: 30 }, (_, i) => {
    return { topic: "a", partition: i % 3, value: "x".repeat(2_000) };
  });
  await broker.produce(values);
  const endMs = performance.now();
  await broker.stop();
  return { startMs: startedMs - beginMs, stopMs: performance.now() - endMs };
}

interface Held {
  readonly descriptors: number;
  readonly threads: number;
}

/** What the process holds when nothing has happened for a while. */
async function atRest(): Promise<Held> {
  await until("no worker is left", () => workerCount() === 0);
  await pause(REST_MS);
  return { descriptors: descriptorCount(), threads: threadNames().length };
}

/**
 * What it holds when that is no more than before, or at last. A runtime begins threads of its own
 * (compilers, collectors) and ends them when it likes: one look could meet one of those.
 */
async function backAt(before: Held): Promise<Held> {
  let after = await atRest();
  for (let i = 0; i < LOOKS && after.threads > before.threads; i += 1) after = await atRest();
  return after;
}

test(`${BROKERS} brokers come and go`, async () => {
  await useOne(); // what the runtime loads and keeps, it has then
  const before = await atRest();
  const starts: number[] = [];
  const stops: number[] = [];
  for (let i = 0; i < BROKERS; i += 1) {
    const { startMs, stopMs } = await useOne();
    starts.push(startMs);
    stops.push(stopMs);
  }
  const after = await backAt(before);
  const said = `descriptors ${before.descriptors} -> ${after.descriptors}, ` +
    `threads ${before.threads} -> ${after.threads}, files ${readdirSync(PLACE).length}`;
  const times = `start ${spread(starts)}, stop ${spread(stops)}`;
  figure(`${BROKERS} embedded brokers: ${times}; ${said}`, BROKER_RUNTIME);
  assert.ok(after.descriptors <= before.descriptors, said);
  assert.ok(after.threads <= before.threads, said);
  assert.deepEqual(readdirSync(PLACE), []);
});

test("ten at once, ten times", async () => {
  const before = await atRest();
  for (let i = 0; i < 10; i += 1) await Promise.all(Array.from({ length: 10 }, useOne));
  const after = await backAt(before);
  assert.ok(after.descriptors <= before.descriptors, `${after.descriptors} descriptors`);
  assert.ok(after.threads <= before.threads, `${after.threads} threads`);
  assert.deepEqual(readdirSync(PLACE), []);
});

function spread(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b).map((ms) => ms.toFixed(0));
  return `${sorted[0]}/${sorted[sorted.length >> 1]}/${sorted.at(-1)} ms (least/median/most)`;
}
