/**
 * Made the golden data directories beside this file:
 *
 *     node scripts/under.mjs tests/golden/directories/make.ts DIRECTORY
 *
 * What it has made is never made again: those directories stand for the programs of their day,
 * and their digests are in SHA256SUMS. A later format gets directories of its own, by the program
 * that first writes it; then this script is changed to make those, and named in ADR 25 with its
 * commit. It writes into DIRECTORY, which must not be there yet.
 */
import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { Client } from "../../../src/client/client.ts";
import { encodeBatch, encodeRecord, stamped } from "../../support/batches.ts";
import { type Broker, startBroker } from "../../support/broker.ts";
import { RawConnection } from "../../support/raw_connection.ts";
import type { RuntimeName } from "../../support/runtimes.ts";
import {
  ADMIN_TOKEN,
  BROKER_SETTINGS,
  CODECS,
  COMMITS,
  FIRST_MS,
  type GoldenLog,
  GROUP,
  LOGS,
  PRODUCER,
  READ_TOKEN,
  RECORDS_OF_EACH,
  SECOND_EPOCH_AT,
  TOPICS,
} from "./content.ts";
import { producedOnce } from "./produced_once.ts";

const ZEROS = 8192;

async function main(): Promise<void> {
  const [target = ""] = process.argv.slice(2);
  if (target === "") throw new Error("name a directory that is not there yet");
  mkdirSync(target);
  await make(join(target, "0.1.0-clean"), "bun", true);
  await make(join(target, "0.1.0-killed"), "deno", false);
}

async function make(data: string, runtime: RuntimeName, isClean: boolean): Promise<void> {
  const first = await startBroker({ runtime, data });
  await firstLife(first);
  await first.kill();
  // Before the HTTP door makes some that are secret.
  writeFileSync(join(data, "http-admin.token"), `${ADMIN_TOKEN}\n`, { mode: 0o600 });
  writeFileSync(join(data, "http-read.token"), `${READ_TOKEN}\n`, { mode: 0o600 });
  const second = await startBroker({ runtime, data, http: true });
  await second.http();
  await secondLife(second);
  if (isClean) {
    assert.deepEqual(await second.stop(), { code: 0, signal: null }, second.stderr());
  } else {
    await second.kill();
    tear(data);
  }
  rmSync(join(data, "run"), { recursive: true, force: true });
  rmSync(join(data, "reserve"), { force: true }); // megabytes of zeros; each start makes it
}

async function firstLife(broker: Broker): Promise<void> {
  await produceOnce(broker);
  await using client = await Client.connect({ brokers: [`127.0.0.1:${broker.port}`] });
  for (const { name, partitions, config } of TOPICS) {
    if (name === "orders") continue; // made for its producer
    await client.admin.createTopic(name, { partitions, config });
  }
  await client.admin.addPartitions("orders", 3);
  await client.admin.createTopic("gone");
  await client.admin.deleteTopic("gone");
  await client.admin.alterConfig(BROKER_SETTINGS);
  for (const log of LOGS) {
    if (log.topic === "orders" && log.partition === 1) continue;
    await produce(client, log, 0, log.topic === "orders" ? SECOND_EPOCH_AT : log.end);
  }
  await client.admin.deleteRecords("orders", 0, 4);
  await client.admin.commitGroupOffsets(GROUP, COMMITS);
}

async function secondLife(broker: Broker): Promise<void> {
  await using client = await Client.connect({ brokers: [`127.0.0.1:${broker.port}`] });
  const [orders] = LOGS.filter(({ topic, partition }) => topic === "orders" && partition === 0);
  await produce(client, orders!, SECOND_EPOCH_AT, orders!.end);
}

/** One record after another, so that each is a batch; three to a batch for the codecs. */
async function produce(
  client: Client,
  { topic, partition, end, at }: GoldenLog,
  from: number,
  to: number,
): Promise<void> {
  const count = topic === "codecs" ? RECORDS_OF_EACH : 1;
  for (let offset = from; offset < Math.min(end, to); offset += count) {
    const compression = topic === "codecs" ? CODECS[offset / RECORDS_OF_EACH]! : "none";
    await using producer = await client.producer({ compression, lingerMs: 1000 });
    const sent = Array.from({ length: count }, (_, more) => {
      const { key, value, headers } = at(offset + more);
      const timestampMs = FIRST_MS + (offset + more) * 1000;
      return producer.send({ topic, partition, key, value, headers, timestampMs });
    });
    const last = (await Promise.all(sent)).at(-1)!;
    assert.equal(last.offset, offset + count - 1, `${topic}-${partition}`);
  }
}

async function produceOnce(broker: Broker): Promise<void> {
  const { name, config } = TOPICS.find((topic) => topic.name === "orders")!;
  const connection = await RawConnection.open(broker.port);
  const entries = Object.entries(config).map(([key, value]) => ({ key, value }));
  await connection.ask("create_topic", { name, partitions: 2, config: entries });
  const { producerId } = await connection.ask("init_producer", { transactionalId: "" });
  assert.equal(producerId, PRODUCER.id);
  const { handle } = await connection.ask("open_partition", { topic: name, partition: 1 });
  const batch = producedOnce();
  const sent = { handle, acks: 255, reserved: 0, reserved2: 0, batch };
  assert.equal((await connection.ask("produce", sent)).baseOffset, PRODUCER.baseOffset);
  connection.close();
}

/** Half of a batch that nobody was answered for, and zeros as they are written ahead. */
function tear(data: string): void {
  const { end } = LOGS.find(({ topic, partition }) => topic === "orders" && partition === 0)!;
  const record = encodeRecord({ value: new TextEncoder().encode("never acknowledged") }, 0);
  const batch = stamped(encodeBatch(record, 1), end, 1);
  appendFileSync(join(data, "orders-0", lastLog(data, "orders-0")), batch.subarray(0, 70));
  const zeros = new Uint8Array(ZEROS);
  appendFileSync(join(data, "measurements-0", lastLog(data, "measurements-0")), zeros);
}

function lastLog(data: string, partition: string): string {
  return readdirSync(join(data, partition)).filter((name) => name.endsWith(".log")).sort().at(-1)!;
}

await main();
