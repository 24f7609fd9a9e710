/**
 * The consumer against a real broker: every record once and in order, over restarts, seeks, pauses
 * and a retention that is faster.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { Client } from "../../src/client/client.ts";
import type { Consumer } from "../../src/client/consumer.ts";
import type { ConsumerRecord } from "../../src/client/record.ts";
import { type Broker, startBroker } from "../support/broker.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until, within } from "../support/until.ts";

const broker = await startBroker({
  runtime: BROKER_RUNTIME,
  data: join(temporaryDirectory("consume"), "d"),
});
after(async () => {
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

function connect(to: Broker = broker): Promise<Client> {
  return Client.connect({ brokers: [`127.0.0.1:${to.port}`] });
}

/** Sends `count` records, numbered on from `first`, to the partitions in turn. */
async function send(
  client: Client,
  topic: string,
  partitions: number,
  first: number,
  count: number,
): Promise<void> {
  await using producer = await client.producer({ batchBytes: 700, compression: "lz4" });
  for (let i = first; i < first + count; i += 1) {
    await producer.post({ topic, partition: i % partitions, key: `${i}`, value: `value ${i}` });
  }
}

/** The next `count` records. */
async function take(consumer: Consumer, count: number): Promise<ConsumerRecord[]> {
  const records: ConsumerRecord[] = [];
  const taking = (async () => {
    for await (const record of consumer) {
      records.push(record);
      if (records.length === count) break;
    }
  })();
  await within(`${count} records`, taking);
  return records;
}

const numbers = (records: readonly ConsumerRecord[], partition: number): number[] => {
  return records.filter((record) => record.partition === partition)
    .map((record) => Number(record.keyText()));
};

test("all partitions of topics are read, what is there and what comes", async () => {
  await using client = await connect();
  await client.admin.createTopic("two", { partitions: 2 });
  await client.admin.createTopic("three", { partitions: 3 });
  await send(client, "two", 2, 0, 500);
  const consumer = await client.consumer({ topics: ["two", "three"] });
  const first = await take(consumer, 499);
  await send(client, "three", 3, 0, 600);
  const rest = await take(consumer, 601);
  const all = [...first, ...rest];
  for (const [topic, partitions] of [["two", 2], ["three", 3]] as const) {
    for (let partition = 0; partition < partitions; partition += 1) {
      const of = all.filter((record) => record.topic === topic);
      const expected = of.filter((record) => record.partition === partition);
      assert.deepEqual(expected.map(({ offset }) => offset), expected.map((_, offset) => offset));
      assert.deepEqual(
        numbers(of, partition),
        expected.map((_, offset) => offset * partitions + partition),
      );
    }
  }
  assert.equal(all[0]!.text(), `value ${all[0]!.keyText()}`);
});

test("batches give every record without an object for each", async () => {
  await using client = await connect();
  await client.admin.createTopic("batches");
  await send(client, "batches", 1, 0, 1000);
  const consumer = await client.consumer({ topics: ["batches"] });
  let next = 0;
  for await (const { records, nextOffset } of consumer.batches()) {
    while (records.next()) {
      assert.equal(records.offset, next);
      next += 1;
    }
    assert.equal(nextOffset, next);
    if (next === 1000) break;
  }
});

test("a consumer reads on over brokers that are killed and started again", async () => {
  const data = join(temporaryDirectory("restart"), "d");
  let own = await startBroker({ runtime: BROKER_RUNTIME, data });
  const native = `127.0.0.1:${own.port}`;
  await using client = await connect(own);
  await client.admin.createTopic("restart", { partitions: 2 });
  await send(client, "restart", 2, 0, 100);
  const consumer = await client.consumer({ topics: ["restart"] });
  const seen: ConsumerRecord[] = [];
  const reading = (async () => {
    for await (const record of consumer) {
      seen.push(record);
      if (seen.length === 400) break;
    }
  })();
  for (let round = 1; round < 4; round += 1) {
    await own.kill();
    own = await startBroker({ runtime: BROKER_RUNTIME, data, native });
    await send(client, "restart", 2, 100 * round, 100);
  }
  await within("400 records", reading);
  for (const partition of [0, 1]) {
    assert.deepEqual(
      numbers(seen, partition),
      Array.from({ length: 200 }, (_, i) => 2 * i + partition),
    );
  }
  await client.close();
  assert.deepEqual(await own.stop(), { code: 0, signal: null }, own.stderr());
});

test("seek goes to an offset, to a time and to the ends, also within the loop", async () => {
  await using client = await connect();
  await client.admin.createTopic("seek");
  const producer = await client.producer();
  for (let i = 0; i < 50; i += 1) {
    await producer.post({ topic: "seek", key: `${i}`, value: "x", timestampMs: 1000 + i });
  }
  await producer.flush();
  const consumer = await client.consumer({ topics: ["seek"], from: 40 });
  assert.deepEqual((await take(consumer, 3)).map(({ offset }) => offset), [40, 41, 42]);
  consumer.seek("seek", 0, 7);
  assert.deepEqual((await take(consumer, 2)).map(({ offset }) => offset), [7, 8]);
  consumer.seek("seek", 0, { timeMs: 1033 });
  assert.deepEqual((await take(consumer, 2)).map(({ offset }) => offset), [33, 34]);
  consumer.seek("seek", 0, "earliest");
  const offsets: number[] = [];
  for await (const { offset } of consumer) {
    offsets.push(offset);
    if (offset === 2) consumer.seek("seek", 0, 48);
    if (offset === 49) break;
  }
  assert.deepEqual(offsets, [0, 1, 2, 48, 49]);
  consumer.seek("seek", 0, "latest");
  const late = take(consumer, 1);
  await consumer.lag();
  // The end is asked for when the subscription begins: records come until it is seen.
  let hasCome = false;
  void late.then(() => (hasCome = true), () => (hasCome = true));
  const sender = (async () => {
    while (!hasCome) await producer.send({ topic: "seek", value: "late" });
  })();
  assert.ok((await late)[0]!.offset >= 50);
  await sender;
});

test("a paused partition gives nothing, from the middle of a push on; others go on", async () => {
  await using client = await connect();
  await client.admin.createTopic("pause", { partitions: 2 });
  await send(client, "pause", 2, 0, 400);
  const consumer = await client.consumer({ topics: ["pause"] });
  const records: ConsumerRecord[] = [];
  for await (const record of consumer) {
    records.push(record);
    if (records.length === 1) consumer.pause("pause", record.partition);
    if (records.length === 201) break;
  }
  const paused = records[0]!.partition;
  assert.equal(numbers(records, paused).length, 1);
  assert.equal(numbers(records, 1 - paused).length, 200);
  const lags = await consumer.lag();
  assert.deepEqual(lags.map(({ visibleEnd }) => visibleEnd), [200, 200]);
  assert.equal(lags.find(({ partition }) => partition === paused)!.lag, 199);
  consumer.resume();
  const rest = await take(consumer, 199);
  assert.deepEqual(
    numbers([...records, ...rest], paused),
    Array.from({ length: 200 }, (_, i) => 2 * i + paused),
  );
});

test("an offset that is gone goes by the policy: the next end, or an error", async () => {
  await using client = await connect();
  await client.admin.createTopic("gone");
  await send(client, "gone", 1, 0, 100);
  await client.admin.deleteRecords("gone", 0, 60);
  const partitions = [{ topic: "gone", partition: 0, from: 10 }];
  const resets: unknown[] = [];
  const onReset = (reset: unknown): void => void resets.push(reset);
  const lenient = await client.consumer({ partitions, onReset });
  assert.equal((await take(lenient, 1))[0]!.offset, 60);
  assert.deepEqual(resets, [{ topic: "gone", partition: 0, position: 10, to: "earliest" }]);
  const strict = await client.consumer({ partitions, outOfRange: "error" });
  await assert.rejects(take(strict, 1), { name: "offset_out_of_range" });
  strict.seek("gone", 0, 99);
  assert.equal((await take(strict, 1))[0]!.offset, 99);
});

test("the signal and close end a loop that waits", async () => {
  await using client = await connect();
  await client.admin.createTopic("quiet");
  const abort = new AbortController();
  const one = await client.consumer({ topics: ["quiet"], signal: abort.signal });
  const two = await client.consumer({ topics: ["quiet"] });
  const loops = [one, two].map(async (consumer) => {
    for await (const record of consumer) assert.fail(`nothing comes, but ${record.offset}`);
  });
  abort.abort();
  await within("the end by the signal", loops[0]!);
  await two.close();
  await within("the end by close", loops[1]!);
});

test("a topic that there is not is refused, one that is deleted ends the loop", async () => {
  await using client = await connect();
  await assert.rejects(client.consumer({ topics: ["none-such"] }), { name: "topic_not_found" });
  await client.admin.createTopic("short");
  const consumer = await client.consumer({ topics: ["short"] });
  const ended = assert.rejects(take(consumer, 1), { name: "topic_not_found" });
  await client.admin.deleteTopic("short");
  await ended;
});

test("a group goes on where it has committed: what the loop has finished, no more", async () => {
  await using client = await connect();
  await client.admin.createTopic("group", { partitions: 2 });
  await send(client, "group", 2, 0, 100);
  const options = { topics: ["group"], group: "g", commitIntervalMs: 20 };
  const seen: string[] = [];
  for (let round = 0; round < 5; round += 1) {
    const consumer = await client.consumer(options);
    await assert.rejects(async () => {
      let count = 0;
      for await (const record of consumer) {
        count += 1;
        if (count === 20) throw new Error("in the middle"); // of a record that is not finished
        seen.push(record.keyText());
      }
    }, /in the middle/);
    await consumer.close();
  }
  assert.equal(new Set(seen).size, seen.length, "nothing twice");
  assert.equal(seen.length, 95);
  const offsets = await client.admin.groupOffsets("g");
  assert.equal(offsets.reduce((sum, { offset }) => sum + offset, 0), 95);
  assert.deepEqual((await client.admin.listGroups("g")).map(({ group }) => group), ["g"]);
});

test("automatic commits come at their interval, while the loop runs", async () => {
  await using client = await connect();
  await client.admin.createTopic("interval");
  await send(client, "interval", 1, 0, 10);
  const group = "interval";
  const consumer = await client.consumer({ topics: ["interval"], group, commitIntervalMs: 10 });
  let count = 0;
  for await (const record of consumer) {
    count += 1;
    if (count < 10) continue;
    const committed = async (): Promise<boolean> => {
      const [first] = await client.admin.groupOffsets(group);
      return first?.offset === record.offset; // this one is not finished
    };
    await until("the commit of nine records", committed);
    break;
  }
});

test("manual commits commit what was given, or what is said, also after a seek back", async () => {
  await using client = await connect();
  await client.admin.createTopic("manual");
  await send(client, "manual", 1, 0, 10);
  const group = "manual";
  const committed = async (): Promise<number | undefined> => {
    return (await client.admin.groupOffsets(group))[0]?.offset;
  };
  const consumer = await client.consumer({ topics: ["manual"], group, commit: "manual" });
  for await (const { offset } of consumer) {
    if (offset === 3) await consumer.commit();
    if (offset === 6) break;
  }
  assert.equal(await committed(), 4);
  await consumer.commit([{ topic: "manual", partition: 0, offset: 6, metadata: "mine" }]);
  assert.equal((await client.admin.groupOffsets(group))[0]!.metadata, "mine");
  consumer.seek("manual", 0, 1);
  await consumer.commit();
  assert.equal(await committed(), 1);
  await consumer.close();
  assert.equal(await committed(), 1, "close commits nothing by itself");
  const next = await client.consumer({ topics: ["manual"], group, from: "latest" });
  assert.equal((await take(next, 1))[0]!.offset, 1);
  await client.admin.deleteGroup(group);
  assert.deepEqual(await client.admin.groupOffsets(group), []);
});
