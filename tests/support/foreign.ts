/**
 * The client in tests/foreign, which is written in Python from docs/PROTOCOL.md alone, and ours,
 * with records in a shape that both understand.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Client } from "../../src/client/client.ts";
import type { ConsumerRecord, ProducerRecord } from "../../src/client/record.ts";
import type { Broker } from "./broker.ts";
import type { Prng } from "./prng.ts";
import { packagesFolder, packagesMissing, PYTHON } from "./python_packages.ts";
import { ROOT } from "./runtimes.ts";
import { within } from "./until.ts";

const MAIN = join(ROOT, "tests/foreign/main.py");
const REQUIREMENTS = join(ROOT, "tests/foreign/requirements.txt");
/** Other requirements, another folder. */
const CODECS = `foreign-codecs-${
  createHash("sha256").update(readFileSync(REQUIREMENTS)).digest("hex").slice(0, 12)
}`;
const FIRST_TIME = 1_700_000_000_000;
const encoder = new TextEncoder();

export type Codec = "none" | "gzip" | "snappy" | "lz4" | "zstd";

/** Key, value (both base64), timestamp, headers. */
export type Line = readonly [
  key: string | null,
  value: string | null,
  timestampMs: number,
  headers: readonly (readonly [name: string, value: string | null])[],
];

/** With its offset. */
export type ReadLine = readonly [...Line, offset: number];

/** Why the codecs of PyPI cannot be used here, or null. Installs them where they are missing. */
export function foreignCodecsMissing(): string | null {
  return packagesMissing(CODECS, ["-r", REQUIREMENTS]);
}

/** Runs a command of tests/foreign/main.py; what it said, line by line. */
export async function foreign(
  broker: Broker,
  args: readonly (string | number)[],
  input: readonly Line[] = [],
): Promise<unknown[]> {
  // -B: Python leaves no folder of compiled files in the repository.
  const words = ["-B", MAIN, String(broker.port), ...args.map(String)];
  const child = spawn(PYTHON, words, {
    env: { ...process.env, PYTHONPATH: packagesFolder(CODECS) },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const out: Buffer[] = [];
  let said = "";
  child.stdout.on("data", (piece: Buffer) => out.push(piece));
  child.stderr.on("data", (piece) => (said += piece));
  child.stdin.on("error", () => {}); // what ended early says why on standard error
  child.stdin.end(input.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const code = await new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", resolve);
  });
  assert.equal(code, 0, `python ${args.join(" ")}: ${said}`);
  const text = Buffer.concat(out).toString("utf8").trimEnd();
  return text === "" ? [] : text.split("\n").map((line) => JSON.parse(line));
}

/** Of every kind: with and without key, value, headers; times that go back; each one different. */
export function someLines(prng: Prng, count: number, valueBytesMax: number): Line[] {
  return Array.from({ length: count }, (_, i): Line => {
    const value = words(prng, prng.below(valueBytesMax));
    return [
      i % 3 === 0 ? null : base64(`key ${i}`),
      i % 7 === 3 ? null : base64(`${i} ${value}`),
      FIRST_TIME + i * 10 - prng.below(1000),
      i % 2 === 0 ? [] : [["größe", base64(`${i}`)], ["größe", ""], ["none", null]],
    ];
  });
}

/** Text that a codec shrinks, with bytes between that it cannot. */
function words(prng: Prng, size: number): string {
  let text = "";
  while (text.length < size) {
    text += prng.below(4) === 0 ? `${prng.below(2 ** 31)}` : "what a codec shrinks ";
  }
  return text;
}

/** Sends them by our client. */
export async function sendLines(
  client: Client,
  topic: string,
  lines: readonly Line[],
  compression: Codec = "none",
): Promise<void> {
  await using producer = await client.producer({ compression, batchBytes: 200_000, lingerMs: 50 });
  const sent = await Promise.all(lines.map((line) => producer.send(recordOf(topic, line))));
  assert.deepEqual(sent.map(({ offset }) => offset), lines.map((_, i) => i));
}

/** Reads so many from an offset of partition 0 by our client. */
export async function readLines(
  client: Client,
  topic: string,
  from: number,
  count: number,
): Promise<ReadLine[]> {
  await using consumer = await client.consumer({ partitions: [{ topic, partition: 0, from }] });
  const lines: ReadLine[] = [];
  const reading = (async () => {
    for await (const record of consumer) {
      lines.push(lineOf(record));
      if (lines.length === count) break;
    }
  })();
  await within(`${count} records`, reading);
  return lines;
}

/** As they are read when they were the first of their partition. */
export function numbered(lines: readonly Line[]): ReadLine[] {
  return lines.map((line, offset) => [...line, offset]);
}

/** One codec, written by Python in this form, and by our client; each read by both. */
export async function bothWays(
  broker: Broker,
  client: Client,
  form: string,
  lines: readonly Line[],
): Promise<void> {
  const codec = form.split("-")[0] as Codec;
  const [theirs, ours] = [`${form}.theirs`, `${form}.ours`];
  await client.admin.createTopic(theirs);
  await client.admin.createTopic(ours);
  await foreign(broker, ["produce", theirs, 0, "--codec", form], lines);
  await sendLines(client, ours, lines, codec);
  for (const topic of [theirs, ours]) {
    const { logEnd } = await client.admin.offsets(topic, 0);
    assert.equal(logEnd, lines.length);
    assert.deepEqual(await readLines(client, topic, 0, lines.length), numbered(lines));
    const read = await foreign(broker, ["fetch", topic, 0, 0, lines.length]);
    assert.deepEqual(read, numbered(lines));
    const codecs = await foreign(broker, ["codecs", topic, 0]);
    assert.deepEqual(codecs, [{ codecs: [codec] }]);
  }
}

function recordOf(topic: string, [key, value, timestampMs, headers]: Line): ProducerRecord {
  return {
    topic,
    partition: 0,
    key: bytesOf(key),
    value: bytesOf(value),
    timestampMs,
    headers: headers.map(([name, value]) => [name, bytesOf(value)] as const),
  };
}

function lineOf(record: ConsumerRecord): ReadLine {
  const headers = record.headers.map(({ name, value }) => [name, base64(value)] as const);
  const { key, value, timestampMs, offset } = record;
  return [base64(key), base64(value), timestampMs, headers, offset];
}

function base64(bytes: string): string;
function base64(bytes: string | Uint8Array | null): string | null;
function base64(bytes: string | Uint8Array | null): string | null {
  if (bytes === null) return null;
  const raw = typeof bytes === "string" ? encoder.encode(bytes) : bytes;
  return Buffer.from(raw).toString("base64");
}

function bytesOf(text: string | null): Uint8Array | null {
  return text === null ? null : new Uint8Array(Buffer.from(text, "base64"));
}
