/**
 * The upgrade promise (ADR 25): data directories of earlier programs are opened, read whole and
 * written to by the program of today, on both runtimes; those of a later program are refused by
 * name, untouched.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Client } from "../../src/client/client.ts";
import {
  type CatalogueContent,
  decodeCatalogue,
  encodeCatalogue,
} from "../../src/log/catalogue.ts";
import { BEHIND, DIRECTORIES, LOGS } from "../golden/directories/content.ts";
import { type Broker, runSluice, startBroker } from "../support/broker.ts";
import { copyOf, digestsFound, digestsSaid, expectContent } from "../support/golden_directories.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME, PAIR } from "../support/pair.ts";
import type { RuntimeName } from "../support/runtimes.ts";
import { snapshotFile } from "../support/snapshot_file.ts";
import { treeOf } from "../support/tree.ts";

async function stop(broker: Broker): Promise<void> {
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
}

async function verify(data: string): Promise<{ code: number | null; out: string }> {
  const { code, out, stderr } = await runSluice({
    runtime: CLIENT_RUNTIME,
    args: ["verify", data],
  });
  return { code, out: out + stderr };
}

async function produce(broker: Broker, value: string): Promise<void> {
  await using client = await Client.connect({ brokers: [`127.0.0.1:${broker.port}`] });
  const producer = await client.producer();
  for (const { topic, partition } of LOGS) {
    await producer.send({ topic, partition, key: "k", value });
  }
}

test("the golden directories are those that were made", () => {
  assert.deepEqual(digestsFound(DIRECTORIES), digestsSaid(), "never made again: see ADR 25");
});

for (const name of DIRECTORIES) {
  test(`${name} is served, written to, and read again by the other runtime (${PAIR})`, async () => {
    const data = copyOf(name);
    const before = await verify(data);
    const isTorn = name.endsWith("killed");
    assert.equal(before.code, isTorn ? 1 : 0, before.out);
    assert.match(before.out, /: 0 damages, /);
    for (const { partition } of isTorn ? BEHIND : []) {
      assert.match(
        before.out,
        new RegExp(`^warning {2}${partition}/.* the next start cuts it`, "m"),
      );
    }
    const values: string[] = [];
    const added = () =>
      Object.fromEntries(LOGS.map((log) => {
        return [`${log.topic}-${log.partition}`, values];
      }));
    for (const runtime of [BROKER_RUNTIME, CLIENT_RUNTIME, BROKER_RUNTIME]) {
      const broker = await startBroker({ runtime, data });
      await expectContent(broker, added());
      const value = `written ${values.length}`;
      await produce(broker, value);
      values.push(value);
      await expectContent(broker, added());
      await stop(broker);
      const after = await verify(data);
      assert.equal(after.code, 0, after.out);
      assert.match(after.out, /: 0 damages, 0 warnings, 0 unread, 0 notes/);
    }
  });
}

/** What of each file that says its format has to be read as a later one. */
const LATER: readonly (readonly [file: string, later: (text: string) => string, format: string])[] =
  [
    ["catalogue", (text) => text.replace("sluice-catalogue 1 ", "sluice-catalogue 2 "), "2"],
    ["meta.properties", (text) => text.replace("version=1\n", "version=2\n"), "2"],
    [".kafka_cleanshutdown", (text) => text.replace('"version":0', '"version":1'), "1"],
    ["recovery-point-offset-checkpoint", (text) => `${text.replace("0\n", "1\n")}more\n`, "1"],
    ["log-start-offset-checkpoint", (text) => `${text.replace("0\n", "1\n")}more\n`, "1"],
    ["orders-1/partition.metadata", (text) => text.replace("version: 0", "version: 1"), "1"],
    ["orders-1/leader-epoch-checkpoint", (text) => `${text.replace("0\n", "1\n")}more\n`, "1"],
    [
      "orders-1/00000000000000000002.snapshot",
      (text) => snapshotFile(2, `${text.slice(6)}more`),
      "2",
    ],
  ];

/** Those over which `repair` would go on if it did not look. */
const REPAIRED: ReadonlySet<string> = new Set(["catalogue", "orders-1/leader-epoch-checkpoint"]);

test(`a directory of a later program is refused by name, untouched (${PAIR})`, async () => {
  for (const [file, later, format] of LATER) {
    const data = copyOf("0.1.0-clean");
    const path = join(data, file);
    const text = readFileSync(path, "latin1");
    assert.notEqual(later(text), text, file);
    writeFileSync(path, later(text), "latin1");
    const before = treeOf(data);
    const serve = ["serve", "--data", data, "--native", "127.0.0.1:0", "--no-http"];
    const commands: [RuntimeName, string[]][] = [
      [BROKER_RUNTIME, serve],
      [CLIENT_RUNTIME, ["verify", data]],
    ];
    if (REPAIRED.has(file)) {
      commands.push([CLIENT_RUNTIME, ["repair", data, "orders-1", "--rebuild"]]);
    }
    for (const [runtime, args] of commands) {
      const { code, stderr } = await runSluice({ runtime, args });
      assert.ok(code === 1 || code === 2, `${args[0]} ${file}: ${stderr}`);
      assert.ok(stderr.includes(`${data}: ${file} is of format ${format}, `), stderr);
      assert.match(stderr, /this version knows \d: use a newer version/);
      assert.deepEqual(treeOf(data), before, `${args[0]} ${file}`);
    }
  }
});

test(`what a later program added to the catalogue is kept (${PAIR})`, async () => {
  const data = copyOf("0.1.0-clean");
  const path = join(data, "catalogue");
  const content = decodeCatalogue(readFileSync(path)) as CatalogueContent & { ofLater: unknown };
  content.ofLater = { yes: true };
  content.topics = content.topics.map((topic) => ({ ...topic, ofLater: topic.name }));
  writeFileSync(path, encodeCatalogue(content));
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  await expectContent(broker);
  await using client = await Client.connect({ brokers: [`127.0.0.1:${broker.port}`] });
  await client.admin.createTopic("new");
  await client.admin.alterTopic("codecs", { "retention.bytes": "1000000" });
  await client.admin.addPartitions("codecs", 2);
  await stop(broker);
  const after = decodeCatalogue(readFileSync(path)) as CatalogueContent & { ofLater: unknown };
  assert.deepEqual(after.ofLater, { yes: true });
  for (const topic of after.topics.filter(({ name }) => name !== "new")) {
    assert.equal((topic as { ofLater?: unknown }).ofLater, topic.name);
  }
});
