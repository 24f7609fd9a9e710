/**
 * The producer against a real broker: partitions, codecs, order, back-pressure, a kill in between.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { Client } from "../../src/client/client.ts";
import { Connection } from "../../src/client/connection.ts";
import { PartitionConsumer } from "../../src/client/partition_consumer.ts";
import { partitionOfKey } from "../../src/client/partitioner.ts";
import type { Delivery } from "../../src/client/record.ts";
import { type Broker, runSluice, startBroker } from "../support/broker.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const broker = await startBroker({
  runtime: BROKER_RUNTIME,
  data: join(temporaryDirectory("produce"), "d"),
});
after(async () => {
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

function connect(to: Broker = broker): Promise<Client> {
  return Client.connect({ brokers: [`127.0.0.1:${to.port}`] });
}

/** All values of a partition, as text, by the low-level consumer. */
async function valuesOf(to: Broker, topic: string, partition: number): Promise<string[]> {
  const connection = await Connection.connect({ host: "127.0.0.1", port: to.port });
  const consumer = await PartitionConsumer.open(connection, topic, partition);
  const decoder = new TextDecoder();
  const values: string[] = [];
  for await (const { records } of consumer.fetches()) {
    while (records.next()) {
      const { valueStart, valueEnd } = records;
      values.push(decoder.decode(records.block.bytes.subarray(valueStart, valueEnd)));
    }
  }
  connection.close();
  return values;
}

test("records of a key share a partition and keep their order, at increasing offsets", async () => {
  await using client = await connect();
  await client.admin.createTopic("keys", { partitions: 5 });
  const producer = await client.producer({ batchBytes: 2000 });
  const sent: Promise<Delivery>[] = [];
  for (let i = 0; i < 5000; i += 1) {
    sent.push(producer.send({ topic: "keys", key: `key ${i % 50}`, value: `${i % 50} ${i}` }));
  }
  const deliveries = await Promise.all(sent);
  const encoder = new TextEncoder();
  deliveries.forEach(({ partition, level }, i) => {
    const key = encoder.encode(`key ${i % 50}`);
    assert.equal(partition, partitionOfKey(key, 0, key.length, 5));
    assert.equal(level, "fsync");
  });
  for (let partition = 0; partition < 5; partition += 1) {
    const values = await valuesOf(broker, "keys", partition);
    const expected = deliveries.map((delivery, i) => ({ ...delivery, value: `${i % 50} ${i}` }))
      .filter((delivery) => delivery.partition === partition);
    assert.deepEqual(values, expected.map(({ value }) => value));
    assert.deepEqual(expected.map(({ offset }) => offset), values.map((_, offset) => offset));
  }
});

test("every codec is read by the tools of the broker", async () => {
  const data = join(temporaryDirectory("codecs"), "d");
  const own = await startBroker({ runtime: BROKER_RUNTIME, data });
  const client = await connect(own);
  for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
    await client.admin.createTopic(compression);
    const producer = await client.producer({ compression });
    const value = `${compression} `.repeat(500);
    const timestampMs = 1_700_000_000_000;
    const key = "k";
    await Promise.all(Array.from({ length: 20 }, () => {
      return producer.send({ topic: compression, key, value, timestampMs, headers: { h: "v" } });
    }));
    const { logEnd } = await client.admin.offsets(compression, 0);
    assert.equal(logEnd, 20);
  }
  await client.close();
  assert.deepEqual(await own.stop(), { code: 0, signal: null }, own.stderr());
  const verified = await runSluice({ runtime: CLIENT_RUNTIME, args: ["verify", data] });
  assert.equal(verified.code, 0, verified.stderr + verified.out);
});

test("post waits for room, and what is buffered stays within the limit", async () => {
  await using client = await connect();
  await client.admin.createTopic("room", { partitions: 2 });
  const bufferBytes = 100_000;
  const producer = await client.producer({ bufferBytes, batchBytes: 8000 });
  let most = 0;
  let waited = 0;
  for (let i = 0; i < 20_000; i += 1) {
    const room = producer.post({ topic: "room", value: `record ${i}`, partition: i % 2 });
    if (room !== undefined) waited += 1;
    await room;
    most = Math.max(most, producer.bufferedBytes);
  }
  await producer.flush();
  assert.equal(producer.bufferedBytes, 0);
  assert.ok(waited > 0, "there was a time without room");
  assert.ok(most < bufferBytes + 1000, `${most} bytes`);
  for (const partition of [0, 1]) {
    const values = await valuesOf(broker, "room", partition);
    assert.equal(values.length, 10_000);
    values.forEach((value, i) => assert.equal(value, `record ${2 * i + partition}`));
  }
});

test("a record of a topic that there is not fails with the row of the table", async () => {
  await using client = await connect();
  const producer = await client.producer();
  await assert.rejects(producer.send({ topic: "none-such", value: "x" }), {
    name: "topic_not_found",
    code: 20,
  });
});

test("a broker that is killed while records come gets them all, once and in order", async () => {
  const data = join(temporaryDirectory("kill"), "d");
  let own = await startBroker({ runtime: BROKER_RUNTIME, data });
  const native = `127.0.0.1:${own.port}`;
  const client = await connect(own);
  await client.admin.createTopic("kill", { partitions: 3 });
  const producer = await client.producer({ batchBytes: 1000 });
  const sent: Promise<Delivery>[] = [];
  for (let i = 0; i < 3000; i += 1) {
    sent.push(producer.send({ topic: "kill", partition: i % 3, value: `${i}` }));
    if (i % 1000 !== 999) continue;
    await sent[i - 600]; // some are acknowledged, some are on their way
    await own.kill();
    own = await startBroker({ runtime: BROKER_RUNTIME, data, native });
  }
  const deliveries = await Promise.all(sent);
  for (let partition = 0; partition < 3; partition += 1) {
    const values = await valuesOf(own, "kill", partition);
    assert.deepEqual(values, Array.from({ length: 1000 }, (_, i) => `${3 * i + partition}`));
  }
  deliveries.forEach(({ offset }, i) => assert.equal(offset, Math.floor(i / 3)));
  await client.close();
  assert.deepEqual(await own.stop(), { code: 0, signal: null }, own.stderr());
});
