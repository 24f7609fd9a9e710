/** Two minutes of full disks under load, on a tmpfs and on ext4 in an image. */
import { figure } from "../support/figures.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import {
  fillOften,
  type FullDiskFigures,
  limitFiles,
  VOLUME_MIB,
} from "../support/proof/full_disk.ts";
import { volumeMissing } from "../support/proof/small_volume.ts";
import { testOrSkip } from "../support/skip.ts";

const FOR_MS = 120_000;
const SEED = 5110;

for (const kind of ["tmpfs", "loop"] as const) {
  testOrSkip(`two minutes on a full ${kind} volume`, volumeMissing(kind), async () => {
    tell(`${kind} of ${VOLUME_MIB} MiB for two minutes`, await fillOften(kind, FOR_MS, SEED));
  });
}

testOrSkip("files that may not grow, until the limit is raised", null, async () => {
  tell("RLIMIT_FSIZE", await limitFiles(SEED, BROKER_RUNTIME));
});

function tell(what: string, figures: FullDiskFigures): void {
  const { times, empty, ackedRecords, refusedBatches, compared, lost } = figures;
  figure(
    `${what} (seed ${SEED}): full ${times} times, ${empty} of them without a free byte; ` +
      `${ackedRecords} records acknowledged, ${lost} lost, ${refusedBatches} batches refused ` +
      `with disk_full, ${compared} records compared`,
  );
}
