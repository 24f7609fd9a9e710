import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { batchOf } from "../../support/batches.ts";
import { until, within } from "../../support/until.ts";
import { errorReply, reply, type Request, valuesOf } from "./fake_broker.ts";
import { client, cluster, freshClients } from "./fresh.ts";

const GROUP_LOADING = 83;

freshClients();

/** Offsets in the order in which they were committed. */
let commits: number[];
let refuse: (request: Request) => Uint8Array | undefined;

beforeEach(() => {
  commits = [];
  refuse = () => undefined;
  for (let i = 0; i < 10; i += 1) cluster.broker.append(batchOf([new Uint8Array(1)]));
  cluster.answer = (request) => {
    if (request.name === "fetch_offsets") return reply(request, { offsets: [] });
    if (request.name === "subscribe") {
      const first = Number(request.body.readBigUInt64BE(12));
      setTimeout(() => {
        for (let at = first; at < 10; at += 1) cluster.broker.push(request.correlation, at);
      }, 1);
      return undefined;
    }
    if (request.name === "offsets") {
      return reply(request, { logStart: 0, visibleEnd: 10, durableEnd: 10, logEnd: 10 });
    }
    if (request.name !== "commit_offsets") return undefined;
    const refusal = refuse(request);
    if (refusal !== undefined) return refusal as never;
    const { offsets } = valuesOf(request) as { offsets: { offset: number }[] };
    commits.push(...offsets.map(({ offset }) => offset));
    return reply(request, { results: offsets.map(() => ({ error: 0 })) });
  };
});

describe("Committer", () => {
  test("never commits the record in the loop's body, and the last one at close", async () => {
    const consumer = await client.consumer({ topics: ["t"], group: "g", commitIntervalMs: 1 });
    let given = -1;
    let finished = 0;
    await within(
      "ten records",
      (async () => {
        for await (const { offset } of consumer) {
          given = offset;
          const before = commits.length;
          await new Promise((resolve) => setTimeout(resolve, 5));
          for (const committed of commits.slice(before)) assert.ok(committed <= given);
          finished = offset + 1;
          if (offset === 9) setTimeout(() => void consumer.close(), 20);
        }
      })(),
    );
    assert.equal(finished, 10);
    await consumer.close();
    assert.equal(commits.at(-1), 10);
    assert.deepEqual(commits, [...commits].sort((a, b) => a - b));
    assert.equal(new Set(commits).size, commits.length, "what has not changed is not committed");
  });

  test("a commit that fails for now is repeated, for good it ends the loop", async () => {
    const consumer = await client.consumer({ topics: ["t"], group: "g", commitIntervalMs: 1 });
    let asked = 0;
    refuse = (request) => {
      asked += 1;
      if (asked <= 2) return errorReply(request.correlation, GROUP_LOADING, "");
      return commits.length > 0 ? errorReply(request.correlation, 82, "bad name") : undefined;
    };
    const loop = (async () => {
      for await (const { offset } of consumer) {
        if (offset === 3) await until("the first commit", () => commits.length > 0);
      }
    })();
    await assert.rejects(within("the end", loop), { name: "invalid_group_id" });
    assert.ok(asked >= 4);
  });

  test("an offset that is refused is told to who commits it", async () => {
    const consumer = await client.consumer({ topics: ["t"], group: "g", commit: "manual" });
    refuse = (request) => reply(request, { results: [{ error: 25 }] });
    const refused = consumer.commit([{ topic: "t", partition: 7, offset: 1 }]);
    await assert.rejects(refused, { name: "partition_not_found", message: /t\/7/ });
    await consumer.close();
    assert.deepEqual(commits, []);
  });

  test("without a group there is nothing to commit to", async () => {
    const consumer = await client.consumer({ topics: ["t"] });
    await assert.rejects(consumer.commit(), { name: "invalid_option", option: "group" });
    const options = { topics: ["t"], commit: "auto" } as const;
    await assert.rejects(client.consumer(options), { name: "invalid_option", option: "group" });
    await assert.rejects(client.consumer({}), { name: "invalid_option", option: "topics" });
  });
});
