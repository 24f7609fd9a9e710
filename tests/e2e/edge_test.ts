/**
 * Two power cuts of a small disk on which more is written than fits: the bound of the whole broker
 * holds, the oldest leave, nothing else is lost. edge_gate.ts does it for ten minutes.
 */
import { diskMissing } from "../support/proof/loop_disk.ts";
import { Edge } from "../support/proof/edge.ts";
import { testOrSkip } from "../support/skip.ts";

const SHAPE = { seed: 8401, sizeMib: 64, everyMs: 2500 };
const CUTS = 2;

testOrSkip(`${CUTS} power cuts of a disk that is too small`, diskMissing("ext4"), async () => {
  const edge = new Edge(SHAPE);
  try {
    for (let cut = 0; cut < CUTS; cut += 1) await edge.serveAndCut();
    await edge.finish();
  } finally {
    await edge.remove();
  }
});
