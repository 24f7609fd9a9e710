import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { beforeEach, describe, test } from "node:test";
import type { Consumer } from "../../../src/client/consumer.ts";
import { batchOf } from "../../support/batches.ts";
import { within } from "../../support/until.ts";
import { errorReply, pushFrame, type Request } from "./fake_broker.ts";
import { client, cluster, freshClients } from "./fresh.ts";

const SHUTTING_DOWN = 62;
const STORAGE_FAILED = 60;
const DEGRADED = 63;
const UNKNOWN_HANDLE = 9;

freshClients();

let consumer: Consumer;

beforeEach(() => {
  const { broker } = cluster;
  for (let i = 0; i < 6; i += 1) broker.append(batchOf([value(2 * i), value(2 * i + 1)]));
  cluster.answer = (request) => request.name === "offsets" ? ends(request) : undefined;
});

function value(offset: number): Uint8Array {
  return new TextEncoder().encode(`${offset}`);
}

function ends(request: Request): Buffer {
  const body = Buffer.alloc(32);
  [0, 12, 12, 12].forEach((end, at) => body.writeBigUInt64BE(BigInt(end), 8 * at));
  const frame = Buffer.alloc(12);
  frame.writeUInt32BE(8 + body.length, 0);
  frame.writeUInt32BE(request.correlation, 8);
  return Buffer.concat([frame, body]);
}

/** Behind each subscribe, in its turn: pushes these batches, then does what follows. */
function script(...lives: { push: number[]; then?: (subscription: number) => void }[]): void {
  const before = cluster.answer;
  cluster.answer = (request) => {
    if (request.name === "subscribe") {
      const life = lives.shift();
      setTimeout(() => {
        for (const batch of life?.push ?? []) cluster.broker.push(request.correlation, batch);
        life?.then?.(request.correlation);
      }, 1);
    }
    return before(request);
  };
}

/** Offsets that subscribe requests asked for. */
function askedFor(): number[] {
  return cluster.broker.named("subscribe").map(({ body }) => Number(body.readBigUInt64BE(12)));
}

async function take(count: number): Promise<string[]> {
  const values: string[] = [];
  await within(
    `${count} records`,
    (async () => {
      for await (const record of consumer) {
        assert.equal(record.text(), `${record.offset}`);
        values.push(record.text());
        if (values.length === count) break;
      }
    })(),
  );
  return values;
}

const upTo = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i}`);

function endWith(code: number): (subscription: number) => void {
  return (subscription) => {
    cluster.broker.send(pushFrame(code, subscription, Buffer.from([0, 0])));
  };
}

describe("PartitionFeed", () => {
  test("goes on behind the last record, whatever ended the subscription", async () => {
    script(
      { push: [0, 1], then: () => cluster.cut() },
      { push: [2], then: endWith(SHUTTING_DOWN) },
      { push: [3], then: endWith(STORAGE_FAILED) },
      { push: [4, 5] },
    );
    consumer = await client.consumer({ topics: ["t"] });
    assert.deepEqual(await take(12), upTo(12));
    assert.deepEqual(askedFor(), [0, 4, 6, 8]);
  });

  test("a loss in the middle of a batch leaves nothing out", async () => {
    script({ push: [0, 1, 2], then: () => cluster.cut() }, { push: [3, 4, 5] });
    consumer = await client.consumer({ topics: ["t"], from: 1 });
    assert.deepEqual(await take(2), ["1", "2"]);
    await client.admin.ping(); // on the next connection
    assert.deepEqual(await take(9), upTo(12).slice(3));
    assert.deepEqual(askedFor(), [1, 6]);
  });

  test("a damaged batch is asked for again; where it stays so, that is the end", async () => {
    const sound = cluster.broker.batches[1]!;
    const damaged = Buffer.from(sound);
    damaged[70]! ^= 1;
    cluster.broker.batches[1] = damaged;
    const mend = (): void => void (cluster.broker.batches[1] = sound);
    script({ push: [0, 1], then: mend }, { push: [1, 2] });
    consumer = await client.consumer({ topics: ["t"] });
    assert.deepEqual(await take(6), upTo(6));
    assert.deepEqual(askedFor(), [0, 2]);
    cluster.broker.batches[1] = damaged;
    script({ push: [1] }, { push: [1] }, { push: [1] }, { push: [1] });
    consumer.seek("t", 0, 2);
    await assert.rejects(take(1), { name: "batch_corrupt" });
  });

  test("what cannot pass ends the loop, every time it is begun; a seek begins anew", async () => {
    script({ push: [0], then: endWith(DEGRADED) }, { push: [5] });
    consumer = await client.consumer({ topics: ["t"] });
    assert.deepEqual(await take(2), ["0", "1"]);
    await assert.rejects(take(1), { name: "partition_degraded" });
    await assert.rejects(take(1), { name: "partition_degraded" });
    consumer.seek("t", 0, 10);
    assert.deepEqual(await take(2), ["10", "11"]);
  });

  test("a refused subscription is tried again where that helps", async () => {
    let refused = 0;
    const before = cluster.answer;
    cluster.answer = (request) => {
      if (request.name !== "subscribe" || refused === 2) return before(request);
      refused += 1;
      return errorReply(request.correlation, SHUTTING_DOWN, "");
    };
    script({ push: [] }, { push: [] }, { push: [0] });
    consumer = await client.consumer({ topics: ["t"] });
    assert.deepEqual(await take(2), ["0", "1"]);
  });

  test("a subscription that is refused for its handle opens the partition again", async () => {
    const before = cluster.answer;
    let refused = false;
    cluster.answer = (request) => {
      if (request.name !== "subscribe" || refused) return before(request);
      refused = true;
      return errorReply(request.correlation, UNKNOWN_HANDLE, "");
    };
    script({ push: [] }, { push: [0] });
    consumer = await client.consumer({ topics: ["t"], from: 0 });
    assert.deepEqual(await take(2), ["0", "1"]);
    assert.equal(cluster.broker.named("open_partition").length, 2);
  });

  test("a topic that was made anew is read from where it is told to, or not at all", async () => {
    const remake = (subscription: number): void => {
      cluster.topicId = `${cluster.topicId.slice(0, -1)}b`;
      endWith(UNKNOWN_HANDLE)(subscription);
    };
    const resets: unknown[] = [];
    const onReset = (reset: unknown): void => void resets.push(reset);
    script({ push: [0], then: remake }, { push: [0, 1] });
    consumer = await client.consumer({ topics: ["t"], from: "earliest", onReset });
    assert.deepEqual(await take(6), ["0", "1", ...upTo(4)]);
    assert.deepEqual(askedFor(), [0, 0]);
    assert.deepEqual(resets, [{ topic: "t", partition: 0, position: 2, to: "earliest" }]);
    await consumer.close();

    const again = (): void => {
      cluster.topicId = `${cluster.topicId.slice(0, -1)}c`;
      cluster.cut();
    };
    script({ push: [0], then: again }, { push: [1] });
    consumer = await client.consumer({ topics: ["t"], from: 0, outOfRange: "error" });
    assert.deepEqual(await take(2), ["0", "1"]);
    await assert.rejects(take(1), { name: "topic_not_found", message: /made anew/ });
    assert.equal(
      cluster.broker.named("subscribe").length,
      3,
      "nothing of the new one is asked for",
    );
  });

  test("an answer that was asked for before the handle says nothing of its topic", async () => {
    cluster.partitions = 2;
    let late: Request | null = null;
    const usual = cluster.answer;
    cluster.answer = (request) => {
      const isSecond = request.name === "open_partition" && request.body.at(-1) === 1;
      if (isSecond && late === null) {
        late = request;
        return null;
      }
      if (request.name !== "metadata" || late === null) return usual(request);
      cluster.answer = usual;
      cluster.take(late); // the handle of partition 1, while partition 0 asks for its topic
      cluster.take(request);
      cluster.topicId = `${cluster.topicId.slice(0, -1)}b`;
      return null;
    };
    const reset: number[] = [];
    const partitions = [0, 1].map((partition) => ({ topic: "t", partition, from: 0 }));
    const onReset = ({ partition }: { partition: number }): void => void reset.push(partition);
    consumer = await client.consumer({ partitions, outOfRange: "earliest", onReset });
    await cluster.subscribed(2);
    const reading = consumer.batches().next(); // who reads finds the loss
    cluster.cut();
    await cluster.subscribed(4);
    assert.deepEqual(reset, [0], "partition 1 was of the new topic before");
    await consumer.close();
    await reading;
  });

  test("a batch in the loop's body stays as it is after a seek and after close", async () => {
    script({ push: [0] }, { push: [5] });
    consumer = await client.consumer({ topics: ["t"], from: 0 });
    const seen: number[] = [];
    await within(
      "two batches",
      (async () => {
        for await (const { records } of consumer.batches()) {
          records.next();
          seen.push(records.offset);
          if (seen.length === 1) consumer.seek("t", 0, 10);
          else await consumer.close();
          // Its answer needs a block as large as the batch's, if one is free.
          await client.admin.createTopic("x".repeat(60));
          records.next();
          seen.push(records.offset);
          const { bytes } = records.block;
          const text = new TextDecoder().decode(
            bytes.subarray(records.valueStart, records.valueEnd),
          );
          assert.equal(text, `${records.offset}`);
        }
      })(),
    );
    assert.deepEqual(seen, [0, 1, 10, 11]);
  });

  test("credit goes back as records are finished, never for what was not read", async () => {
    script({ push: [0, 1, 2, 3, 4, 5] });
    const size = cluster.broker.batches[0]!.length;
    consumer = await client.consumer({ topics: ["t"], bufferBytes: 4 * size });
    assert.equal(cluster.broker.named("subscribe").length <= 1, true);
    assert.deepEqual(await take(5), upTo(5));
    await client.admin.ping();
    const given = cluster.broker.named("add_credit")
      .reduce((sum, { body }) => sum + body.readUInt32BE(4), 0);
    assert.equal(given, cluster.broker.batches[0]!.length + cluster.broker.batches[1]!.length);
  });
});
