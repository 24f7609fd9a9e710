/**
 * A hundred kills of one directory, one in five of them before the broker serves. In parts, each
 * far below what a single test may take; they go on where the part before them ended.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { figure } from "../support/figures.ts";
import { KillCycles } from "../support/proof/kill_cycles.ts";
import { Proof } from "../support/proof/proof.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const PARTS = 5;
const CYCLES = 20;
const SEED = 4100;

const proof = new Proof({ data: join(temporaryDirectory("kill"), "d"), seed: SEED });
const cycles = new KillCycles(proof);

for (let part = 1; part <= PARTS; part += 1) {
  test(`${CYCLES} kills, part ${part} of ${PARTS}`, () => cycles.run(CYCLES));
}

test("after all of them: every retry answered, a clean stop, files equal to the wire", async () => {
  await proof.finish(await proof.start());
  const { kills, inRecovery } = cycles;
  const { ackedRecords, attempts } = proof.history;
  const cutOff = attempts.filter(({ outcome }) => outcome === "unknown").length;
  assert.ok(inRecovery > 0, "kills came before it served");
  assert.ok(ackedRecords > 0 && cutOff > 0, `${cutOff} batches were under way when a kill came`);
  figure(
    `${kills} kills (seed ${SEED}), ${inRecovery} before it served: ` +
      `${ackedRecords} records acknowledged, ${proof.checker.lost} lost, ` +
      `${cutOff} batches without an answer, ` +
      `${proof.checker.compared} compared`,
  );
});
