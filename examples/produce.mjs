/**
 * Sends records with a key, and says where each one went and how safe it is.
 *
 *     produce.mjs [TOPIC] [COUNT]
 */
// deno-lint-ignore-file no-console
import process from "node:process";
import { Client } from "sluice/client";

const [topic = "orders", count = "10"] = process.argv.slice(2);
const broker = process.env["SLUICE_BROKER"] ?? "127.0.0.1:7400";

// Closing flushes: when the client is closed, every record has an answer.
const client = await Client.connect({ brokers: [broker], clientName: "produce example" });
try {
  const known = await client.admin.topics();
  if (!known.some(({ name }) => name === topic)) {
    await client.admin.createTopic(topic, { partitions: 4 });
  }
  const producer = await client.producer({ compression: "gzip" });
  const sent = [];
  for (let i = 0; i < Number(count); i += 1) {
    // Records of one key go to one partition, so that a customer's orders keep their sequence.
    const key = `customer-${i % 3}`;
    sent.push(producer.send({ topic, key, value: JSON.stringify({ order: i }) }));
  }
  for (const delivery of await Promise.all(sent)) {
    console.log(`partition ${delivery.partition} offset ${delivery.offset} ${delivery.level}`);
  }
} finally {
  await client.close();
}
