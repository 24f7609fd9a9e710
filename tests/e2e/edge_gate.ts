/**
 * Ten minutes on the edge: a disk of 256 MB, more data than fits, and a power cut every minute. A
 * part is a minute; they go on where the part before them ended.
 */
import { after } from "node:test";
import { Edge } from "../support/proof/edge.ts";
import { diskMissing } from "../support/proof/loop_disk.ts";
import { testOrSkip } from "../support/skip.ts";

const SHAPE = { seed: 8400, sizeMib: 256, everyMs: 60_000 };
const CUTS = 10;

const missing = diskMissing("ext4");
let edge: Edge | null = null;

after(() => edge?.remove());

for (let cut = 1; cut <= CUTS; cut += 1) {
  testOrSkip(`a disk that is too small, power cut ${cut} of ${CUTS}`, missing, async () => {
    edge ??= new Edge(SHAPE);
    await edge.serveAndCut();
  });
}

testOrSkip("after all of them: a clean stop, and files equal to the wire", missing, async () => {
  await edge!.finish();
});
