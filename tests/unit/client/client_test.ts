import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { join } from "node:path";
import { Client } from "../../../src/client/client.ts";
import type { ConnectionEvent } from "../../../src/client/endpoint.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { within } from "../../support/until.ts";
import { errorReply, FakeBroker, valuesOf as fieldsOf } from "./fake_broker.ts";
import { FakeCluster, valuesOf } from "./fake_cluster.ts";

const BATCH_INVALID = 42;

let cluster: FakeCluster;

beforeEach(async () => {
  cluster = await FakeCluster.start();
});
afterEach(() => cluster.broker.stop());

describe("Client", () => {
  test("connect tries again for as long as it is told, and no longer", async () => {
    const path = join(temporaryDirectory("connect"), "broker.sock");
    let refusals = 0;
    let came: Promise<FakeBroker> | null = null;
    const onConnection = ({ state }: ConnectionEvent): void => {
      if (state === "refused") refusals += 1;
      if (refusals === 2) came ??= FakeBroker.start(path);
    };
    const options = { brokers: [`unix:${path}`], reconnectBackoffMs: 1, onConnection };
    await assert.rejects(Client.connect(options), { name: "connection_refused" });
    assert.equal(refusals, 1);
    const client = await within("the broker", Client.connect({ ...options, connectRetryMs: 3e5 }));
    assert.ok(refusals >= 2);
    await client.close();
    await (await came!).stop();
  });

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
