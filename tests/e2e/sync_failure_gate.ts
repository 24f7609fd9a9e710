/** Ten real failures of fdatasync, each on a thin disk of its own. */
import { figure } from "../support/figures.ts";
import { diskMissing } from "../support/proof/loop_disk.ts";
import { failSyncs } from "../support/proof/sync_failures.ts";
import { testOrSkip } from "../support/skip.ts";

const FAILURES = 10;
const SEED = 4500;

testOrSkip(`${FAILURES} syncs that really fail`, diskMissing("ext4"), async () => {
  const { ackedRecords, refusedBatches, compared, line } = await failSyncs(FAILURES, SEED);
  figure(
    `${FAILURES} failed syncs (seeds from ${SEED}): ${ackedRecords} records acknowledged, ` +
      `none lost and none after the failure, ${refusedBatches} batches without an answer, ` +
      `${compared} records compared; the broker said "${line}"`,
  );
});
