/**
 * A full disk is a state: producers get an error that a retry can mend, everything else goes on,
 * and when there is room it ends by itself. disk_full_gate.ts does it for two minutes each way.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { DiskState } from "../../src/log/disk.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { counter } from "../support/proof/counters.ts";
import { fillOften, limitFiles, VOLUME_MIB } from "../support/proof/full_disk.ts";
import { Proof } from "../support/proof/proof.ts";
import { SmallVolume, volumeMissing } from "../support/proof/small_volume.ts";
import { testOrSkip } from "../support/skip.ts";
import { until } from "../support/until.ts";

const SEED = 5100;

for (const kind of ["tmpfs", "loop"] as const) {
  testOrSkip(
    `a full ${kind} volume, each way of making room once`,
    volumeMissing(kind),
    async () => {
      await fillOften(kind, 0, SEED);
    },
  );
}

testOrSkip("a broker starts on a disk without a free byte", volumeMissing("loop"), async () => {
  const volume = SmallVolume.create("loop", VOLUME_MIB);
  const proof = new Proof({ data: join(volume.path, "d"), seed: SEED });
  try {
    const first = await proof.start();
    await proof.load.begin(first.port);
    await until("records are taken", () => proof.history.ackedRecords > 100);
    volume.fill();
    await first.kill();
    await proof.load.end();
    volume.fill();
    const broker = await proof.start();
    await proof.judge(broker);
    const state = () => counter(broker.port, "disk_state");
    assert.equal(await state(), DiskState.full);
    await proof.load.begin(broker.port);
    const refused = async () => await counter(broker.port, "disk_refused_batches_total") > 0;
    await until("producers are refused", refused);
    volume.shrink(0);
    await until("it goes on by itself", async () => await state() === DiskState.ok);
    await proof.load.finish();
    await proof.finish(broker);
  } finally {
    await proof.close();
    await volume.remove();
  }
});

const prlimitMissing = spawnSync("prlimit", ["--version"]).status === 0
  ? null
  : "prlimit is not installed (Debian: apt-get install util-linux)";

testOrSkip("files that may not grow, until the limit is raised", prlimitMissing, async () => {
  await limitFiles(SEED, BROKER_RUNTIME);
});
