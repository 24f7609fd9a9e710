/**
 * The disk fails a sync: nothing is acknowledged any more, the broker ends and says why, and when
 * the disk has room again everything that was acknowledged is there. sync_failure_gate.ts does it
 * ten times.
 */
import { diskMissing } from "../support/proof/loop_disk.ts";
import { failSyncs } from "../support/proof/sync_failures.ts";
import { testOrSkip } from "../support/skip.ts";

const SEED = 4501;

testOrSkip("a sync that really fails", diskMissing("ext4"), async () => {
  await failSyncs(1, SEED);
});
