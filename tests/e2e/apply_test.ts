/** `sluice apply`: the diff, doing it, doing it again, and what is refused. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startBroker } from "../support/broker.ts";
import { commands, tryCommands } from "../support/commands.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { onTerminal, terminalMissing, typedAt } from "../support/terminal.ts";

const directory = temporaryDirectory("apply");
const broker = await startBroker({ runtime: BROKER_RUNTIME, data: join(directory, "d") });
const sluice = commands(broker);
const trySluice = tryCommands(broker);
const file = join(directory, "topics.yaml");

const WANTED = [
  "topics:",
  "  - name: orders",
  "    partitions: 3",
  "    config: { retention.ms: 3600000 }",
  "  - name: clicks",
].join("\n");

async function names(): Promise<string[]> {
  const { out } = await sluice(["topic", "list"]);
  return out.split("\n").filter((line) => line !== "").map((line) => line.split("\t")[0]!);
}

test("a dry run changes nothing; without --yes and a terminal nothing is done", async () => {
  writeFileSync(file, WANTED);
  const { out, stderr } = await sluice(["apply", "-f", file, "--dry-run"]);
  assert.equal(
    out,
    "+ orders: create, 3 partitions\n    retention.ms=3600000\n+ clicks: create, 1 partition\n",
  );
  assert.match(stderr, /^2 changes to make, 0 topics are as they are to be\n/);
  const refused = await trySluice(["apply", "-f", file]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /there is no terminal to ask on[\s\S]*--yes/);
  assert.deepEqual(await names(), []);
});

test("it is done with --yes, and then there is nothing to do", async () => {
  const { stderr } = await sluice(["apply", "-f", file, "--yes"]);
  assert.match(stderr, /created orders\ncreated clicks\n2 changes made\n$/);
  assert.deepEqual(await names(), ["clicks", "orders"]);
  const again = await sluice(["apply", "-f", file]);
  assert.equal(again.out, "");
  assert.match(again.stderr, /^0 changes, 2 topics are as they are to be\n$/);
});

/** What a terminal shows when a question of `line` is answered so. */
function answered(line: string, answer: string): Promise<string> {
  const code = `${line}; echo "ended $?"`;
  return onTerminal(code, broker.port, typedAt("[y/N]", `${answer}\n`));
}

testOrSkip("on a terminal it asks", terminalMissing(), async () => {
  const asked = join(directory, "asked.yaml");
  writeFileSync(asked, `${WANTED}\n  - name: asked\n`);
  const no = await answered(`sluice apply -f ${asked}`, "no");
  assert.match(no, /\+ asked: create, 1 partition\r\n[\s\S]*nothing was changed\r\nended 1\r\n$/);
  assert.deepEqual(await names(), ["clicks", "orders"]);
  const yes = await answered(`sluice apply -f ${asked}`, "y");
  assert.match(yes, /created asked\r\n1 change made\r\nended 0\r\n$/);
  await sluice(["topic", "delete", "asked"]);
});

test("settings change, partitions grow, and only prune deletes", async () => {
  const next = "topics:\n  - { name: orders, partitions: 4, config: { retention.ms: 7200000 } }\n";
  const kept = await sluice(["apply", "-f", "-", "--yes", "--json"], { stdin: next });
  assert.deepEqual(kept.out.trimEnd().split("\n").map((line) => JSON.parse(line)), [
    {
      change: "set",
      topic: "orders",
      settings: [{ key: "retention.ms", before: "3600000", after: "7200000" }],
    },
    { change: "grow", topic: "orders", before: 3, after: 4 },
  ]);
  assert.match(kept.stderr, /1 not in the file stay \(--prune deletes\)/);
  assert.deepEqual(await names(), ["clicks", "orders"]);
  const pruned = await sluice(["apply", "-f", "-", "--prune", "--yes"], { stdin: next });
  assert.equal(pruned.out, "- clicks: delete, 1 partition with all their records\n");
  assert.deepEqual(await names(), ["orders"]);
});

test("complaints name file and line, and nothing is done", async () => {
  writeFileSync(file, "topics:\n  - name: fresh\n  - name: orders\n    partitions: 1\n");
  const fewer = await trySluice(["apply", "-f", file, "--yes"]);
  assert.equal(fewer.code, 2);
  assert.ok(fewer.stderr.startsWith(`sluice: ${file}:4: orders has 4 partitions`), fewer.stderr);
  writeFileSync(file, "topics:\n  - name: fresh\n    config:\n      flush.ms: never\n");
  const wrong = await trySluice(["apply", "-f", file, "--yes"]);
  assert.equal(wrong.code, 2);
  assert.ok(wrong.stderr.startsWith(`sluice: ${file}:4: flush.ms: "never" must be`), wrong.stderr);
  const missing = await trySluice(["apply", "-f", join(directory, "none.yaml"), "--yes"]);
  assert.equal(missing.code, 1);
  assert.deepEqual(await names(), ["orders"]);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null });
});
