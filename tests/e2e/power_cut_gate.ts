/**
 * Power cuts on real file systems under load: a hundred on ext4, twenty on XFS, and the control at
 * level os, which must lose. In parts, each on a disk of its own.
 */
import assert from "node:assert/strict";
import { figure } from "../support/figures.ts";
import { diskMissing, type FileSystem } from "../support/proof/loop_disk.ts";
import { cutPowerOften, losePower, type PowerCutFigures } from "../support/proof/power_cuts.ts";
import { testOrSkip } from "../support/skip.ts";

const CYCLES = 20;
const PARTS: Readonly<Record<FileSystem, number>> = { ext4: 5, xfs: 1 };
const CONTROLS = 5;
const SEED = 4300;

for (const fileSystem of ["ext4", "xfs"] as const) {
  const missing = diskMissing(fileSystem);
  const all = { cuts: 0, journalled: 0, ackedRecords: 0, lost: 0, compared: 0 };
  for (let part = 1; part <= PARTS[fileSystem]; part += 1) {
    const name = `${CYCLES} power cuts on ${fileSystem}, part ${part} of ${PARTS[fileSystem]}`;
    testOrSkip(name, missing, async () => {
      const figures = await cutPowerOften(fileSystem, CYCLES, SEED + part);
      for (const key of Object.keys(all) as (keyof PowerCutFigures)[]) all[key] += figures[key];
      assert.equal(figures.lost, 0);
      assert.ok(figures.ackedRecords > 0 && figures.compared > 0, "there was something to lose");
      if (part < PARTS[fileSystem]) return;
      tell(`${fileSystem}, level fsync`, all);
      assert.ok(all.journalled > 0 && all.journalled < all.cuts, "cuts of both kinds");
    });
  }
}

testOrSkip("C14, the control: at level os the same cuts lose", diskMissing("ext4"), async () => {
  const figures = await losePower(CONTROLS, SEED);
  tell("ext4, level os", figures);
  assert.ok(figures.lost > 0, "the job proves nothing: it loses nothing where it must");
});

function tell(what: string, { cuts, journalled, ackedRecords, lost, compared }: PowerCutFigures) {
  figure(
    `${what}: ${cuts} power cuts (${journalled} after a journal commit, seeds from ${SEED}), ` +
      `${ackedRecords} records acknowledged, ${lost} lost, ${compared} compared`,
  );
}
