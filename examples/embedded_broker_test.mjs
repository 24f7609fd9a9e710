/**
 * A broker inside a test, on a port of its own and in a directory that is gone afterwards: what
 * one would start a container for. On Bun and Deno it runs in the test's own process, for Node in
 * a child process; the test is the same.
 *
 *     bun test ./examples/embedded_broker_test.mjs
 *     deno test -A examples/embedded_broker_test.mjs
 *     npm run build:package && node --test examples/embedded_broker_test.mjs
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Broker } from "sluice";

// Nothing here has to survive a power cut: level os does not wait for the disk.
const broker = await Broker.start({
  durability: "os",
  topics: { orders: { partitions: 2 }, "orders-by-mail": {} },
});
after(() => broker.stop());

/**
 * What is tested: it counts the pieces of the next orders.
 *
 * @param {import("sluice/client").Client} client
 * @param {number} orders
 */
async function countPieces(client, orders) {
  const consumer = await client.consumer({ topics: ["orders"], group: "counter" });
  let pieces = 0;
  let seen = 0;
  for await (const record of consumer) {
    pieces += Number(record.text());
    seen += 1;
    if (seen === orders) break;
  }
  return pieces;
}

test("pieces of all customers are counted", async () => {
  const delivery = await broker.produce({ topic: "orders", key: "ann", value: "2" });
  assert.equal(delivery.level, "os");
  await broker.produce([
    { topic: "orders", key: "dan", value: "1" },
    { topic: "orders", key: "eve", value: "4" },
  ]);
  assert.equal(await countPieces(broker.client, 3), 7);
});

test("the topics are there from the beginning", async () => {
  const { topics } = await broker.admin.metadata(["orders", "orders-by-mail"]);
  assert.deepEqual(topics.map(({ partitions }) => partitions.length), [2, 1]);
});
