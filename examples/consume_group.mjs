/**
 * Works through a topic as a group: what was worked on is committed, and the next start goes on
 * behind it. At least once: a crash between the work and the commit repeats that record.
 *
 *     consume_group.mjs [TOPIC] [GROUP] [COUNT]      ends after COUNT records, or at Ctrl-C
 */
// deno-lint-ignore-file no-console
import process from "node:process";
import { Client } from "sluice/client";

const [topic = "orders", group = "billing", count = "Infinity"] = process.argv.slice(2);
const broker = process.env["SLUICE_BROKER"] ?? "127.0.0.1:7400";

const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

const client = await Client.connect({ brokers: [broker], clientName: "group example" });
try {
  const consumer = await client.consumer({
    topics: [topic],
    group,
    commit: "manual",
    signal: stop.signal,
  });
  let done = 0;
  for await (const record of consumer) {
    work(record);
    await consumer.commit(); // durable when it returns
    done += 1;
    if (done >= Number(count)) break;
  }
} finally {
  await client.close();
}

/** @param {import("sluice/client").ConsumerRecord} record */
function work(record) {
  console.log(`${record.partition}/${record.offset} ${record.keyText()} ${record.text()}`);
}
