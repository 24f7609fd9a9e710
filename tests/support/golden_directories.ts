/** The golden data directories (tests/golden/directories): copies, and what they hold. */
import assert from "node:assert/strict";
import { chmodSync, cpSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Client } from "../../src/client/client.ts";
import {
  BROKER_SETTINGS,
  COMMITS,
  type DirectoryName,
  FIRST_MS,
  GROUP,
  LOGS,
  PRODUCER,
  TOPICS,
} from "../golden/directories/content.ts";
import { producedOnce } from "../golden/directories/produced_once.ts";
import type { Broker } from "./broker.ts";
import { RawConnection } from "./raw_connection.ts";
import { ROOT } from "./runtimes.ts";
import { temporaryDirectory } from "./temporary.ts";
import { digestOf } from "./tree.ts";

export const GOLDEN: string = join(ROOT, "tests/golden/directories");

/** A copy that may be written; tokens are for their owner alone, which no repository keeps. */
export function copyOf(name: DirectoryName): string {
  const data = join(temporaryDirectory("golden"), "d");
  cpSync(join(GOLDEN, name), data, { recursive: true });
  for (const path of filesIn(data)) {
    const full = join(data, path);
    chmodSync(full, path.endsWith(".token") ? 0o600 : 0o640);
  }
  return data;
}

/** Paths of all files below a directory, sorted. */
export function filesIn(directory: string): string[] {
  const all = readdirSync(directory, { recursive: true }) as string[];
  return all.filter((path) => statSync(join(directory, path)).isFile()).sort();
}

/** Path, relative to `GOLDEN`, to digest, as SHA256SUMS has them. */
export function digestsSaid(): Map<string, string> {
  const lines = readFileSync(join(GOLDEN, "SHA256SUMS"), "utf8").trimEnd().split("\n");
  return new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
}

/** The same as they are. */
export function digestsFound(names: readonly DirectoryName[]): Map<string, string> {
  const paths = names.flatMap((name) =>
    filesIn(join(GOLDEN, name)).map((path) => `${name}/${path}`)
  );
  return new Map(paths.map((path) => [path, digestOf(join(GOLDEN, path))]));
}

interface Added {
  /** Records that a test has added to each log, by topic and partition. */
  readonly [partition: string]: readonly string[];
}

/** Asserts that the broker serves what a golden directory holds, and `added` behind it. */
export async function expectContent(broker: Broker, added: Added = {}): Promise<void> {
  await using client = await Client.connect({ brokers: [`127.0.0.1:${broker.port}`] });
  await expectSettings(client);
  for (const log of LOGS) {
    const name = `${log.topic}-${log.partition}`;
    const more = added[name] ?? [];
    const offsets = await client.admin.offsets(log.topic, log.partition);
    assert.deepEqual(
      [offsets.logStart, offsets.logEnd],
      [log.logStart, log.end + more.length],
      name,
    );
    const expected: Shown[] = [];
    for (let offset = log.logStart; offset < log.end; offset += 1) {
      const { key, value, headers } = log.at(offset);
      expected.push({ offset, timestampMs: FIRST_MS + offset * 1000, key, value, headers });
    }
    const found = await recordsOf(client, log, offsets);
    assert.deepEqual(found.slice(0, expected.length), expected, name);
    const behind = found.slice(expected.length);
    assert.deepEqual(behind.map(({ value }) => value), more, name);
    assert.deepEqual(behind.map(({ offset }) => offset), more.map((_, at) => log.end + at), name);
  }
  const commits = await client.admin.groupOffsets(GROUP);
  const shown = commits.map(({ topic, partition, offset, metadata }) => {
    return { topic, partition, offset, metadata };
  });
  assert.deepEqual(shown.sort((a, b) => a.topic < b.topic ? -1 : 1), COMMITS);
  await expectRecognised(broker);
}

async function expectSettings(client: Client): Promise<void> {
  const names = (await client.admin.listTopics()).map(({ name }) => name);
  const own = names.filter((name) => !name.startsWith("__"));
  assert.deepEqual(own, TOPICS.map(({ name }) => name));
  const found = await client.admin.topics(own);
  TOPICS.forEach(({ name, partitions, config }, index) => {
    const { partitions: there, config: entries } = found[index]!;
    const values = new Map(entries.map(({ key, value }) => [key, value]));
    const set = Object.fromEntries(Object.keys(config).map((key) => [key, values.get(key)]));
    assert.deepEqual([there.length, set], [partitions, config], name);
  });
  const changed = (await client.admin.config()).filter(({ source }) =>
    source === "changed while running"
  );
  assert.deepEqual(
    Object.fromEntries(changed.map(({ key, value }) => [key, value])),
    BROKER_SETTINGS,
  );
}

/** A retry of what was written once: the snapshot says so, and nothing is written again. */
async function expectRecognised(broker: Broker): Promise<void> {
  const connection = await RawConnection.open(broker.port);
  const { handle } = await connection.ask("open_partition", { topic: "orders", partition: 1 });
  const before = await connection.ask("offsets", { handle });
  const sent = { handle, acks: 255, reserved: 0, reserved2: 0, batch: producedOnce() };
  const { baseOffset } = await connection.ask("produce", sent);
  assert.equal(baseOffset, PRODUCER.baseOffset, "it is recognised");
  assert.deepEqual(await connection.ask("offsets", { handle }), before);
  connection.close();
}

interface Shown {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string | null])[];
}

/** All that are there. */
async function recordsOf(
  client: Client,
  { topic, partition }: { readonly topic: string; readonly partition: number },
  { logStart, logEnd }: { readonly logStart: number; readonly logEnd: number },
): Promise<Shown[]> {
  const shown: Shown[] = [];
  if (logEnd === logStart) return shown;
  const consumer = await client.consumer({ partitions: [{ topic, partition, from: "earliest" }] });
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const text = (bytes: Uint8Array | null) => bytes === null ? null : decoder.decode(bytes);
  for await (const record of consumer) {
    const { offset, timestampMs, key, value, headers } = record;
    const pairs = headers.map(({ name, value }) => [name, text(value)] as const);
    shown.push({ offset, timestampMs, key: text(key), value: text(value), headers: pairs });
    if (offset + 1 === logEnd) break;
  }
  return shown;
}
