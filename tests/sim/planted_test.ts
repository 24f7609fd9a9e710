/**
 * The simulation finds planted bugs: those that few seeds show, in every run of the tests; all of
 * them in simulation_gate.ts. And the list is that of docs/LEDGER.md.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findPlanted, importPatched } from "./planted.ts";
import { PLANTED_BUGS } from "./planted_bugs.ts";

/** Seeds that are enough for those below, with room to spare. */
const SEEDS = 300;
const QUICK: readonly string[] = [
  "ack before sync",
  "ack of a later group",
  "tail published unsynced after a kill",
  "recovery does not truncate",
  "zeros taken for a batch",
  "epoch reused after a second crash",
  "rename without directory sync",
  "zeros written ahead stay behind the log",
  "partitions acknowledged before the catalogue has them",
  "settings of one change become durable one after another",
];

test("there are twenty-five, by name", () => {
  assert.equal(new Set(PLANTED_BUGS.map(({ name }) => name)).size, 25);
  for (const name of QUICK) assert.ok(PLANTED_BUGS.some((bug) => bug.name === name), name);
});

for (const bug of PLANTED_BUGS.filter(({ name }) => QUICK.includes(name))) {
  test(`found: ${bug.name}`, async () => {
    const { seed, words } = await findPlanted(bug, SEEDS);
    assert.ok(seed > 0, words);
  });
}

test("a bug that cannot be planted is said", async () => {
  const edits = [{ file: "src/limits.ts", find: "no such text", replace: "" }];
  await assert.rejects(findPlanted({ name: "none", edits }, 1), /exactly once/);
});

test("a failing schedule shrinks to what matters, and is told with its files", async () => {
  const bug = PLANTED_BUGS.find(({ name }) => name === "ack before sync")!;
  const simulation = await importPatched(bug);
  let seed = 1;
  while (simulation.violationOf(simulation.drawPlan(seed)) === null) seed += 1;
  const lines: string[] = [];
  const isWell = simulation.reportSeed(seed, () => false, (line) => lines.push(line));
  assert.equal(isWell, false);
  const shrunk = lines.find((line) => line.startsWith("shrunk to")) ?? "";
  const [, left, all] = /shrunk to (\d+) of (\d+) operations/.exec(shrunk) ?? [];
  assert.ok(Number(left) <= 10, shrunk);
  assert.ok(Number(all) >= 50, shrunk);
  assert.ok(lines.some((line) => line.includes(`C1: seed ${seed}, operation `)), "what broke");
  assert.ok(lines.some((line) => /00\.log {2}\[.*\] {2}\(\d+ bytes/.test(line)), "a picture");
});
