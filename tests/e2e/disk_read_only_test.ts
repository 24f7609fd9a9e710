/**
 * The disk can only be read from now on, as ext4 has it after an error: producers are told so, the
 * broker lives and serves what is stored, and after a repair everything acknowledged is there. And
 * on a disk that is so when it starts, a broker says what to do and changes nothing.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { DiskState } from "../../src/log/disk.ts";
import { type Broker, type Ended, runSluice, startBroker } from "../support/broker.ts";
import { commands } from "../support/commands.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { counter } from "../support/proof/counters.ts";
import { diskMissing, LoopDisk } from "../support/proof/loop_disk.ts";
import { Proof } from "../support/proof/proof.ts";
import { SmallVolume, volumeMissing } from "../support/proof/small_volume.ts";
import { readWire } from "../support/proof/wire_reader.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
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
  const readings = await readWire(broker.port, proof.load.places);
  proof.checker.judge(readings, false);
  proof.expectSound();
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
}

testOrSkip("a start on a disk that can only be read", volumeMissing("tmpfs"), async () => {
  const volume = SmallVolume.create("tmpfs", 64);
  const remount = (way: "ro" | "rw") => {
    const { stderr } = spawnSync("mount", ["-o", `remount,${way}`, volume.path]);
    assert.equal(stderr.toString(), "");
  };
  try {
    const data = join(volume.path, "d");
    await store(data, "kept\n");
    remount("ro");
    const args = ["serve", "--no-http", "--data", data, "--native", "127.0.0.1:0"];
    const refused = await runSluice({ runtime: BROKER_RUNTIME, args });
    assert.deepEqual([refused.code, refused.out], [1, ""], refused.stderr);
    assert.match(refused.stderr, /^sluice: \S+ is on a disk that can only be read: .*remount,rw/);
    assert.equal(refused.stderr.trim().split("\n").length, 1);
    const advised = await runSluice({ runtime: BROKER_RUNTIME, args: ["verify", data] });
    assert.equal(advised.code, 0, advised.out + advised.stderr);
    const elsewhere = [
      "serve",
      "--no-http",
      "--data",
      join(volume.path, "new"),
      "--native",
      "127.0.0.1:0",
    ];
    const first = await runSluice({ runtime: BROKER_RUNTIME, args: elsewhere });
    assert.match(first.stderr, /can only be read/);
    remount("rw");
    await expectKept(data, "kept\n");
  } finally {
    await volume.remove();
  }
});

/** Without the right of root to write anywhere. */
const PLAIN = process.getuid?.() === 0
  ? ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
  : [];

/** Why nobody can be kept from writing here, or null. */
function plainMissing(): string | null {
  const directory = temporaryDirectory("plain");
  chmodSync(directory, 0o500);
  const [program = "", ...args] = [...PLAIN, "test", "-w", directory];
  const { status, error } = spawnSync(program, args);
  if (error !== undefined) return `${program} is not installed (Debian: util-linux)`;
  return status === 1 ? null : "root cannot be kept from writing here";
}

testOrSkip("a start in a directory that this user may not write", plainMissing(), async () => {
  const data = join(temporaryDirectory("mine"), "d");
  await store(data, "kept\n");
  const args = ["serve", "--no-http", "--data", data, "--native", "127.0.0.1:0"];
  chmodSync(data, 0o500);
  const before = readdirSync(data);
  const refused = await runSluice({ runtime: BROKER_RUNTIME, args, wrap: PLAIN });
  assert.deepEqual([refused.code, refused.out], [1, ""], refused.stderr);
  assert.match(refused.stderr, /^sluice: .*EACCES: start the broker as the user .*chown/);
  assert.deepEqual(readdirSync(data), before);
  chmodSync(data, 0o700);
  await expectKept(data, "kept\n");
});

/** A broker is started, takes `text` and stops cleanly. */
async function store(data: string, text: string): Promise<void> {
  mkdirSync(data);
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  await commands(broker)(["topic", "create", "t"]);
  await commands(broker)(["produce", "t"], { stdin: text });
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
}

/** What was stored is there, and the stop before still counts as a clean one. */
async function expectKept(data: string, text: string): Promise<void> {
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  assert.equal((await commands(broker)(["consume", "t"])).out, text);
  assert.equal(await counter(broker.port, "recovery_scanned_bytes_total"), 0);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
}
