import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Consumer } from "../../../src/client/consumer.ts";
import { until, within } from "../../support/until.ts";
import { errorReply, reply } from "./fake_broker.ts";
import { client, cluster, freshClients } from "./fresh.ts";

const INVALID_GROUP = 82;

freshClients();

/** How many records a loop gives. */
async function countOf(consumer: Consumer): Promise<number> {
  let count = 0;
  for await (const _ of consumer) count += 1;
  return count;
}

describe("Consumer", () => {
  test("a signal that comes before the loop ends it without an error", async () => {
    const early = new AbortController();
    early.abort();
    const { signal } = early;
    assert.equal(await countOf(await client.consumer({ topics: ["t"], signal })), 0);
    assert.equal(cluster.broker.named("metadata").length, 0, "it asked for nothing");
    const abort = new AbortController();
    const consumer = await client.consumer({ topics: ["t"], signal: abort.signal });
    abort.abort();
    assert.equal(await within("the loop", countOf(consumer)), 0);
    assert.equal(await countOf(consumer), 0);
    const closed = await client.consumer({ topics: ["t"] });
    await closed.close();
    await assert.rejects(countOf(closed), { name: "closed" });
  });

  test("who aborts does not wait for the broker to say what there is", async () => {
    cluster.answer = (request) => request.name === "metadata" ? null : undefined;
    const abort = new AbortController();
    const making = client.consumer({ topics: ["t"], signal: abort.signal });
    await until("it asks", () => cluster.broker.named("metadata").length === 1);
    abort.abort();
    assert.equal(await countOf(await within("the consumer", making)), 0);
    assert.equal(cluster.broker.named("subscribe").length, 0);
  });

  test("a signal that outlives its consumers holds none of them", async () => {
    const { signal } = new AbortController();
    let held = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      held += 1;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      held -= 1;
      removeEventListener.apply(signal, args);
    };
    for (let i = 0; i < 3; i += 1) {
      const consumer = await client.consumer({ topics: ["t"], signal });
      assert.equal(held, 1);
      await consumer.close();
    }
    await assert.rejects(client.consumer({ partitions: [], topics: [], signal }));
    assert.equal(held, 0);
  });

  test("where the commit fails that the signal brings about, close tells", async () => {
    cluster.answer = (request) => {
      if (request.name === "fetch_offsets") return reply(request, { offsets: [] });
      if (request.name !== "commit_offsets") return undefined;
      return errorReply(request.correlation, INVALID_GROUP, "");
    };
    const abort = new AbortController();
    const { signal } = abort;
    const consumer = await client.consumer({ topics: ["t"], group: "g", from: 0, signal });
    abort.abort();
    assert.equal(await countOf(consumer), 0);
    await assert.rejects(consumer.close(), { name: "invalid_group_id" });
  });
});
