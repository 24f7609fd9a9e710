import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { tell } from "../../../src/client/tell.ts";
import { within } from "../../support/until.ts";
import { errorReply } from "./fake_broker.ts";
import { FakeCluster, valuesOf } from "./fake_cluster.ts";

const BATCH_INVALID = 42;
const OUT_OF_RANGE = 40;

/** Runs `body`; gives what was thrown meanwhile where nobody catches. */
async function uncaughtIn(body: () => unknown): Promise<unknown[]> {
  const uncaught: unknown[] = [];
  const { queueMicrotask } = globalThis;
  globalThis.queueMicrotask = (task) =>
    queueMicrotask(() => {
      try {
        task();
      } catch (error) {
        uncaught.push(error);
      }
    });
  try {
    await body();
    await new Promise((resolve) => setTimeout(resolve, 0));
  } finally {
    globalThis.queueMicrotask = queueMicrotask;
  }
  return uncaught;
}

const mistake = new Error("a mistake of the program");
function mistaken(): never {
  throw mistake;
}

describe("tell", () => {
  test("hands over the event; what a listener throws is uncaught, behind the caller", async () => {
    const heard: number[] = [];
    const uncaught = await uncaughtIn(() => {
      tell((event: number) => heard.push(event), 1);
      tell(null, 2);
      tell(mistaken, 3);
      heard.push(4);
    });
    assert.deepEqual(heard, [1, 4]);
    assert.deepEqual(uncaught, [mistake]);
  });

  test("listeners that throw stop neither producer, consumer nor connection", async () => {
    const cluster = await FakeCluster.start();
    const uncaught = await uncaughtIn(async () => {
      const client = await cluster.connect({ onConnection: mistaken });
      const producer = await client.producer({ batchBytes: 0, onBatch: mistaken });
      cluster.refuse = (request) => {
        const [value] = valuesOf(request.body.subarray(8));
        return value === "bad" ? errorReply(request.correlation, BATCH_INVALID, "") : undefined;
      };
      const sent = ["0", "bad", "1"].map((value) => producer.send({ topic: "t", value }));
      const ends = await within("all records", Promise.allSettled(sent));
      assert.deepEqual(ends.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
      assert.equal(producer.bufferedBytes, 0);
      let refused = false;
      cluster.answer = (request) => {
        if (request.name !== "subscribe" || refused) return undefined;
        refused = true;
        return errorReply(request.correlation, OUT_OF_RANGE, "");
      };
      const consumer = await client.consumer({
        topics: ["t"],
        from: "earliest",
        onReset: mistaken,
      });
      await within("the next walk", cluster.subscribed(2));
      await consumer.close();
      await client.close();
    });
    assert.equal(uncaught.length, 1 + 3 + 1, "one for each thing that was told");
    await cluster.broker.stop();
  });
});
