import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Client } from "../../../src/client/client.ts";
import type { ConnectionEvent } from "../../../src/client/endpoint.ts";
import { until, within } from "../../support/until.ts";
import { errorReply, FakeBroker, reply } from "./fake_broker.ts";
import { FakeCluster } from "./fake_cluster.ts";

const DISK_FULL = 61;

let cluster: FakeCluster;

beforeEach(async () => {
  cluster = await FakeCluster.start();
});
afterEach(() => cluster.broker.stop());

/** An address where nobody listens. */
async function deadAddress(): Promise<string> {
  const gone = await FakeBroker.start();
  const { host, port } = gone.address;
  await gone.stop();
  return `${host}:${port}`;
}

describe("Cluster", () => {
  test("one broker of the list is enough; none is an error that names the address", async () => {
    const { host, port } = cluster.broker.address;
    const dead = await deadAddress();
    const client = await Client.connect({ brokers: [dead, `${host}:${port}`] });
    await client.admin.ping();
    await client.close();
    await assert.rejects(Client.connect({ brokers: [dead] }), {
      name: "connection_refused",
      address: dead,
    });
    await assert.rejects(Client.connect({ brokers: [] }), { name: "invalid_option" });
  });

  test("it connects again after a loss, and tells of what comes and goes", async () => {
    const events: ConnectionEvent["state"][] = [];
    const client = await cluster.connect({ onConnection: ({ state }) => events.push(state) });
    await client.admin.ping();
    cluster.cut();
    await until("the loss", () => events.includes("lost"));
    await client.admin.ping();
    assert.deepEqual(events, ["connected", "lost", "connected"]);
    await client.close();
  });

  test("what may be repeated is, after a loss and after errors that pass", async () => {
    const client = await cluster.connect();
    let asked = 0;
    cluster.answer = (request) => {
      if (request.name !== "stats" && request.name !== "create_topic") return undefined;
      asked += 1;
      if (asked === 1) setTimeout(() => cluster.cut(), 1);
      if (asked === 1) return null;
      return asked === 2 ? errorReply(request.correlation, DISK_FULL, "") : undefined;
    };
    assert.equal((await within("stats", client.admin.stats())).length, 2);
    assert.equal(asked, 3);
    asked = 0;
    await assert.rejects(client.admin.createTopic("x"), { name: "connection_lost" });
    assert.equal(asked, 1, "nobody knows whether it was executed");
    asked = 1;
    await assert.rejects(client.admin.createTopic("x"), { name: "disk_full" });
    assert.equal(asked, 2);
    await client.close();
  });

  test("a node that was met is asked where it was met, whatever the metadata says", async () => {
    const client = await cluster.connect(); // the metadata says port 1
    assert.equal((await client.admin.offsets("t", 0)).visibleEnd, 2);
    await client.close();
  });

  test("a partition of another node is asked where the metadata says", async () => {
    const other = await FakeBroker.start();
    other.answer = (request) => {
      if (request.name === "hello") {
        const rest = { nodeEpoch: 0, frameSizeMax: 1_000_000, brokerVersion: "fake" };
        return reply(request, { protocol: 1, nodeId: 9, ...rest });
      }
      if (request.name !== "offsets") return undefined;
      return reply(request, { logStart: 0, visibleEnd: 99, durableEnd: 99, logEnd: 99 });
    };
    cluster.answer = (request) => {
      if (request.name !== "metadata") return undefined;
      const config = [{ key: "max.message.bytes", value: "1000" }];
      const topicId = "00000000-0000-0000-0000-00000000000a";
      const partitions = [{ leader: 4 }, { leader: 9 }];
      return reply(request, {
        nodes: [{ nodeId: 4, host: "x", port: 1 }, { nodeId: 9, ...other.address }],
        topics: [{ error: 0, name: "t", topicId, partitions, config }],
      });
    };
    const client = await cluster.connect();
    assert.equal((await client.admin.offsets("t", 0)).visibleEnd, 2);
    assert.equal((await client.admin.offsets("t", 1)).visibleEnd, 99);
    await client.close();
    await other.stop();
  });

  test("a handle that the broker does not know is opened again", async () => {
    const client = await cluster.connect();
    await client.admin.offsets("t", 0);
    let refused = false;
    cluster.answer = (request) => {
      if (request.name !== "offsets" || refused) return undefined;
      refused = true;
      return errorReply(request.correlation, 9, "");
    };
    assert.equal((await client.admin.offsets("t", 0)).visibleEnd, 2);
    assert.equal(cluster.broker.named("open_partition").length, 2);
    await client.close();
  });

  test("after close everything ends with one error", async () => {
    const client = await cluster.connect();
    await client.close();
    await assert.rejects(client.admin.ping(), { name: "closed" });
    await assert.rejects(client.producer(), { name: "closed" });
    await assert.rejects(client.consumer({ topics: ["t"] }), { name: "closed" });
  });
});
