/**
 * A few power cuts on a real ext4: what was acknowledged is there, and at level os it is not.
 * power_cut_gate.ts does it a hundred times, and on XFS.
 */
import assert from "node:assert/strict";
import { diskMissing } from "../support/proof/loop_disk.ts";
import { cutPowerOften, losePower } from "../support/proof/power_cuts.ts";
import { testOrSkip } from "../support/skip.ts";

const missing = diskMissing("ext4");
const CUTS = 4;
const SEED = 4201;

testOrSkip(`${CUTS} power cuts under load on ext4`, missing, async () => {
  const { ackedRecords, lost } = await cutPowerOften("ext4", CUTS, SEED);
  assert.ok(ackedRecords > 0);
  assert.equal(lost, 0);
});

testOrSkip("the control: at level os a power cut loses", missing, async () => {
  const { ackedRecords, lost } = await losePower(1, SEED);
  assert.ok(lost > 0, `nothing of ${ackedRecords} records was lost: the cut cuts nothing`);
});
