/**
 * Every program in examples/ runs, and does what it says: on Bun and on Deno from the sources, the
 * clients on Node from dist/package. The broker is a process of the runner's own runtime.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { DENO_SCRIPT_PERMISSIONS } from "../../scripts/runtime.mjs";
import { startBroker } from "../support/broker.ts";
import { buildPackage } from "../support/built_package.ts";
import { commands } from "../support/commands.ts";
import { findNode } from "../support/node.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { argumentsFor, availableRuntimes, ROOT, runtimePath } from "../support/runtimes.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const NUMBERS = 60_000;
const PERMISSIONS = ["--no-prompt", "--allow-net", "--allow-env"];
const WITHIN_MS = 120_000;

const data = join(temporaryDirectory("examples"), "d");
let broker = await startBroker({ runtime: BROKER_RUNTIME, data });
after(async () => {
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("every example is in this file", () => {
  const here = ["README.md", "consume_group.mjs", "embedded_broker_test.mjs"];
  here.push("exactly_once.mjs", "produce.mjs", "tail.mjs", "tail_page.html", "tail_page.mjs");
  assert.deepEqual(readdirSync(join(ROOT, "examples")).sort(), here);
});

test("the examples fit the types", () => {
  const folder = temporaryDirectory("types");
  const config = {
    extends: join(ROOT, "tsconfig.json"),
    compilerOptions: {
      allowJs: true,
      checkJs: true,
      isolatedDeclarations: false,
      typeRoots: [join(ROOT, "node_modules")],
    },
    include: [join(ROOT, "examples"), join(ROOT, "src/**/*.d.ts")],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const words = argumentsFor(BROKER_RUNTIME, DENO_SCRIPT_PERMISSIONS);
  const compiler = ["node_modules/typescript/bin/tsc", "-p", folder];
  const { stdout } = spawnSync(runtimePath(BROKER_RUNTIME), [...words, ...compiler], {
    cwd: ROOT,
    encoding: "utf8",
  });
  assert.equal(stdout, "");
});

for (const { name, path } of availableRuntimes()) {
  registerClients(name, [path, ...argumentsFor(name, PERMISSIONS)], null);
  test(`${name}: the embedded broker`, async () => {
    const file = join(ROOT, "examples/embedded_broker_test.mjs");
    const words = name === "bun" ? ["test", file] : ["test", "-A", "--no-check", file];
    const env = { TMPDIR: temporaryDirectory("e") };
    const { code, out } = await ended(start([path, ...words], env));
    assert.equal(code, 0, out);
    assert.deepEqual(readdirSync(env.TMPDIR), []);
    assert.match(out, /\b2 pass/);
  });
}

const node = findNode();
testOrSkip("node: the embedded broker", node.reason, async () => {
  const file = join(ROOT, "examples/embedded_broker_test.mjs");
  const env = { TMPDIR: temporaryDirectory("e") };
  const { code, out } = await ended(start([node.path, "--test", file], env));
  assert.equal(code, 0, out);
  assert.match(out, /^# pass 2$/m);
  assert.deepEqual(readdirSync(env.TMPDIR), []);
});
if (node.reason === null) buildPackage();
registerClients("node", [node.path], node.reason);

function registerClients(name: string, runtime: readonly string[], reason: string | null): void {
  const begin = (example: string, ...args: readonly string[]) => {
    const command = [...runtime, join(ROOT, "examples", example), ...args];
    return start(command, { SLUICE_BROKER: `127.0.0.1:${broker.port}` });
  };
  const run = async (example: string, ...args: readonly string[]) => {
    const { code, out } = await ended(begin(example, ...args));
    assert.equal(code, 0, out);
    return out.split("\n").slice(0, -1);
  };

  testOrSkip(`${name}: produce, and a group that goes on where it was`, reason, async () => {
    const sent = await run("produce.mjs", name, "20");
    assert.equal(sent.length, 20);
    for (const line of sent) assert.match(line, /^partition [0-3] offset \d+ fsync$/);
    const first = await run("consume_group.mjs", name, `${name}-group`, "7");
    const second = await run("consume_group.mjs", name, `${name}-group`, "13");
    const orders = [...first, ...second].map((line) => JSON.parse(line.split(" ")[2]!).order);
    orders.sort((a: number, b: number) => a - b);
    assert.deepEqual(orders, Array.from({ length: 20 }, (_, i) => i));
  });

  testOrSkip(`${name}: exactly once, killed and with a broker that is killed`, reason, async () => {
    const topic = `${name}-numbers`;
    const first = begin("exactly_once.mjs", topic, String(NUMBERS));
    await said(first, /^stored 5000$/m);
    const firstEnd = ended(first);
    process.kill(first.pid!, "SIGKILL");
    await firstEnd;
    const second = begin("exactly_once.mjs", topic, String(NUMBERS));
    const secondEnd = ended(second);
    await said(second, /^stored \d+$/m);
    await restartBroker();
    const { code, out } = await secondEnd;
    assert.equal(code, 0, out);
    assert.match(out, /^going on behind ([5-9]|[1-5]\d)\d{3}$/m);
    const numbers = Array.from({ length: NUMBERS }, (_, i) => String(i + 1));
    const { out: stored } = await commands(broker)(["consume", topic]);
    assert.deepEqual(stored.split("\n").slice(0, -1), numbers);
  });

  testOrSkip(`${name}: a slow tail falls behind and reads everything`, reason, async () => {
    const topic = `${name}-tail`;
    await commands(broker)(["topic", "create", topic]);
    const stdin = `${"x".repeat(1000)}\n`.repeat(2000);
    await commands(broker)(["produce", topic], { stdin });
    const lines = await run("tail.mjs", topic, "2000");
    assert.match(lines[0] ?? "", /^100 records, at offset 99, 19\d\d behind the end$/);
    assert.equal(lines.at(-1), "2000 records, at offset 1999, 0 behind the end");
  });
}

/** SIGKILL, and the same port again. */
async function restartBroker(): Promise<void> {
  const native = `127.0.0.1:${broker.port}`;
  await broker.kill();
  broker = await startBroker({ runtime: BROKER_RUNTIME, data, native });
}

function start(command: readonly string[], env: Record<string, string>): ChildProcess {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const end = (): void => {
    if (child.exitCode === null && child.signalCode === null) process.kill(child.pid!, "SIGKILL");
  };
  const limit = setTimeout(end, WITHIN_MS);
  process.on("exit", end);
  child.on("close", () => {
    clearTimeout(limit);
    process.off("exit", end);
  });
  return child;
}

function ended(child: ChildProcess): Promise<{ code: number | null; out: string }> {
  return new Promise((resolve) => {
    let out = "";
    child.stdout!.on("data", (piece) => (out += piece));
    child.stderr!.on("data", (piece) => (out += piece));
    child.on("close", (code) => resolve({ code, out }));
  });
}

/** Resolves when the program has printed a line like this; rejects when it ends before. */
function said(child: ChildProcess, line: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let out = "";
    child.stdout!.on("data", (piece) => {
      out += piece;
      if (line.test(out)) resolve();
    });
    child.on("close", () => reject(new Error(`it ended before it said ${line}: ${out}`)));
  });
}
