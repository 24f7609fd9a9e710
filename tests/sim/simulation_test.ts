/**
 * The simulation as a test: a fixed number of schedules, and the same schedules twice and on the
 * other runtime, call for call. The full number is in simulation_gate.ts; a seed that fails is
 * looked at with `npm run sim -- --seed N`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { currentRuntime, findRuntime, RUNTIMES } from "../../scripts/runtime.mjs";
import { testOrSkip } from "../support/skip.ts";
import { emptyMet, meet } from "./met.ts";
import { runPart } from "./part_process.ts";
import { drawPlan } from "./plan.ts";
import { hashOf } from "./simulate.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

const SCHEDULES = 1000;
const HASHED = 40;

test(`${SCHEDULES} schedules break no invariant`, () => {
  const met = emptyMet();
  for (let seed = 1; seed <= SCHEDULES; seed += 1) {
    try {
      meet(met, new World(drawPlan(seed), { looks: true }).run());
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      assert.fail(`${error.message}\nsee: npm run sim -- --seed ${seed}`);
    }
  }
  assert.ok(met.fewestOperations >= 50, "at least 50 operations each");
  assert.ok(met.fewestCrashes >= 2, "at least 2 crashes each");
  for (const [name, count] of Object.entries(met.kinds)) {
    assert.ok(count > SCHEDULES / 100, `${name} is met by ${count} schedules only`);
  }
});

test("one seed gives one hash over every call, another seed another", () => {
  assert.equal(hashOf(7, 5), hashOf(7, 5));
  assert.notEqual(hashOf(7, 1), hashOf(8, 1));
});

const other = RUNTIMES.find((name) => name !== currentRuntime())!;
const path = findRuntime(other);
testOrSkip(
  `${HASHED} seeds give the same hash on both runtimes`,
  path === null ? `${other} is not on this machine` : null,
  async () => {
    const line = await runPart({ name: other, path: path! }, ["hash", "1", String(HASHED)]);
    assert.ok("hash" in line, JSON.stringify(line));
    assert.equal(line.hash, hashOf(1, HASHED), `${other} and ${currentRuntime()}`);
  },
);
