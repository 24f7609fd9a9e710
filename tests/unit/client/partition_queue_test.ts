import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cluster } from "../../../src/client/cluster.ts";
import { PartitionQueue } from "../../../src/client/partition_queue.ts";
import type { Producer } from "../../../src/client/producer.ts";
import { type ProducerOptions, producerSettings } from "../../../src/client/producer_options.ts";
import { ProducerShared } from "../../../src/client/producer_shared.ts";
import type { Delivery } from "../../../src/client/record.ts";
import { RecordEncoder } from "../../../src/client/record_encoder.ts";
import { Prng } from "../../support/prng.ts";
import { until, within } from "../../support/until.ts";
import { errorReply } from "./fake_broker.ts";
import { valuesOf } from "./fake_cluster.ts";
import { client, cluster, freshClients } from "./fresh.ts";

const DISK_FULL = 61;
const BATCH_INVALID = 42;
const OUT_OF_ORDER = 45;
const SHUTTING_DOWN = 62;

freshClients();

/** One record a batch, so that batches are as many as records. */
function producerOf(options: ProducerOptions = {}): Promise<Producer> {
  return client.producer({ batchBytes: 0, ...options });
}

/** Sends values 0 to count - 1; gives what became of each. */
async function sendAll(producer: Producer, count: number): Promise<(number | string)[]> {
  const sent = Array.from({ length: count }, async (_, i) => {
    try {
      return (await producer.send({ topic: "t", value: `${i}` })).offset;
    } catch (error) {
      return (error as Error).name;
    }
  });
  return await within("the end of all records", Promise.all(sent));
}

function storedValues(): string[] {
  return cluster.stored.flatMap(({ batch }) => valuesOf(batch));
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** A queue without a producer, so that a test says what is too old and what gets room. */
class BareQueue {
  released: () => void = () => {};
  readonly #settings = producerSettings({ batchBytes: 0, lingerMs: 60_000 });
  readonly #cluster: Cluster;
  readonly #shared: ProducerShared;
  readonly #queue: PartitionQueue;
  readonly #encoder: RecordEncoder = new RecordEncoder();

  private constructor(broker: string) {
    const backoff = { reconnectBackoffMs: 1, reconnectBackoffMaxMs: 5 };
    const rest = { requestTimeoutMs: 30_000, metadataMaxAgeMs: 300_000 };
    this.#cluster = new Cluster({ brokers: [broker], ...backoff, ...rest });
    const listener = { released: (): void => this.released(), reported: (): void => {} };
    this.#shared = new ProducerShared(this.#cluster, this.#settings, null, listener, () => {});
    this.#queue = new PartitionQueue(this.#shared, "t", 0, 1_000_000);
  }

  static async start(): Promise<BareQueue> {
    const { host, port } = cluster.broker.address;
    const queue = new BareQueue(`${host}:${port}`);
    await queue.#cluster.any();
    return queue;
  }

  send(value: string): Promise<Delivery> {
    const sent = this.append(value);
    this.#queue.seal();
    return sent;
  }

  /** The record waits for others. */
  append(value: string): Promise<Delivery> {
    return new Promise((resolve, reject) => {
      this.#encoder.take({ topic: "t", value });
      this.#queue.append(this.#encoder, resolve, reject);
    });
  }

  /** Gives up what was sent until `sentMs`. */
  expire(sentMs: number): void {
    this.#queue.expire(sentMs + this.#settings.deliveryTimeoutMs);
  }

  close(): void {
    this.#shared.close();
    this.#cluster.close();
  }
}

describe("PartitionQueue", () => {
  test("batches carry the producer and count on; at most five are in flight", async () => {
    const producer = await producerOf();
    assert.deepEqual(await sendAll(producer, 1), [0]); // now the broker knows the producer
    let held = 0;
    cluster.lose = () => {
      held += 1;
      return true;
    };
    const sending = sendAll(producer, 12);
    await within(
      "five",
      (async () => {
        while (held < 5) await new Promise((resolve) => setTimeout(resolve, 1));
      })(),
    );
    await client.admin.ping(); // answered behind whatever was sent before
    assert.equal(held, 5);
    cluster.lose = () => false;
    cluster.stored.forEach(({ sequence }, i) => assert.equal(sequence, i));
    cluster.cut(); // the answers are lost with it
    assert.deepEqual(await sending, upTo(12).map((i) => i + 1));
    assert.deepEqual(storedValues(), ["0", ...upTo(12).map(String)]);
    assert.deepEqual(new Set(cluster.stored.map(({ epoch }) => epoch)), new Set([0]));
  });

  test("of a producer that the broker does not know one batch is in flight", async () => {
    let produced = 0;
    cluster.lose = () => {
      produced += 1;
      return produced === 1;
    };
    const producer = await producerOf();
    const sending = sendAll(producer, 6);
    await within(
      "the first",
      (async () => {
        while (produced < 1) await new Promise((resolve) => setTimeout(resolve, 1));
      })(),
    );
    await client.admin.ping();
    assert.equal(produced, 1);
    cluster.cut();
    assert.deepEqual(await sending, upTo(6));
  });

  test("answers that are lost anywhere neither duplicate nor reorder", async () => {
    for (let lostAt = 1; lostAt <= 8; lostAt += 1) {
      cluster.stored.length = 0;
      const seen = new Set<number>();
      let count = 0;
      cluster.lose = () => {
        count += 1;
        if (count !== lostAt || seen.has(lostAt)) return false;
        seen.add(lostAt);
        setTimeout(() => cluster.cut(), 1);
        return true;
      };
      const producer = await producerOf({ inFlightMax: 1 + lostAt % 5 });
      await sendAll(producer, 10);
      assert.deepEqual(storedValues(), upTo(10).map(String), `answer ${lostAt} was lost`);
    }
  });

  test("a refusal that may pass is repeated, with all behind it, in order", async () => {
    cluster.refuse = (request, attempt) => {
      return attempt <= 3 ? errorReply(request.correlation, DISK_FULL, "") : undefined;
    };
    const producer = await producerOf();
    assert.deepEqual(await sendAll(producer, 9), upTo(9));
    assert.deepEqual(storedValues(), upTo(9).map(String));
  });

  test("a batch that is refused for good fails alone; the others get new numbers", async () => {
    cluster.refuse = (request) => {
      const value = valuesOf(request.body.subarray(8))[0];
      return value === "2" ? errorReply(request.correlation, BATCH_INVALID, "no") : undefined;
    };
    const producer = await producerOf();
    const outcome = await sendAll(producer, 8);
    assert.deepEqual(outcome, [0, 1, "batch_invalid", 2, 3, 4, 5, 6]);
    assert.deepEqual(storedValues(), ["0", "1", "3", "4", "5", "6", "7"]);
    const numbers = cluster.stored.map(({ epoch, sequence }) => `${epoch}:${sequence}`);
    assert.deepEqual(numbers, ["0:0", "0:1", "1:0", "1:1", "1:2", "1:3", "1:4"]);
  });

  test("a gap that is none of its own fails one batch: it was lost at the broker", async () => {
    const producer = await producerOf();
    assert.deepEqual(await sendAll(producer, 2), [0, 1]);
    cluster.stored.pop();
    assert.deepEqual(await sendAll(producer, 3), ["out_of_order_sequence", 1, 2]);
    assert.deepEqual(cluster.stored.map(({ epoch }) => epoch), [0, 1, 1]);
  });

  test("a newer producer of the same id: the batch fails, then another id is taken", async () => {
    const producer = await producerOf();
    assert.deepEqual(await sendAll(producer, 1), [0]);
    const [first] = cluster.stored;
    cluster.stored.push({ ...first!, epoch: 9 });
    assert.deepEqual(await sendAll(producer, 1), ["invalid_producer_epoch"]);
    assert.deepEqual(await sendAll(producer, 1), [2]);
    assert.equal(cluster.stored.at(-1)!.producerId, first!.producerId + 1);
  });

  test("a record is given up in time, and those behind it are stored once", async () => {
    const producer = await producerOf({ deliveryTimeoutMs: 200 });
    assert.deepEqual(await sendAll(producer, 1), [0]);
    let silent = true;
    cluster.refuse = () => silent ? null : undefined; // neither stored nor answered
    assert.deepEqual(await sendAll(producer, 2), ["delivery_timeout", "delivery_timeout"]);
    silent = false;
    cluster.cut();
    assert.deepEqual(await sendAll(producer, 2), [1, 2]);
    assert.deepEqual(storedValues(), ["0", "0", "1"]);
  });

  test("a record that was given up and stored all the same leaves no gap", async () => {
    const producer = await producerOf({ deliveryTimeoutMs: 200 });
    cluster.lose = () => true;
    assert.deepEqual(await sendAll(producer, 1), ["delivery_timeout"]);
    cluster.lose = () => false;
    cluster.cut();
    assert.deepEqual(await sendAll(producer, 2), [1, 2]);
    assert.deepEqual(cluster.stored.map(({ epoch }) => epoch), [0, 0, 0]);
  });

  test("two given up in the middle leave a gap, whatever is stored before it", async () => {
    const queue = await BareQueue.start();
    await queue.send("0");
    cluster.refuse = () => null;
    const givenUp = [queue.send("1"), queue.send("2")];
    const betweenMs = performance.now();
    await until("the clock goes on", () => performance.now() > betweenMs + 1);
    const last = queue.send("3");
    await until("three are on their way", () => cluster.broker.named("produce").length === 4);
    cluster.cut(); // of a producer that it may not know the broker gets one at a time
    await until("the first again", () => cluster.broker.named("produce").length === 5);
    const ends = givenUp.map((each) => assert.rejects(each, { name: "delivery_timeout" }));
    queue.expire(betweenMs);
    await Promise.all(ends);
    cluster.refuse = () => undefined;
    cluster.take(cluster.broker.named("produce")[4]!); // stored and answered after all
    assert.equal((await within("the last", last)).offset, 2);
    assert.deepEqual(storedValues(), ["0", "1", "3"]);
    queue.close();
  });

  test("a record that gets room while others are refused waits with them", async () => {
    const queue = await BareQueue.start();
    await queue.send("0");
    cluster.refuse = () => null;
    const givenUp = queue.send("1");
    const betweenMs = performance.now();
    await until("the clock goes on", () => performance.now() > betweenMs + 1);
    const second = queue.send("2");
    await until("two are on their way", () => cluster.broker.named("produce").length === 3);
    const end = assert.rejects(givenUp, { name: "delivery_timeout" });
    queue.expire(betweenMs);
    await end;
    let third: Promise<unknown> | null = null;
    queue.released = () => (third ??= queue.send("3"));
    cluster.refuse = () => undefined;
    const [, one, two] = cluster.broker.named("produce");
    cluster.broker.send(errorReply(one!.correlation, DISK_FULL, ""));
    cluster.broker.send(errorReply(two!.correlation, OUT_OF_ORDER, ""));
    assert.equal((await within("the second", second)).offset, 1);
    await within("the third", third!);
    assert.deepEqual(storedValues(), ["0", "2", "3"]);
    queue.close();
  });

  test("a record that is given up before its batch is sent is not sent", async () => {
    const queue = await BareQueue.start();
    await queue.send("0");
    cluster.refuse = () => null;
    const first = queue.send("1");
    await until("the first is on its way", () => cluster.broker.named("produce").length === 2);
    const ends = [first, queue.append("2")].map((each) => {
      return assert.rejects(each, { name: "delivery_timeout" });
    });
    queue.expire(performance.now());
    await Promise.all(ends);
    cluster.refuse = () => undefined;
    cluster.take(cluster.broker.named("produce")[1]!);
    assert.equal((await within("the last", queue.send("3"))).offset, 2);
    assert.deepEqual(storedValues(), ["0", "1", "3"]);
    queue.close();
  });

  test("a broker that stops is met again", async () => {
    let refused = 0;
    cluster.refuse = (request) => {
      refused += 1;
      return refused <= 3 ? errorReply(request.correlation, SHUTTING_DOWN, "") : undefined;
    };
    assert.deepEqual(await sendAll(await producerOf(), 4), upTo(4));
  });

  test("without idempotence batches are of no producer", async () => {
    const producer = await producerOf({ idempotence: false });
    assert.deepEqual(await sendAll(producer, 3), upTo(3));
    for (const { producerId, epoch, sequence } of cluster.stored) {
      assert.deepEqual([producerId, epoch, sequence], [-1, -1, -1]);
    }
  });

  test("what is sent while others are on their way shares a batch", async () => {
    const producer = await client.producer({ lingerMs: 60_000 });
    const first = producer.send({ topic: "t", value: "0" });
    await new Promise((resolve) => setTimeout(resolve, 20)); // it is on its way, or answered
    await first;
    const rest = await sendAll(producer, 50);
    assert.deepEqual(rest, upTo(50).map((i) => i + 1));
    assert.deepEqual(cluster.stored.map(({ count }) => count), [1, 50]);
  });

  test("a record as large as a batch may be is sent alone; a larger one is refused", async () => {
    cluster.maxMessageBytes = 5000;
    const producer = await client.producer({ batchBytes: 1000 });
    await producer.send({ topic: "t", value: "x".repeat(4900) });
    const refused = producer.send({ topic: "t", value: "x".repeat(5000) });
    await assert.rejects(refused, { name: "batch_too_large", recordBytes: 5000 });
    await producer.send({ topic: "t", value: "y" });
    assert.deepEqual(cluster.stored.map(({ count }) => count), [1, 1]);
  });

  test("under faults by chance every record is stored once and in order", async () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const prng = new Prng(seed);
      cluster.stored.length = 0;
      let faults = 25;
      const fault = (percent: number): boolean => {
        const happens = faults > 0 && prng.chance(percent);
        if (happens) faults -= 1;
        return happens;
      };
      cluster.refuse = (request) => {
        if (fault(8)) return errorReply(request.correlation, DISK_FULL, "");
        if (!fault(4)) return undefined;
        setTimeout(() => cluster.cut(), 1);
        return null; // neither stored nor answered
      };
      cluster.lose = () => {
        const isLost = fault(6);
        if (isLost) setTimeout(() => cluster.cut(), prng.below(3));
        return isLost;
      };
      const producer = await producerOf({ inFlightMax: prng.between(1, 5) });
      const outcome = await sendAll(producer, 200);
      assert.ok(faults < 25, "there were faults");
      assert.deepEqual(storedValues(), upTo(200).map(String), `seed ${seed}`);
      assert.deepEqual(outcome.map((offset) => Number(offset) - Number(outcome[0])), upTo(200));
      await producer.close();
    }
  });
});
