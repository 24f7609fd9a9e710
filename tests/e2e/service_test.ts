/** As a service: the unit that is shipped, its restrictions on a real run, what systemd hears. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { AF_UNIX, MSG_DONTWAIT, SOCK_DGRAM } from "../../ffi/constants.ts";
import { runSluice, startBroker } from "../support/broker.ts";
import { commands } from "../support/commands.ts";
import { figure } from "../support/figures.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME } from "../support/pair.ts";
import { diskMissing, LoopDisk } from "../support/proof/loop_disk.ts";
import { ROOT } from "../support/runtimes.ts";
import {
  serviceSettings,
  UNIT_FILE,
  unitMissing,
  unitWrap,
  unknownSettings,
} from "../support/service_unit.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { pause, until } from "../support/until.ts";

const EXPOSURE_MAX = 3.5;
/** Ten times as long as the watchdog waits for between two that it hears. */
const SILENCE_MS = 2000;

test("the unit notifies, is watched, makes no directory, and lets code be compiled", () => {
  assert.deepEqual(unknownSettings(), []);
  const settings = serviceSettings();
  assert.deepEqual(settings.get("Type"), ["notify"]);
  assert.ok(Number(settings.get("WatchdogSec")![0]) > 0);
  assert.match(settings.get("ExecStart")![0]!, /^\S+\/sluice serve --no-init --data \/var\/lib/);
  assert.equal(settings.has("MemoryDenyWriteExecute"), false);
});

test("a disk that was not mounted does not keep it from being started again", () => {
  const unit = readFileSync(join(ROOT, UNIT_FILE), "utf8");
  // Of a service that a failed dependency kept from starting `Restart` knows nothing.
  assert.doesNotMatch(unit, /^(Requires|Requisite|BindsTo|RequiresMountsFor)=/m);
  assert.match(unit, /^Wants=var-lib-sluice\.mount$/m);
  assert.match(unit, /^After=var-lib-sluice\.mount /m);
  assert.match(unit, /^StartLimitIntervalSec=0$/m);
  assert.deepEqual(serviceSettings().get("Restart"), ["on-failure"]);
});

const missing = unitMissing();
testOrSkip("systemd-analyze security finds little to say", missing, () => {
  const args = ["security", "--offline=true", `--threshold=${EXPOSURE_MAX * 10}`];
  const unit = join(ROOT, UNIT_FILE);
  const { status, stdout, stderr } = spawnSync("systemd-analyze", [...args, unit], {
    encoding: "utf8",
  });
  const level = /exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1];
  figure(`exposure level of the unit: ${level}`);
  assert.equal(status, 0, stdout + stderr);
  assert.ok(Number(level) <= EXPOSURE_MAX);
});

testOrSkip(
  "under the unit's restrictions it serves, drains and starts again",
  missing,
  async () => {
    const data = temporaryDirectory("unit-data");
    const first = await startBroker({ runtime: BROKER_RUNTIME, data });
    await commands(first)(["topic", "create", "kept"]);
    await first.stop();
    const words = serviceSettings().get("ExecStart")![0]!.split(/\s+/).slice(2);
    const flags = words.filter((word, at) => word !== "--data" && words[at - 1] !== "--data");
    for (let run = 0; run < 2; run += 1) {
      const wrap = unitWrap(data);
      const data2 = "/var/lib/sluice";
      const broker = await startBroker({ runtime: BROKER_RUNTIME, data: data2, flags, wrap });
      const sluice = commands(broker);
      await sluice(["produce", "kept"], { stdin: `record ${run}\n` });
      const { out } = await sluice(["consume", "kept"]);
      assert.equal(out, "record 0\nrecord 1\n".slice(0, 9 * (run + 1)));
      assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
      assert.ok(statSync(join(data, ".kafka_cleanshutdown")).isFile(), "it stopped cleanly");
    }
  },
);

/** What a service manager would hear. */
class Notices {
  readonly heard: string[] = [];
  readonly #fd: number = libc.socket(AF_UNIX, SOCK_DGRAM, 0);
  readonly #memory = libc.allocate(4096);
  /** With a watchdog that wants to hear of it all the time. */
  readonly env: Record<string, string>;

  constructor() {
    const socket = join(temporaryDirectory("notify"), "s");
    assert.equal(libc.bind(this.#fd, { family: "unix", path: socket }), 0);
    this.env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "200000" };
  }

  /** What came since the last time. */
  hear(): string[] {
    const before = this.heard.length;
    const memory = this.#memory;
    for (;;) {
      const size = libc.recv(this.#fd, memory, 0, memory.bytes.length, MSG_DONTWAIT);
      if (size < 0) return this.heard.slice(before);
      this.heard.push(new TextDecoder().decode(memory.bytes.subarray(0, size)));
    }
  }

  close(): void {
    libc.close(this.#fd);
  }
}

const ALIVE = "WATCHDOG=1";

test("readiness, the watchdog and the stop are told to whoever started it", async () => {
  const notices = new Notices();
  const data = join(temporaryDirectory("d"), "d");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data, env: notices.env });
  await until("it is ready", () => notices.hear().length > 0);
  assert.equal(notices.heard[0], `READY=1\nSTATUS=serving at 127.0.0.1:${broker.port}`);
  let fed = 0;
  await until("the watchdog hears", () => {
    fed += notices.hear().filter((text) => text === ALIVE).length;
    return fed > 3;
  });
  await broker.stop();
  assert.equal(notices.hear().at(-1), "STOPPING=1\nSTATUS=stopping");
  notices.close();
});

testOrSkip(
  "a shard that hangs feeds no watchdog, and is not healthy",
  diskMissing("ext4"),
  async () => {
    const disk = LoopDisk.create({ fileSystem: "ext4", sizeMib: 64, ramMib: 72 });
    const notices = new Notices();
    const data = join(disk.path, "d");
    const options = { runtime: BROKER_RUNTIME, data, env: notices.env, http: true as const };
    const broker = await startBroker(options);
    const sluice = commands(broker);
    const health = () => runSluice({ runtime: CLIENT_RUNTIME, args: ["health", "--data", data] });
    await broker.http();
    await sluice(["topic", "create", "t"]);
    assert.equal((await health()).code, 0);
    await until("the watchdog hears", () => notices.hear().includes(ALIVE));
    disk.freeze();
    let producing: Promise<unknown> = Promise.resolve();
    try {
      producing = sluice(["produce", "t"], { stdin: "waits in the disk\n" });
      await until("nothing is heard for long", async () => {
        notices.hear();
        await pause(SILENCE_MS);
        return notices.hear().length === 0;
      });
      assert.equal((await health()).code, 1);
      assert.deepEqual(notices.hear(), [], "main is well, and knows better");
    } finally {
      disk.thaw();
      await producing;
    }
    await until("the watchdog hears again", () => notices.hear().includes(ALIVE));
    assert.equal((await health()).code, 0);
    assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
    notices.close();
    await disk.remove();
  },
);
