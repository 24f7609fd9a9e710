import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { BatchReport } from "../../../src/client/producer_options.ts";
import { until, within } from "../../support/until.ts";
import { errorReply } from "./fake_broker.ts";
import { valuesOf } from "./fake_cluster.ts";
import { client, cluster, connectAgain, freshClients } from "./fresh.ts";

freshClients();

describe("Producer", () => {
  test("what is sent in one turn shares a batch, and metadata is asked for once", async () => {
    const producer = await client.producer();
    const sent = [0, 1, 2].map((i) => producer.send({ topic: "t", value: `${i}` }));
    assert.deepEqual((await Promise.all(sent)).map(({ offset }) => offset), [0, 1, 2]);
    assert.deepEqual(cluster.stored.map(({ batch }) => valuesOf(batch)), [["0", "1", "2"]]);
    assert.equal(cluster.broker.named("metadata").length, 1);
  });

  test("bytes may be changed as soon as they are sent", async () => {
    const producer = await client.producer();
    await producer.send({ topic: "t", value: "first" });
    const value = new Uint8Array([97, 97]);
    const sent = producer.send({ topic: "t", value });
    value.fill(98);
    await sent;
    assert.deepEqual(valuesOf(cluster.stored[1]!.batch), ["aa"]);
  });

  test("without a key records go to one partition a batch, to all in the end", async () => {
    cluster.partitions = 4;
    const producer = await client.producer();
    const used = new Set<number>();
    for (let turn = 0; used.size < 4; turn += 1) {
      assert.ok(turn < 1000, "every partition is met");
      const sent = Array.from({ length: 5 }, () => producer.send({ topic: "t", value: "x" }));
      const partitions = new Set((await Promise.all(sent)).map(({ partition }) => partition));
      assert.equal(partitions.size, 1);
      for (const partition of partitions) used.add(partition);
    }
  });

  test("a partitioner of one's own chooses; what is no partition is refused", async () => {
    cluster.partitions = 3;
    const producer = await client.producer({
      partitioner: ({ key, partitions }) => key === null ? partitions : key[0]!,
    });
    const { partition } = await producer.send({ topic: "t", key: new Uint8Array([2]), value: "" });
    assert.equal(partition, 2);
    await assert.rejects(producer.send({ topic: "t", value: "" }), { name: "invalid_option" });
    for (const wrong of [3, -1, 0.5]) {
      const refused = producer.send({ topic: "t", partition: wrong, value: "" });
      await assert.rejects(refused, { name: "partition_not_found" });
    }
  });

  test("flush throws the first failure of a record without a promise, once", async () => {
    const reports: BatchReport[] = [];
    const onBatch = (report: BatchReport): void => void reports.push(report);
    const producer = await client.producer({ batchBytes: 0, onBatch });
    cluster.refuse = (request) => {
      const isBad = valuesOf(request.body.subarray(8))[0]!.startsWith("bad");
      return isBad ? errorReply(request.correlation, 42, "") : undefined;
    };
    for (const value of ["good", "bad 1", "bad 2"]) await producer.post({ topic: "t", value });
    await assert.rejects(within("flush", producer.flush()), { name: "batch_invalid" });
    await producer.flush();
    const told = reports.map((
      { baseOffset, records, error },
    ) => [baseOffset, records, error?.name]);
    assert.deepEqual(told, [[0, 1, undefined], [-1, 1, "batch_invalid"], [-1, 1, "batch_invalid"]]);
    assert.equal(reports[0]!.level, "fsync");
  });

  test("a failure that its promise has told is not told by flush", async () => {
    cluster.refuse = (request) => errorReply(request.correlation, 42, "");
    const producer = await client.producer();
    await assert.rejects(producer.send({ topic: "t", value: "" }), { name: "batch_invalid" });
    await producer.flush();
  });

  test("without room records wait in order, for as long as they may", async () => {
    cluster.refuse = () => null;
    const producer = await client.producer({ bufferBytes: 100, deliveryTimeoutMs: 150 });
    const value = "x".repeat(200);
    const first = producer.send({ topic: "t", value });
    const second = producer.send({ topic: "t", value });
    const third = Promise.resolve(producer.post({ topic: "t", value }));
    const all: Promise<unknown>[] = [first, second, third];
    await Promise.all(all.map((late) => {
      return assert.rejects(within("its time", late), { name: "delivery_timeout" });
    }));
  });

  test("the time that a record waits for room is of the time it has", async () => {
    await connectAgain({ requestTimeoutMs: 3_600_000 });
    let skippedMs = 0;
    const { now } = performance;
    performance.now = () => now.call(performance) + skippedMs;
    try {
      const producer = await client.producer({ bufferBytes: 1, deliveryTimeoutMs: 600_000 });
      cluster.refuse = () => null;
      const first = producer.send({ topic: "t", value: "1" });
      const second = producer.send({ topic: "t", value: "2" });
      await until("the first is on its way", () => cluster.broker.named("produce").length === 1);
      skippedMs = 400_000;
      const [request] = cluster.broker.named("produce");
      cluster.refuse = (other) => other === request ? undefined : null;
      cluster.take(request!);
      await first;
      await until("the second is on its way", () => cluster.broker.named("produce").length === 2);
      skippedMs = 650_000;
      await assert.rejects(within("its end", second), { name: "delivery_timeout" });
    } finally {
      performance.now = now;
    }
  });

  test("close sends what is there; afterwards nothing is taken", async () => {
    const producer = await client.producer({ lingerMs: 60_000 });
    const sent = producer.send({ topic: "t", value: "1" });
    await producer.post({ topic: "t", value: "2" });
    await within("the end", producer.close());
    await sent;
    assert.deepEqual(cluster.stored.flatMap(({ batch }) => valuesOf(batch)), ["1", "2"]);
    await assert.rejects(producer.send({ topic: "t", value: "3" }), { name: "closed" });
    assert.throws(() => producer.post({ topic: "t", value: "3" }), { name: "closed" });
  });

  test("close with a limit fails what is not acknowledged", async () => {
    cluster.refuse = () => null;
    const producer = await client.producer();
    const sent = producer.send({ topic: "t", value: "1" });
    const failed = assert.rejects(sent, { name: "closed" });
    await within("the end", producer.close(20));
    await failed;
  });

  test("a topic that comes later is met, and partitions that are added", async () => {
    const known = cluster.answer;
    cluster.answer = (request) => {
      return request.name === "metadata" ? errorReply(request.correlation, 20, "") : undefined;
    };
    const producer = await client.producer({ partitioner: ({ partitions }) => partitions - 1 });
    const early = producer.send({ topic: "t", value: "1" });
    await assert.rejects(early, { name: "topic_not_found" });
    cluster.answer = known;
    assert.equal((await producer.send({ topic: "t", value: "2" })).partition, 0);
  });

  test("a broker without idempotent producers is an error that says what to do", async () => {
    cluster.answer = (request) => {
      return request.name === "init_producer" ? errorReply(request.correlation, 4, "") : undefined;
    };
    await assert.rejects((await client.producer()).send({ topic: "t", value: "1" }), {
      name: "unknown_operation",
      message: /use idempotence: false/,
    });
    const producer = await client.producer({ idempotence: false });
    assert.equal((await producer.send({ topic: "t", value: "1" })).offset, 0);
  });

  test("metadata that is old is asked for again, while records go on", async () => {
    await connectAgain({ metadataMaxAgeMs: 1 });
    const producer = await client.producer({
      deliveryTimeoutMs: 80,
      partitioner: ({ partitions }) => partitions - 1,
    });
    assert.equal((await producer.send({ topic: "t", value: "1" })).partition, 0);
    cluster.partitions = 2;
    const later = async (): Promise<void> => {
      while ((await producer.send({ topic: "t", value: "2" })).partition === 0) continue;
    };
    await within("the new partition", later());
  });
});
