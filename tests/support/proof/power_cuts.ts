/**
 * Power cuts on a real file system under load.
 *
 *     start -> judge -> load -> SIGSTOP -> FS_IOC_SHUTDOWN -> SIGKILL -> umount -> mount -> …
 *
 * The broker is stopped before the cut, so that it sees no error that a machine without power could
 * not have seen. Three in four cuts leave the journal as it is, the fourth writes it first: then
 * sizes and names may be newer than the data, and a tail shows zeros.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import type { Broker, BrokerOptions } from "../broker.ts";
import { isStopped } from "./threads.ts";
import { pause, until } from "../until.ts";
import { type DiskShape, type FileSystem, LoopDisk } from "./loop_disk.ts";
import { Proof } from "./proof.ts";
import type { ShutdownFlag } from "./shutdown_ioctl.ts";
import { readWire } from "./wire_reader.ts";

/** Room for every cycle of one disk. */
const SHAPE: Omit<DiskShape, "fileSystem"> = { sizeMib: 512, ramMib: 512 };
/** In turn: a journal that is written often, as by default, and never by itself. */
export const MOUNTS: Readonly<Record<FileSystem, readonly (readonly string[])[]>> = {
  ext4: [["commit=1"], ["commit=5"], ["commit=1000"]],
  xfs: [[]],
};
const LOAD_MS_MIN = 20;
const LOAD_MS_MAX = 600;
/** Now and then long enough for a journal of one second. */
const LONG_EVERY = 5;
const LONG_MS = 1100;

export interface PowerCutFigures {
  cuts: number;
  /** Of them: with the journal written first. */
  journalled: number;
  ackedRecords: number;
  lost: number;
  compared: number;
}

/** Many cuts of one directory; afterwards a clean stop, and the files against the wire. */
export async function cutPowerOften(
  fileSystem: FileSystem,
  cycles: number,
  seed: number,
  settings?: BrokerOptions["settings"],
): Promise<PowerCutFigures> {
  const mounts = MOUNTS[fileSystem];
  return await onDisk(fileSystem, async (disk, guard) => {
    const proof = guard(
      new Proof({ data: join(disk.path, "d"), seed, diskForgets: true, settings }),
    );
    let journalled = 0;
    for (let cut = 0; cut < cycles; cut += 1) {
      const broker = await proof.start();
      await proof.judge(broker);
      const flag = cut % 4 === 3 ? 1 : 2;
      const moreMs = cut % LONG_EVERY === LONG_EVERY - 1 ? LONG_MS : 0;
      await cutUnderLoad(proof, broker, disk, flag, moreMs);
      disk.mount(mounts[(cut + 1) % mounts.length]);
      journalled += flag === 1 ? 1 : 0;
    }
    const broker = await proof.start();
    await proof.judge(broker);
    await proof.finish(broker);
    const { lost, compared } = proof.checker;
    const { ackedRecords } = proof.history;
    return { cuts: cycles, journalled, ackedRecords, lost, compared };
  });
}

/**
 * C14, the control: at level os the same cuts must lose what was acknowledged. A new directory each
 * time, because what is known of a place is worth nothing after a loss. Gives back what was lost.
 */
export async function losePower(cycles: number, seed: number): Promise<PowerCutFigures> {
  return await onDisk("ext4", async (disk, guard) => {
    const figures = { cuts: cycles, journalled: 0, ackedRecords: 0, lost: 0, compared: 0 };
    for (let cut = 0; cut < cycles; cut += 1) {
      const data = join(disk.path, `os-${cut}`);
      const proof = guard(new Proof({ data, seed: seed + cut, level: "os" }));
      await cutUnderLoad(proof, await proof.start(), disk, 2, 0);
      disk.mount();
      const after = await proof.start();
      proof.checker.judge(await readWire(after.port, proof.load.places));
      await after.kill();
      figures.ackedRecords += proof.history.ackedRecords;
      figures.lost += proof.checker.lost;
      figures.compared += proof.checker.compared;
    }
    return figures;
  });
}

async function cutUnderLoad(
  proof: Proof,
  broker: Broker,
  disk: LoopDisk,
  flag: ShutdownFlag,
  moreMs: number,
): Promise<void> {
  await proof.load.begin(broker.port);
  await pause(proof.prng.between(LOAD_MS_MIN, LOAD_MS_MAX) + moreMs);
  await cutPower(proof, broker, disk, flag);
}

/** While the load runs; afterwards there is no broker, and the disk is not mounted. */
export async function cutPower(
  proof: Proof,
  broker: Broker,
  disk: LoopDisk,
  flag: ShutdownFlag,
): Promise<void> {
  process.kill(broker.pid, "SIGSTOP");
  // The signal is taken thread by thread, and a thread that waits for the disk takes it afterwards.
  await until("every thread of the broker stands", () => isStopped(broker.pid));
  await disk.cutPower(flag);
  const { signal } = await broker.kill();
  assert.equal(signal, "SIGKILL", `it was still there: ${broker.stderr()}`);
  await proof.load.end();
  await disk.unmount();
}

/** A disk for `use`, and what ends the broker of each guarded proof when `use` fails. */
async function onDisk<T>(
  fileSystem: FileSystem,
  use: (disk: LoopDisk, guard: (proof: Proof) => Proof) => Promise<T>,
): Promise<T> {
  const disk = LoopDisk.create({ ...SHAPE, fileSystem });
  const proofs: Proof[] = [];
  try {
    return await use(disk, (proof) => {
      proofs.push(proof);
      return proof;
    });
  } finally {
    for (const proof of proofs) await proof.close();
    await disk.remove();
  }
}
