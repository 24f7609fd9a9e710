/**
 * Exactly-once appends: an idempotent producer through a proxy that drops, delays and cuts, while
 * the broker behind it is killed and started again. Afterwards every record is there once, and
 * those of a key in the order in which they were sent.
 *
 *     value   "KEY N": the N-th record of its key, from 0
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Client } from "../../../src/client/mod.ts";
import { type Broker, startBroker } from "../broker.ts";
import { BROKER_RUNTIME } from "../pair.ts";
import { temporaryDirectory } from "../temporary.ts";
import { ChaosProxy } from "./chaos_proxy.ts";
import { counter } from "./counters.ts";

const TOPIC = "once";
const PARTITIONS = 3;
const KEYS = 97;
/** Small, so that the records make many batches. */
const BATCH_BYTES = 1024;
const DUPLICATES = "duplicate_batches_total";

export interface ExactlyOnce {
  readonly records: number;
  readonly kills: number;
  readonly seed: number;
  /** Default true; false shows that the proof can fail. */
  readonly idempotence?: boolean;
}

export interface OnceFigures {
  /** What happened, in words. */
  readonly text: string;
  /** Batches that the broker had when they came again: what the proxy and the kills have done. */
  readonly duplicates: number;
  /** What the proxy did, so many times. */
  readonly delays: number;
  readonly drops: number;
  readonly cuts: number;
}

/** Runs it to its end. Fails also where the proxy did nothing: then nothing is proved. */
export async function proveExactlyOnce(wanted: ExactlyOnce): Promise<OnceFigures> {
  const { records, kills, seed, idempotence = true } = wanted;
  const data = join(temporaryDirectory("once"), "d");
  const proxy = await ChaosProxy.start(seed);
  let broker: Broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  proxy.pointTo(broker.port);
  proxy.isCalm = true; // who cannot connect at first says so at once
  const client = await Client.connect({ brokers: [`127.0.0.1:${proxy.port}`], clientName: "once" });
  await createTopic(broker.port);
  const producer = await client.producer({
    idempotence,
    batchBytes: BATCH_BYTES,
    bufferBytes: 1048576,
    deliveryTimeoutMs: 600_000,
  });
  proxy.isCalm = false;
  const every = Math.floor(records / (kills + 1));
  let killed = 0;
  let duplicates = 0;
  for (let i = 0; i < records; i += 1) {
    const key = `key ${i % KEYS}`;
    const value = `${key} ${Math.floor(i / KEYS)}`;
    await producer.post({ topic: TOPIC, key, value });
    if (killed === kills || i < (killed + 1) * every) continue;
    killed += 1; // records of it are on their way, and acknowledged ones not yet heard of
    duplicates += await counter(broker.port, DUPLICATES);
    assert.equal((await broker.kill()).signal, "SIGKILL", broker.stderr());
    broker = await startBroker({ runtime: BROKER_RUNTIME, data });
    proxy.pointTo(broker.port);
  }
  await producer.flush();
  await client.close();
  await proxy.close();
  const read = await checkRecords(broker.port, records);
  assert.equal(killed, kills);
  duplicates += await counter(broker.port, DUPLICATES);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  const { connections, delays, drops, cuts } = proxy.counts;
  const text = `${read} records once and in order; ${killed} kills, ${connections} connections, ` +
    `${delays} delays, ${drops} drops, ${cuts} cuts, ${duplicates} batches sent again`;
  assert.ok(delays + drops + cuts > 0, `the proxy did nothing: ${text}`);
  assert.ok(connections > kills + drops + cuts, `it cut connections, and they came back: ${text}`);
  return { text, duplicates, delays, drops, cuts };
}

async function createTopic(port: number): Promise<void> {
  await using client = await Client.connect({ brokers: [`127.0.0.1:${port}`], clientName: "make" });
  await client.admin.createTopic(TOPIC, { partitions: PARTITIONS });
}

/** Each record of each key once and in order; how many there were. */
async function checkRecords(port: number, records: number): Promise<number> {
  await using client = await Client.connect({ brokers: [`127.0.0.1:${port}`], clientName: "read" });
  const consumer = await client.consumer({ topics: [TOPIC], from: "earliest" });
  const next = new Map<string, number>();
  const decoder = new TextDecoder();
  let read = 0;
  for await (const record of consumer) {
    const [, key = "", count = ""] = /^(key \d+) (\d+)$/.exec(decoder.decode(record.value!))!;
    const expected = next.get(key) ?? 0;
    assert.equal(Number(count), expected, `${key} in partition ${record.partition}`);
    next.set(key, expected + 1);
    read += 1;
    if (read === records) break;
  }
  assert.equal((await consumer.lag()).reduce((sum, { lag }) => sum + lag, 0), 0, "and no more");
  await consumer.close();
  return read;
}
