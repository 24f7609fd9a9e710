/**
 * The clients of the HTTP door in a process of their own: http_feel.ts starts it through
 * `HttpClients` (http_clients.ts), beside a load that it runs itself.
 *
 *     argument     where the door is, what is streamed, what is polled and how often, as JSON
 *     says         "begun": the stream has said where it begins
 *     is told      how many records the stream shall have had: a line
 *     says         what the clients had, as JSON, and ends
 *
 * Invariant: it ends well only when the stream had exactly those records, and each answer was
 * right.
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { type ClientOptions, type HttpUse, Pollers, StreamReader } from "./http_clients.ts";

const STREAM_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 5;

async function untilStreamed(stream: StreamReader, records: number): Promise<void> {
  for (let waitedMs = 0; stream.records < records; waitedMs += LOOK_EVERY_MS) {
    if (waitedMs > STREAM_WITHIN_MS) {
      throw new Error(`the stream had ${stream.records} of ${records} records`);
    }
    await pause(LOOK_EVERY_MS);
  }
  if (stream.records > records) throw new Error("the stream had more records than there are");
}

async function main(): Promise<HttpUse> {
  const { place, topic, paths, everyMs } = JSON.parse(process.argv[2] ?? "") as ClientOptions;
  const pollers = new Pollers(place, paths, everyMs);
  const stream = new StreamReader(place, topic);
  await stream.begun;
  process.stdout.write("begun\n");
  for await (const line of createInterface({ input: process.stdin })) {
    await untilStreamed(stream, Number(line));
    stream.end();
    await pollers.end();
    return { records: stream.records, answers: pollers.answers };
  }
  throw new Error("nobody says how many records there are");
}

try {
  process.stdout.write(`${JSON.stringify(await main())}\n`);
  process.exit(0);
} catch (error) {
  process.stderr.write(`http clients: ${(error as Error).message}\n`);
  process.exit(1);
}
