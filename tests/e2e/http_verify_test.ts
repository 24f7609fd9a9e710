/** Verifying partitions over HTTP, beside a broker that serves them. */
import assert from "node:assert/strict";
import { openSync, readdirSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Broker, startBroker } from "../support/broker.ts";
import { commands } from "../support/commands.ts";
import { HttpDoor } from "../support/http.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory("http-verify");
const data = join(directory, "d");

interface Line {
  kind: string;
  severity?: string;
  path?: string;
  records?: number;
  bytes?: number;
  findings?: Record<string, number>;
}

function start(): Promise<Broker> {
  return startBroker({ runtime: BROKER_RUNTIME, data, http: true });
}

function target(topic: string, partition: number): string {
  return `/v1/topics/${topic}/partitions/${partition}/verify`;
}

async function verify(door: HttpDoor, topic: string, partition: number): Promise<Line[]> {
  const answer = await door.ask({ method: "POST", target: target(topic, partition) });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers.get("content-type"), "application/x-ndjson");
  return answer.text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

// What is below the checkpoints is looked at: a clean stop writes them.
const first = await start();
const sluice = commands(first);
await sluice(["topic", "create", "orders", "--partitions", "2"]);
await sluice(["produce", "orders", "--partition", "0"], { stdin: "x".repeat(99) + "\n" + "y\n" });
await sluice(["produce", "orders", "--partition", "1"], {
  stdin: `${"z".repeat(99_999)}\n`.repeat(300),
});
assert.deepEqual(await first.stop(), { code: 0, signal: null });
const broker = await start();
const door = await HttpDoor.of(broker, data);

test("a whole partition", async () => {
  const lines = await verify(door, "orders", 0);
  const { kind, records, findings } = lines.at(-1)!;
  assert.deepEqual([kind, records], ["summary", 2]);
  assert.deepEqual([findings!["damage"], findings!["warning"], findings!["unread"]], [0, 0, 0]);
  for (const line of lines.slice(0, -1)) {
    assert.ok(line.kind === "progress" || line.severity === "note", JSON.stringify(line));
  }
});

test("several at the same time, each is told its own", async () => {
  const all = await Promise.all([1, 0, 1].map((partition) => verify(door, "orders", partition)));
  assert.deepEqual(all.map((lines) => lines.at(-1)!.records), [300, 2, 300]);
});

test("damage is found, and the broker serves on", async () => {
  const folder = join(data, "orders-0");
  const [log] = readdirSync(folder).filter((name) => name.endsWith(".log"));
  const path = join(folder, log!);
  assert.ok(statSync(path).size > 100);
  writeSync(openSync(path, "r+"), "?", 90);
  const lines = await verify(door, "orders", 0);
  assert.ok(
    lines.some(({ kind, severity, path: at }) => {
      return kind === "finding" && severity === "damage" && at === `orders-0/${log}`;
    }),
    JSON.stringify(lines),
  );
  assert.equal(lines.at(-1)!.findings!["damage"]! > 0, true);
  const counted = await commands(broker)(["offsets", "orders"]);
  assert.match(counted.out, /^orders\t1\t0\t300/m);
});

test("what is not there, and who may not", async () => {
  const method = "POST";
  const none = await door.ask({ method, target: target("none", 0) });
  assert.deepEqual([none.status, JSON.parse(none.text).name], [404, "topic_not_found"]);
  const far = await door.ask({ method, target: target("orders", 2) });
  assert.deepEqual([far.status, JSON.parse(far.text).name], [404, "partition_not_found"]);
  const small = await door.ask({ method, target: target("orders", 0) }, "read");
  assert.deepEqual([small.status, JSON.parse(small.text).name], [403, "http_scope_too_small"]);
});

test("a broker that stops says so, and ends cleanly", async () => {
  const asked = [1, 1, 1, 1].map((partition) => verify(door, "orders", partition));
  await Promise.race(asked);
  const ended = await broker.stop();
  for (const lines of await Promise.all(asked)) {
    assert.ok(["summary", "failed"].includes(lines.at(-1)!.kind), JSON.stringify(lines.at(-1)));
  }
  assert.deepEqual(ended, { code: 0, signal: null }, broker.stderr());
});
