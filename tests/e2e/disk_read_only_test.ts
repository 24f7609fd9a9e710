/**
 * The disk can only be read from now on, as ext4 has it after an error: producers are told so, the
 * broker lives and serves what is stored, and after a repair everything acknowledged is there.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DiskState } from "../../src/log/disk.ts";
import type { Broker, Ended } from "../support/broker.ts";
import { counter } from "../support/proof/counters.ts";
import { diskMissing, LoopDisk } from "../support/proof/loop_disk.ts";
import { Proof } from "../support/proof/proof.ts";
import { readWire } from "../support/proof/wire_reader.ts";
import { testOrSkip } from "../support/skip.ts";
import { pause, until } from "../support/until.ts";

const SEED = 5200;
const MIB = 128;
const EXIT_IO = 74;
/** What may be said: of a sync that was under way nobody knows what is on disk. */
const ALLOWED: ReadonlySet<string> = new Set(["disk_read_only", "storage_failed"]);

for (const load of ["between two loads", "under load"] as const) {
  testOrSkip(`a disk that turns read-only ${load}`, diskMissing("ext4"), async () => {
    const disk = LoopDisk.create({ fileSystem: "ext4", sizeMib: MIB, ramMib: MIB });
    const proof = new Proof({ data: join(disk.path, "d"), seed: SEED, diskForgets: true });
    try {
      await disk.unmount();
      disk.mount(["errors=remount-ro"]);
      const broker = await proof.start();
      await proof.load.begin(broker.port);
      await until("records are taken", () => proof.history.ackedRecords > 100);
      if (load === "between two loads") {
        await proof.load.finish();
        disk.breakIt();
        await proof.load.begin(broker.port);
      } else disk.breakIt();
      const isServed = await becomesReadOnly(broker);
      if (isServed) await pause(1500); // through several looks at the disk
      await proof.load.finish();
      if (isServed) await expectServed(proof, broker);
      await disk.unmount();
      disk.mount();
      const after = await proof.start();
      await proof.judge(after);
      await proof.finish(after);
    } finally {
      await proof.close();
      await disk.remove();
    }
  });
}

/** False: a sync was under way and said EIO, which is final. */
async function becomesReadOnly(broker: Broker): Promise<boolean> {
  let ended: Ended | null = null;
  void broker.ended.then((how) => ended = how);
  const isReadOnly = async () => {
    if (ended !== null) return true;
    const state = await counter(broker.port, "disk_state").catch(() => -1);
    return state === DiskState.read_only;
  };
  await until("the broker says so, or ends", isReadOnly);
  if (ended === null) return true;
  assert.deepEqual(ended, { code: EXIT_IO, signal: null }, broker.stderr());
  assert.match(broker.stderr(), /^sluice: .*sync of \S+: EIO/m);
  return false;
}

async function expectServed(proof: Proof, broker: Broker): Promise<void> {
  assert.equal(await counter(broker.port, "disk_state"), DiskState.read_only, "it stays so");
  const { attempts } = proof.history;
  const refused = attempts.filter(({ outcome }) => outcome === "failed");
  assert.ok(refused.length > 0, "producers are refused");
  assert.deepEqual(refused.filter(({ error }) => !ALLOWED.has(error)), []);
  assert.deepEqual(attempts.filter(({ outcome }) => outcome === "unknown"), []);
  proof.checker.judge(await readWire(broker.port, proof.load.places));
  proof.expectSound();
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
}
