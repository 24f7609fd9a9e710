/**
 * Subscribers under load: whoever comes early, late or is slow sees every record once and in
 * order, over many rolled segments; and the command that follows is one of them.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { Admin } from "../../src/client/admin.ts";
import { Connection } from "../../src/client/connection.ts";
import { PartitionConsumer, type SubscribeOptions } from "../../src/client/partition_consumer.ts";
import { PartitionProducer } from "../../src/client/partition_producer.ts";
import { type Broker, runSluice, startBroker } from "../support/broker.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME } from "../support/pair.ts";
import { counter } from "../support/proof/counters.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until, within } from "../support/until.ts";

const RECORDS = 20_000;
const BATCH_BYTES = 2_000;
const SEGMENT_BYTES = 65_536;

const broker = await startBroker({
  runtime: BROKER_RUNTIME,
  data: join(temporaryDirectory("subscribe"), "d"),
});
after(async () => {
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

function connect(to: Broker = broker): Promise<Connection> {
  return Connection.connect({ host: "127.0.0.1", port: to.port });
}

async function createTopic(name: string, config: Record<string, string>): Promise<void> {
  const connection = await connect();
  const entries = Object.entries(config).map(([key, value]) => ({ key, value }));
  await new Admin(connection).createTopic(name, { config: entries });
  connection.close();
}

/** The value of the record at an offset. */
function valueAt(offset: number): string {
  return `record ${offset} ${"x".repeat(offset % 200)}`;
}

async function produce(topic: string, from: number, to: number): Promise<void> {
  const connection = await connect();
  const producer = await PartitionProducer.open(connection, topic, 0, { batchBytes: BATCH_BYTES });
  const encoder = new TextEncoder();
  for (let offset = from; offset < to; offset += 1) {
    await producer.append(encoder.encode(valueAt(offset)));
  }
  await producer.flush();
  connection.close();
}

interface Reading {
  /** The next offset that is due. */
  next: number;
  readonly done: Promise<void>;
}

/** Reads up to offset `to`, and fails at the first record that is not the one that is due. */
async function read(
  topic: string,
  from: number,
  to: number,
  options: SubscribeOptions = {},
): Promise<Reading> {
  const connection = await connect();
  const consumer = await PartitionConsumer.open(connection, topic, 0);
  const decoder = new TextDecoder();
  const reading = { next: from, done: Promise.resolve() };
  const run = async (): Promise<void> => {
    for await (const { records, visibleEnd } of consumer.subscribe({ ...options, from })) {
      while (records.next()) {
        assert.equal(records.offset, reading.next, "no gap and no record twice");
        assert.ok(records.offset < visibleEnd, "below the visible end that the push names");
        const value = records.block.bytes.subarray(records.valueStart, records.valueEnd);
        assert.equal(decoder.decode(value), valueAt(records.offset));
        reading.next += 1;
      }
      if (reading.next >= to) break;
    }
    assert.equal(reading.next, to);
    connection.close();
  };
  reading.done = run();
  return reading;
}

for (const level of ["fsync", "os"]) {
  test(`catching up and following, level ${level}: every record once, over rolls`, async () => {
    const topic = `load-${level}`;
    await createTopic(topic, { durability: level, "segment.bytes": String(SEGMENT_BYTES) });
    const rolls = await counter(broker.port, "segment_rolls_total");
    const readings = [
      await read(topic, 0, RECORDS),
      await read(topic, 0, RECORDS, { creditBytes: 1 }),
      await read(topic, 0, RECORDS, { creditBytes: 5000, maxBytes: 3000 }),
    ];
    const producing = produce(topic, 0, RECORDS);
    await until("a part of it is read", () => readings[0]!.next > RECORDS / 4);
    const { next } = readings[0]!;
    readings.push(
      await read(topic, 0, RECORDS, { maxBytes: 100_000 }),
      await read(topic, next - 7, RECORDS),
    );
    await producing;
    await within("all are read", Promise.all(readings.map(({ done }) => done)), 120_000);
    const rolled = await counter(broker.port, "segment_rolls_total") - rolls;
    assert.ok(rolled > 20, `${rolled} segments were rolled meanwhile`);
    await until("no subscription is left", async () => {
      return await counter(broker.port, "subscriptions") === 0;
    });
  });
}

test("consume --follow is pushed what is there and what comes", async () => {
  await createTopic("followed", {});
  await produce("followed", 0, 100);
  const pushes = await counter(broker.port, "pushes_total");
  const fetches = await counter(broker.port, "fetches_total");
  const address = `127.0.0.1:${broker.port}`;
  const wanted = Array.from({ length: 200 }, (_, offset) => `${valueAt(offset)}\n`).join("");
  const following = runSluice({
    runtime: CLIENT_RUNTIME,
    args: ["consume", "followed", "--follow", "--broker", address],
    interruptAtBytes: wanted.length,
  });
  await until("it follows", async () => await counter(broker.port, "subscriptions") === 1);
  await produce("followed", 100, 200);
  const { out, code, stderr } = await following;
  assert.equal(out, wanted);
  assert.equal(code, 0, stderr);
  assert.ok(await counter(broker.port, "pushes_total") > pushes);
  assert.equal(await counter(broker.port, "fetches_total"), fetches, "it fetched nothing");
});

test("SIGTERM while subscribed: what was acknowledged is read, then the end is named", async () => {
  const data = join(temporaryDirectory("subscribe-term"), "d");
  const stopping = await startBroker({ runtime: BROKER_RUNTIME, data });
  const connection = await connect(stopping);
  await new Admin(connection).createTopic("t");
  const producer = await PartitionProducer.open(connection, "t", 0);
  const consumer = await PartitionConsumer.open(connection, "t", 0);
  const seen: number[] = [];
  const reading = (async () => {
    for await (const { records } of consumer.subscribe()) {
      while (records.next()) seen.push(records.offset);
    }
  })();
  const told = reading.then(() => "no end", (error: Error) => error.name);
  for (let i = 0; i < 10; i += 1) {
    await producer.append(new TextEncoder().encode(`${i}`));
    await producer.flush();
  }
  assert.deepEqual(await stopping.stop(), { code: 0, signal: null }, stopping.stderr());
  assert.equal(await told, "shutting_down");
  assert.deepEqual(seen, Array.from({ length: 10 }, (_, i) => i));
  connection.close();
});
