import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { heapBlock } from "../../../src/base/bytes.ts";
import { BrokerError, ConnectionError, RecordTooLargeError } from "../../../src/client/errors.ts";
import {
  PartitionProducer,
  type PartitionProducerOptions,
} from "../../../src/client/partition_producer.ts";
import { RecordReader } from "../../../src/client/record_reader.ts";
import { Acks } from "../../../src/format/levels.ts";
import { errorReply, MAX_MESSAGE_BYTES, reply, type Request } from "./fake_broker.ts";
import { connection, fake, freshConnections } from "./fresh.ts";

freshConnections();

function open(options: PartitionProducerOptions = {}): Promise<PartitionProducer> {
  return PartitionProducer.open(connection, "t", 0, options);
}

/** The values that the fake broker holds. */
function stored(): Uint8Array[] {
  const values: Uint8Array[] = [];
  for (const batch of fake.batches) {
    const block = heapBlock(batch.length);
    block.bytes.set(batch);
    const reader = new RecordReader(block);
    reader.open(block, 0, batch.length, 0, Infinity);
    while (reader.next()) values.push(block.bytes.slice(reader.valueStart, reader.valueEnd));
  }
  return values;
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 1) {
    assert.ok(waited < 2000, "in time");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const value = (index: number): Uint8Array => new TextEncoder().encode(`value ${index}`);

describe("PartitionProducer", () => {
  test("records arrive in order, in batches below the limit", async () => {
    const producer = await open();
    const values: Uint8Array[] = [];
    for (let index = 0; index < 2000; index += 1) values.push(value(index));
    for (const each of values) await producer.append(each);
    const progress = await producer.flush();
    assert.deepEqual(stored(), values);
    assert.ok(fake.batches.length > 5);
    assert.ok(fake.batches.every((batch) => batch.length <= MAX_MESSAGE_BYTES));
    assert.equal(progress.records, 2000);
    assert.equal(progress.lastOffset, 1999);
    assert.equal(progress.level, "fsync");
    assert.equal(progress.batches, fake.batches.length);
  });

  test("nothing sent is nothing acknowledged", async () => {
    const producer = await open();
    assert.deepEqual(await producer.flush(), {
      records: 0,
      batches: 0,
      lastOffset: -1,
      level: "none",
    });
    assert.equal(fake.named("produce").length, 0);
  });

  test("the window bounds batches in flight, and acknowledgements open it", async () => {
    const producer = await open({ batchBytes: 100, inFlightMax: 3 });
    const held: Request[] = [];
    fake.answer = (request) => {
      if (request.name !== "produce") return undefined;
      held.push(request);
      return null;
    };
    const values = Array.from({ length: 10 }, () => new Uint8Array(20));
    const done = (async () => {
      for (const each of values) {
        await producer.append(each);
        await producer.sendBatch();
      }
      return await producer.flush();
    })();
    await until(() => held.length === 3);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(held.length, 3, "no fourth one");
    for (let answered = 0; answered < 10; answered += 1) {
      await until(() => held.length > answered);
      assert.ok(held.length <= answered + 3);
      const rest = { level: 3, reserved: 0, reserved2: 0, leaderEpoch: 0 };
      fake.send(reply(held[answered]!, { baseOffset: answered, ...rest }));
    }
    assert.equal((await done).records, 10);
  });

  test("a batch is not changed while it is in flight", async () => {
    const producer = await open({ batchBytes: 200 });
    for (let index = 0; index < 500; index += 1) await producer.append(value(index));
    await producer.flush();
    assert.deepEqual(stored(), Array.from({ length: 500 }, (_unused, index) => value(index)));
  });

  test("only what precedes the first failure counts", async () => {
    const producer = await open();
    fake.answer = (request) => {
      if (request.name !== "produce") return undefined;
      const index = fake.named("produce").length - 1;
      return index === 2 ? errorReply(request.correlation, 61, "full") : undefined;
    };
    const send = async () => {
      for (let index = 0; index < 6; index += 1) {
        await producer.append(value(index));
        await producer.sendBatch();
      }
      await producer.flush();
    };
    await assert.rejects(send, (error: unknown) => {
      return error instanceof BrokerError && error.name === "disk_full" && error.retriable;
    });
    await until(() => connection.outstanding === 0);
    assert.equal(producer.acknowledged.records, 2);
    assert.equal(producer.acknowledged.lastOffset, 1);
    await assert.rejects(() => producer.flush(), BrokerError, "the failure stays");
  });

  test("a lost connection leaves the count of what was acknowledged", async () => {
    const producer = await open();
    await producer.append(value(0));
    await producer.flush();
    fake.answer = () => null;
    await producer.append(value(1));
    const flushed = assert.rejects(() => producer.flush(), ConnectionError);
    await until(() => fake.named("produce").length === 2);
    for (const socket of fake.sockets) socket.destroy();
    await flushed;
    assert.deepEqual(producer.acknowledged.records, 1);
  });

  test("a record that no batch holds is refused by name, the rest goes on", async () => {
    const producer = await open();
    await producer.append(value(0));
    const tooLarge = new Uint8Array(producer.valueSizeMax + 1);
    await assert.rejects(() => producer.append(tooLarge), (error: unknown) => {
      assert.ok(error instanceof RecordTooLargeError);
      assert.equal(error.limitBytes, producer.valueSizeMax);
      assert.equal(error.neededMaxMessageBytes, MAX_MESSAGE_BYTES + 1);
      return true;
    });
    await producer.append(new Uint8Array(producer.valueSizeMax));
    assert.equal((await producer.flush()).records, 2);
    assert.equal(fake.batches[1]!.length, MAX_MESSAGE_BYTES);
  });

  test("a record above the usual batch gets a batch of its own", async () => {
    const producer = await open({ batchBytes: 200 });
    const values = [1, 1000, 2, 3000, 3].map((size) => new Uint8Array(size).fill(size & 255));
    for (const each of values) await producer.append(each);
    await producer.flush();
    assert.deepEqual(stored(), values);
  });

  test("tryAppend says when the batch is full and does nothing then", async () => {
    const producer = await open();
    const block = heapBlock(3000);
    assert.ok(producer.tryAppend(block, 0, 3000));
    assert.equal(producer.tryAppend(block, 0, 3000), false);
    await producer.sendBatch();
    assert.ok(producer.tryAppend(block, 0, 3000));
    assert.equal((await producer.flush()).records, 2);
  });

  test("acks leader is asked for, and its level is told", async () => {
    const producer = await open({ acks: Acks.leader });
    await producer.append(value(0));
    assert.equal((await producer.flush()).level, "os");
    assert.equal(fake.named("produce")[0]!.body[4], 1);
    assert.deepEqual([...fake.named("produce")[0]!.body.subarray(5, 8)], [0, 0, 0]);
  });

  test("each batch is told once, in order", async () => {
    const told: number[] = [];
    const producer = await open({
      batchBytes: 100,
      onAcknowledged: ({ baseOffset, records }) => told.push(baseOffset, records),
    });
    for (let index = 0; index < 9; index += 1) await producer.append(value(index));
    await producer.flush();
    let next = 0;
    for (let at = 0; at < told.length; at += 2) {
      assert.equal(told[at], next);
      next += told[at + 1]!;
    }
    assert.equal(next, 9);
  });
});
