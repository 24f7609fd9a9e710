/**
 * The proof by simulation (docs/LEDGER.md): 100,000 schedules without a violation, in two processes
 * at a time, with what they met; and every planted bug found.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import process from "node:process";
import { currentRuntime, type RuntimeName } from "../../scripts/runtime.mjs";
import { figure } from "../support/figures.ts";
import { addMet, emptyMet, metText } from "./met.ts";
import { runPart } from "./part_process.ts";
import { findPlanted, SEEDS_MAX } from "./planted.ts";
import { PLANTED_BUGS } from "./planted_bugs.ts";

const SCHEDULES = 100_000;
/** A test each: runners bound the time of one. */
const SLICE = 10_000;
const PROCESSES = 2;

const runtime = { name: currentRuntime() as RuntimeName, path: process.execPath };
const met = emptyMet();
let spentMs = 0;

for (let from = 1; from <= SCHEDULES; from += SLICE) {
  test(`schedules ${from} to ${from + SLICE - 1} break no invariant`, async () => {
    const startMs = Date.now();
    const count = SLICE / PROCESSES;
    const parts = Array.from({ length: PROCESSES }, (_, part) => {
      return runPart(runtime, ["run", String(from + part * count), String(count)]);
    });
    for (const line of await Promise.all(parts)) {
      assert.ok("met" in line, "violation" in line ? line.violation : JSON.stringify(line));
      addMet(met, line.met);
    }
    spentMs += Date.now() - startMs;
    process.stderr.write(`simulation: ${met.schedules} schedules\n`);
  });
}

test("what the schedules met", () => {
  assert.equal(met.schedules, SCHEDULES);
  assert.ok(met.fewestOperations >= 50 && met.fewestCrashes >= 2);
  const [sum, kinds] = metText(met);
  figure(`simulation: ${sum!}, ${(SCHEDULES * 1000 / spentMs).toFixed(0)} schedules/s`);
  figure(`simulation: ${kinds!}`);
  for (const [name, count] of Object.entries(met.kinds)) assert.ok(count > 0, `none met ${name}`);
});

for (const bug of PLANTED_BUGS) {
  test(`planted bug: ${bug.name}`, async () => {
    const found = await findPlanted(bug);
    assert.ok(found.seed > 0, `not found in ${SEEDS_MAX} seeds: the simulation has to be mended`);
    figure(`planted bug "${bug.name}": seed ${found.seed}, ${found.words}`);
  });
}
