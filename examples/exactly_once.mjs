/**
 * Stores the numbers 1 to COUNT, each exactly once, however often it is killed and started again.
 * Two things are needed:
 *
 *     while it runs     the producer is idempotent (the default): what is sent again after a lost
 *                       connection or a restart of the broker is not stored twice
 *     when it starts    it asks the log how far it came, and goes on behind that
 *
 *     exactly_once.mjs [TOPIC] [COUNT]
 *
 * One of it may run at a time. What an earlier one had sent when it was killed may still be on its
 * way into the log, so the log is asked only when its connection is gone and all is durable.
 */
// deno-lint-ignore-file no-console
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { Client } from "sluice/client";

const NAME = "exactly-once example ";
const [topic = "numbers", count = "100000"] = process.argv.slice(2);
const broker = process.env["SLUICE_BROKER"] ?? "127.0.0.1:7400";

const clientName = `${NAME}${process.pid}`;
const client = await Client.connect({ brokers: [broker], clientName });
try {
  const known = await client.admin.topics();
  if (!known.some(({ name }) => name === topic)) await client.admin.createTopic(topic);
  const last = await lastStored();
  console.log(`going on behind ${last}`);
  const producer = await client.producer();
  for (let number = last + 1; number <= Number(count); number += 1) {
    await producer.post({ topic, partition: 0, value: String(number) });
    if (number % 1000 === 0) {
      await producer.flush();
      console.log(`stored ${number}`);
    }
  }
  await producer.flush();
  console.log("done");
} finally {
  await client.close();
}

/** The number in the last record of the log; 0 where there is none. */
async function lastStored() {
  while ((await client.admin.connections()).some(isAnother)) await setTimeout(20);
  let ends = await client.admin.offsets(topic, 0);
  while (ends.visibleEnd < ends.logEnd) {
    await setTimeout(20);
    ends = await client.admin.offsets(topic, 0);
  }
  if (ends.visibleEnd === ends.logStart) return 0;
  const from = ends.visibleEnd - 1;
  const consumer = await client.consumer({ partitions: [{ topic, partition: 0, from }] });
  try {
    for await (const record of consumer) return Number(record.text());
    return 0;
  } finally {
    await consumer.close();
  }
}

/** @param {{ clientName: string }} connection */
function isAnother(connection) {
  return connection.clientName.startsWith(NAME) && connection.clientName !== clientName;
}
