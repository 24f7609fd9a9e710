/**
 * Killed under load and while it recovers, a few times: every start serves, and nothing that was
 * acknowledged or seen is lost or changed. kill_cycles_gate.ts does it a hundred times.
 */
import { join } from "node:path";
import { test } from "node:test";
import { KillCycles } from "../support/proof/kill_cycles.ts";
import { Proof } from "../support/proof/proof.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const CYCLES = 6;
const SEED = 4001;

test(`${CYCLES} kills under load and in recovery`, async () => {
  const proof = new Proof({ data: join(temporaryDirectory("kill"), "d"), seed: SEED });
  await new KillCycles(proof).run(CYCLES);
  await proof.finish(await proof.start());
});
