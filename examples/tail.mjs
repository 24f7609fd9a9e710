/**
 * Follows a topic and is slow on purpose. The broker pushes no more than the consumer has room for
 * (`bufferBytes`), so however far it falls behind, its memory stays as it is: the rest waits in
 * the log.
 *
 *     tail.mjs [TOPIC] [COUNT]      ends after COUNT records, or at Ctrl-C
 */
// deno-lint-ignore-file no-console
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { Client } from "sluice/client";

const [topic = "orders", count = "Infinity"] = process.argv.slice(2);
const broker = process.env["SLUICE_BROKER"] ?? "127.0.0.1:7400";

const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

const client = await Client.connect({ brokers: [broker], clientName: "tail example" });
try {
  const consumer = await client.consumer({
    topics: [topic],
    bufferBytes: 256 * 1024,
    signal: stop.signal,
  });
  let seen = 0;
  for await (const record of consumer) {
    seen += 1;
    if (seen % 100 === 0) {
      let behind = 0;
      for (const { lag } of await consumer.lag()) behind += lag;
      console.log(`${seen} records, at offset ${record.offset}, ${behind} behind the end`);
      await setTimeout(20); // a slow program: while it waits nothing is read
    }
    if (seen >= Number(count)) break;
  }
} finally {
  await client.close();
}
