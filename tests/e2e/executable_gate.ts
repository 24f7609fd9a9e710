/**
 * The executable of this machine stands for the program: the whole end-to-end suite runs against
 * it, one file after the other; and it serves where there is little else.
 *
 *     the suite     an empty home, no Node, Bun or Deno on its PATH (support/executable.ts)
 *     a start       under strace: nothing is written outside the data directory, nothing started
 *     a bare root   only it, libc and /proc; read-only, another user, no privileges
 *     the same      with a container's default rules about system calls, and with stricter ones
 *     for arm64, and on an old processor of x64: where an emulator is installed
 *
 * Size, start and memory: bench/executable.ts.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { makeExecutable, TARGETS } from "../../scripts/executable.ts";
import { DENO_SCRIPT_PERMISSIONS, denoProject, ROOT } from "../../scripts/runtime.mjs";
import { type Broker, type BrokerOptions, startBroker } from "../support/broker.ts";
import { commands } from "../support/commands.ts";
import { madeExecutable } from "../support/executable.ts";
import { figure, mebibytes } from "../support/figures.ts";
import { HttpDoor } from "../support/http.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { currentRuntime } from "../support/runtimes.ts";
import {
  containerRules,
  type Filter,
  sandboxMissing,
  sandboxWrap,
  without,
  writableDirectory,
} from "../support/sandbox.ts";
import { testOrSkip } from "../support/skip.ts";
import { type Call, straceMissing, Trace } from "../support/strace.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const SUITE = globSync("tests/e2e/*_test.ts", { cwd: ROOT }).sort()
  .filter((file) => !file.endsWith("/executable_test.ts"));
/** What may change a file, or make one. */
const WRITING = ["openat", "open", "creat", "mkdir", "mkdirat", "memfd_create", "execve"];

const WHO = `executable of ${BROKER_RUNTIME}`;

const made = madeExecutable(BROKER_RUNTIME);
const missing = "reason" in made ? made.reason : null;
const executable = "path" in made ? made.path : "";
const rules = missing === null ? containerRules() : missing;

testOrSkip(`${BROKER_RUNTIME} can be made into an executable`, missing, () => {
  figure(`its size is ${mebibytes(statSync(executable).size)}`, WHO);
});

if (missing === null) {
  for (const file of SUITE) test(`the suite: ${file}`, () => runAgainst(file));
}

const untraced = missing ?? straceMissing();
testOrSkip("a start unpacks nothing, and starts nothing", untraced, async () => {
  const data = join(temporaryDirectory("start"), "d");
  const trace = new Trace(WRITING);
  const broker = await serve({ data, wrap: trace.wrap });
  await use(broker, data);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  const calls = (await trace.calls(broker.pid)).filter(({ result }) => result >= 0);
  assert.equal(calls.filter(({ name }) => name === "execve").length, 1);
  const written = calls.filter(mayWrite).map(({ line }) => line);
  assert.ok(written.length > 5, "what it wrote into the data directory was seen");
  assert.deepEqual(written.filter((line) => !line.includes(data) && !line.includes("/dev/")), []);
});

const root = missing ?? sandboxMissing();
testOrSkip(
  "in a bare root, which cannot be written, as another user",
  root,
  () => serveInside(null, /by AIO/),
);

const filtered = root ?? (typeof rules === "string" ? rules : null);
testOrSkip("with a container's rules about system calls", filtered, async () => {
  await serveInside(rules as Filter, /by AIO/);
});

testOrSkip("and with AIO, io_uring, cachestat and memfd_create refused", filtered, async () => {
  const refused = ["io_setup", "io_submit", "io_uring_setup", "cachestat", "memfd_create"];
  await serveInside(without(rules as Filter, refused), /by 4 workers, because AIO is refused/);
});

/** Of Debian's libc6-arm64-cross; QEMU_LD_PREFIX names another place. */
const FOREIGN_ROOT = process.env["QEMU_LD_PREFIX"] ?? "/usr/aarch64-linux-gnu";
const [FOREIGN, OLD] = ["qemu-aarch64-static", "qemu-x86_64-static"];

const unemulated = missing ?? (BROKER_RUNTIME === "bun" ? foreignMissing() : "only of Bun");
testOrSkip("the one for arm64, with its processor emulated", unemulated, async () => {
  const foreign = makeExecutable(TARGETS.find(({ name }) => name === "bun-linux-arm64")!);
  await serveEmulated([FOREIGN, "-L", FOREIGN_ROOT], foreign);
});

const modern = missing ?? (process.arch === "x64" ? emulatorMissing(OLD) : "only on x64");
testOrSkip("on an emulated processor of 2008, which has SSE4.2 and no AVX", modern, async () => {
  await serveEmulated([OLD, "-cpu", "Nehalem"], executable);
});

async function serveEmulated(wrap: readonly string[], emulated: string): Promise<void> {
  const data = join(temporaryDirectory("emulated"), "d");
  const broker = await serve({ data, wrap, executable: emulated, readyWithinMs: 120_000 });
  // The emulator knows no AIO.
  assert.match(broker.stderr(), /by 4 workers, because AIO is refused/);
  await use(broker, data);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
}

function foreignMissing(): string | null {
  if (process.arch === "arm64") return "this machine is one";
  const reason = emulatorMissing(FOREIGN);
  if (reason !== null || existsSync(join(FOREIGN_ROOT, "lib"))) return reason;
  return `${FOREIGN_ROOT} has no libc for it (Debian: libc6-arm64-cross)`;
}

function emulatorMissing(name: string): string | null {
  const { status } = spawnSync(name, ["--version"]);
  return status === 0 ? null : `there is no ${name} (Debian: qemu-user-static)`;
}

function mayWrite({ name, line }: Call): boolean {
  // strace tells besides of calls that it does not know.
  if (name === "execve" || !WRITING.includes(name)) return false;
  return !name.startsWith("open") || /O_WRONLY|O_RDWR|O_CREAT/.test(line);
}

/** One file of the suite, under this runner, with the executable for the program. */
async function runAgainst(file: string): Promise<void> {
  const skips = join(temporaryDirectory("suite"), "skips");
  writeFileSync(skips, "");
  const child = spawn(process.execPath, runnerArguments(file), {
    cwd: ROOT,
    env: {
      ...process.env,
      SLUICE_TEST_EXECUTABLE: executable,
      SLUICE_SKIP_FILE: skips,
      SLUICE_TEST_TMP: temporaryDirectory("s"),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (piece) => output += String(piece));
  child.stderr.on("data", (piece) => output += String(piece));
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 0, output);
  const passed = Number(/^ *(\d+) pass$/m.exec(output)?.[1] ?? /(\d+) passed/.exec(output)?.[1]);
  assert.ok(passed > 0, output);
  const skipped = readFileSync(skips, "utf8").split("\n").filter((line) => line !== "");
  figure(`${file}: ${passed - skipped.length} passed`, WHO);
  skipped.forEach((line) => figure(line, WHO));
}

function runnerArguments(file: string): string[] {
  if (currentRuntime() === "bun") return ["test", "--timeout=240000", `./${file}`];
  return ["test", "--no-check", ...denoProject(), ...DENO_SCRIPT_PERMISSIONS, file];
}

function serve(options: Partial<BrokerOptions> & { data: string }): Promise<Broker> {
  return startBroker({ runtime: BROKER_RUNTIME, executable, http: true, ...options });
}

/** A topic, records there and back, and a page. */
async function use(broker: Broker, data: string): Promise<void> {
  const sluice = commands(broker);
  const lines = Array.from({ length: 1000 }, (_, at) => `line ${at}\n`).join("");
  await sluice(["topic", "create", "orders"], { executable });
  await sluice(["produce", "orders"], { executable, stdin: lines });
  assert.equal((await sluice(["consume", "orders"], { executable })).out, lines);
  const door = await HttpDoor.of(broker, data);
  assert.equal((await door.ask({ target: "/docs" })).status, 200);
  assert.equal((await door.ask({ target: "/metrics" })).status, 200);
}

/** Serves, is killed, recovers, drains. `syncs`: what it says of how it syncs. */
async function serveInside(filter: Filter | null, syncs: RegExp): Promise<void> {
  const data = join(writableDirectory(), "d");
  // Whatever it makes lies in here: the rest of the root cannot be written.
  const wrap = sandboxWrap(executable, dirname(data), filter);
  const first = await serve({ data, wrap });
  assert.match(first.stderr(), syncs);
  const status = readFileSync(`/proc/${first.pid}/status`, "utf8");
  assert.match(status, /^Uid:\t65534\t65534\t65534\t65534$/m);
  assert.match(status, /^CapEff:\t0+$/m);
  assert.match(status, /^NoNewPrivs:\t1$/m);
  assert.match(status, new RegExp(`^Seccomp:\\t${filter === null ? 0 : 2}$`, "m"));
  await use(first, data);
  assert.deepEqual(await first.kill(), { code: null, signal: "SIGKILL" });
  const again = await serve({ data, wrap: sandboxWrap(executable, dirname(data), filter) });
  const { out } = await commands(again)(["consume", "orders"], { executable });
  assert.equal(out.split("\n").length, 1001);
  assert.deepEqual(await again.stop(), { code: 0, signal: null }, again.stderr());
}
