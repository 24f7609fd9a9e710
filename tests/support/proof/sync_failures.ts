/**
 * Real failures of fdatasync: a file system in a sparse image, on memory too small for it. A write
 * is taken by the page cache, its writeback finds no room, and the sync that waits for it fails.
 *
 *     start -> load, and some is acknowledged -> hardly any memory left -> the broker ends itself
 *           -> more memory, mount again -> start -> judge
 *
 * What the failed sync should have covered was never acknowledged; all before it is there.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { BrokerOptions } from "../broker.ts";
import { until, within } from "../until.ts";
import { LoopDisk } from "./loop_disk.ts";
import { Proof } from "./proof.ts";

/** What the file system believes to have. */
const SIZE_MIB = 256;
/** Room that is left once something was acknowledged. */
const LEFT_MIB_MIN = 2;
const LEFT_MIB_MAX = 8;
/** Acknowledged before that. */
const ACKED_MAX = 500;
/** More than there is room for. */
const BUDGET_BYTES = 67108864;
const FAILS_WITHIN_MS = 60_000;
const EXIT_IO = 74;

export interface SyncFailureFigures {
  failures: number;
  ackedRecords: number;
  /** Batches without an acknowledgement at the end of the broker. */
  refusedBatches: number;
  compared: number;
  /** What the broker said, of the last one. */
  line: string;
}

/** `settings` are the broker's. */
export async function failSyncs(
  failures: number,
  seed: number,
  settings?: BrokerOptions["settings"],
): Promise<SyncFailureFigures> {
  const figures = { failures, ackedRecords: 0, refusedBatches: 0, compared: 0, line: "" };
  for (let failure = 0; failure < failures; failure += 1) {
    const proof = new Proof({
      ...{ data: "", seed: seed + failure },
      ...{ budgetBytes: BUDGET_BYTES, diskForgets: true, settings },
    });
    const disk = LoopDisk.create({ fileSystem: "ext4", sizeMib: SIZE_MIB, ramMib: SIZE_MIB - 1 });
    try {
      proof.data = join(disk.path, "d");
      figures.line = await failOnce(proof, disk);
      figures.ackedRecords += proof.history.ackedRecords;
      const { attempts } = proof.history;
      figures.refusedBatches += attempts.filter(({ outcome }) => outcome !== "acked").length;
      figures.compared += proof.checker.compared;
    } finally {
      await proof.close();
      await disk.remove();
    }
  }
  return figures;
}

async function failOnce(proof: Proof, disk: LoopDisk): Promise<string> {
  const broker = await proof.start();
  const acked = proof.prng.between(1, ACKED_MAX);
  const leftMib = proof.prng.between(LEFT_MIB_MIN, LEFT_MIB_MAX);
  await proof.load.begin(broker.port);
  await until(`${acked} records are acknowledged`, () => proof.history.ackedRecords >= acked);
  await until("the memory is taken", () => disk.squeeze(leftMib));
  const ended = await within("the end of the broker", broker.ended, FAILS_WITHIN_MS)
    .finally(() => broker.kill());
  await proof.load.end();
  assert.deepEqual(ended, { code: EXIT_IO, signal: null }, broker.stderr());
  const line = /^sluice: .*\bsync of \S+: E[A-Z]+.*$/m.exec(broker.stderr())?.[0];
  assert.ok(line !== undefined, `it says which sync failed, and why: ${broker.stderr()}`);
  await disk.unmount();
  disk.resize(SIZE_MIB);
  disk.mount();
  const after = await proof.start();
  await proof.judge(after);
  await proof.finish(after);
  return line;
}
