/**
 * A consumer of a group in a process of its own, to be killed at any moment. A record is processed
 * when its line is in the file; only then may it be committed.
 *
 *     group_reader.ts PORT TOPIC GROUP FILE auto|manual      a line: PARTITION OFFSET VALUE
 */
import { appendFileSync } from "node:fs";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { Client } from "../../../src/client/mod.ts";

/** Records between two commits by hand. */
const EVERY = 20;
const INTERVAL_MS = 2;
/** Of so many records one takes a while, in which most kills fall. */
const WORK_EVERY = 25;
const WORK_MS = 15;

const [port = "", topic = "", group = "", file = "", commit = ""] = process.argv.slice(2);
const client = await Client.connect({ brokers: [`127.0.0.1:${port}`], clientName: "reader" });
const consumer = await client.consumer({
  topics: [topic],
  group,
  commit: commit === "auto" ? "auto" : "manual",
  commitIntervalMs: INTERVAL_MS,
});
const decoder = new TextDecoder();
let read = 0;
for await (const { partition, offset, value } of consumer) {
  // Work takes time, in which a commit by the clock must not count the record that is worked on.
  if (read % WORK_EVERY === 0) await setTimeout(WORK_MS);
  appendFileSync(file, `${partition} ${offset} ${decoder.decode(value!)}\n`);
  read += 1;
  if (commit === "manual" && read % EVERY === 0) await consumer.commit();
}
