import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { within } from "../../support/until.ts";
import { errorReply, valuesOf as fieldsOf } from "./fake_broker.ts";
import { FakeCluster, valuesOf } from "./fake_cluster.ts";

const BATCH_INVALID = 42;

let cluster: FakeCluster;

beforeEach(async () => {
  cluster = await FakeCluster.start();
});
afterEach(() => cluster.broker.stop());

describe("Client", () => {
  test("close waits for every producer, also when one of them failed", async () => {
    const client = await cluster.connect();
    const [failing, slow] = [await client.producer(), await client.producer()];
    await slow.send({ topic: "t", value: "first" });
    cluster.refuse = (request) => {
      const [value] = valuesOf(request.body.subarray(8));
      if (value === "bad") return errorReply(request.correlation, BATCH_INVALID, "");
      return null; // until the connection is cut
    };
    failing.post({ topic: "t", value: "bad" });
    const sent = slow.send({ topic: "t", value: "good" });
    await assert.rejects(failing.flush(), { name: "batch_invalid" });
    failing.post({ topic: "t", value: "bad" });
    const closing = client.close();
    await assert.rejects(failing.close(), { name: "batch_invalid" });
    cluster.refuse = () => undefined;
    cluster.cut();
    await assert.rejects(within("the end", closing), { name: "batch_invalid" });
    assert.equal((await sent).offset, 1);
  });

  test("what is made while it closes ends with it", async () => {
    const client = await cluster.connect();
    cluster.answer = (request) => {
      if (request.name !== "metadata") return undefined;
      assert.deepEqual(fieldsOf(request), { topics: [{ name: "t" }] });
      return null;
    };
    const making: Promise<unknown>[] = [
      client.producer({ compression: "lz4" }),
      client.consumer({ topics: ["t"] }),
    ];
    const ends = making.map((made) => assert.rejects(within("its end", made), { name: "closed" }));
    await within("the end", client.close());
    await Promise.all(ends);
  });
});
