/**
 * What the README promises to somebody who has just cloned the repository: with npm, with only Bun,
 * with only Deno, and with npm first and Deno after it. The tour is pasted from the page. Each in a
 * clone of its own, of what is committed, and with nothing left behind that git would see.
 */
import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { parseReady } from "../support/broker.ts";
import { ROOT, type RuntimeName, runtimePath } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { tourBlocks } from "../support/tour.ts";
import { until } from "../support/until.ts";

const INSTALL_WITHIN_MS = 180_000;
const READY_WITHIN_MS = 60_000;
/** So that no clone meets another broker; everything else is as in the README. */
const ANY_PORT = ["--native", "127.0.0.1:0", "--http", "127.0.0.1:0"];
/** What a script of package.json, a clone and the tour need besides a runtime. */
const SYSTEM = ["sh", "git", "env", "uname", "ls", "curl"];

forgetRunner();

test("with npm: npm ci && npm start, and the tour by npx", async () => {
  const clone = cloned("npm");
  const env = environment(process.env["PATH"] ?? "");
  run(clone, env, "npm", ["ci"]);
  for (const runtime of ["bun", "deno"]) {
    const own = { ...env, SLUICE_RUNTIME: runtime };
    await served(clone, own, ["npm", "start", "--", ...ANY_PORT], (broker) => {
      paste(clone, { ...own, SLUICE_BROKER: broker }, "npx sluice");
    });
    rmSync(join(clone, "sluice-data"), { recursive: true });
  }
  expectNothingLeft(clone);
});

test("with only Bun: bun install && bun start", async () => {
  const clone = cloned("bun");
  const env = environment(onlyPath("bun"));
  run(clone, env, "bun", ["install"]);
  await served(clone, env, ["bun", "start", ...ANY_PORT], (broker) => {
    paste(clone, { ...env, SLUICE_BROKER: broker }, "bun run --silent sluice");
  });
  expectNothingLeft(clone);
});

test("with only Deno: deno task start", async () => {
  const clone = cloned("deno");
  const env = { ...environment(onlyPath("deno")), DENO_DIR: temporaryDirectory("cache") };
  await served(clone, env, ["deno", "task", "start", ...ANY_PORT], (broker) => {
    paste(clone, { ...env, SLUICE_BROKER: broker }, "deno task sluice");
  });
  expectNothingLeft(clone);
});

test("with npm first and Deno after it, in one clone", async () => {
  const clone = cloned("both");
  const env = environment(process.env["PATH"] ?? "");
  run(clone, env, "npm", ["ci"]);
  await served(clone, env, ["npm", "start", "--", ...ANY_PORT], (broker) => {
    tour(clone, { ...env, SLUICE_BROKER: broker }, ["npx", "sluice"], "first");
  });
  expectNothingLeft(clone);
  const deno = { ...environment(onlyPath("deno")), DENO_DIR: temporaryDirectory("cache") };
  await served(clone, deno, ["deno", "task", "start", ...ANY_PORT], (broker) => {
    tour(clone, { ...deno, SLUICE_BROKER: broker }, ["deno", "task", "sluice"], "second");
  });
  expectNothingLeft(clone);
});

type Environment = Record<string, string | undefined>;

function cloned(name: string): string {
  const clone = join(temporaryDirectory(name), "sluice");
  run(ROOT, process.env, "git", ["clone", "--quiet", ROOT, clone]);
  return clone;
}

function environment(path: string): Environment {
  return { ...process.env, PATH: path, NO_COLOR: "1" };
}

/**
 * Forgets the runner's own settings, and what npm says of itself: else npm would think that it was
 * started by npm, and Bun that there is a Node. What a package manager was told stays. From the
 * process itself, because Deno's spawnSync adds `env` to it and takes nothing away.
 */
function forgetRunner(): void {
  const foreign = /^(SLUICE_|npm_(lifecycle|package|command|execpath|node_execpath)|NODE$)/;
  // The two that stay are read by the tests' own helpers, and by no product.
  for (const name of Object.keys(process.env)) {
    if (foreign.test(name) && name !== "SLUICE_TEST_TMP" && name !== "SLUICE_SKIP_FILE") {
      delete process.env[name];
    }
  }
}

/** A PATH with one runtime and no Node. */
function onlyPath(runtime: RuntimeName): string {
  const directory = join(temporaryDirectory(`only-${runtime}`), "bin");
  mkdirSync(directory);
  symlinkSync(runtimePath(runtime), join(directory, runtime));
  for (const name of SYSTEM) symlinkSync(found(name), join(directory, name));
  return directory;
}

function found(name: string): string {
  const which = spawnSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" });
  assert.equal(which.status, 0, `${name} is on the PATH`);
  return which.stdout.trim();
}

function run(cwd: string, env: Environment, name: string, args: readonly string[], input = "") {
  const ended = spawnSync(name, args, { cwd, env, input, timeout: INSTALL_WITHIN_MS });
  const said = `${name} ${args.join(" ")}: ${ended.stdout}${ended.stderr}${ended.error ?? ""}`;
  assert.equal(ended.status, 0, said);
  return String(ended.stdout);
}

/** Starts a broker, works with it, and ends it by SIGTERM to what was started. */
async function served(
  cwd: string,
  env: Environment,
  command: readonly string[],
  work: (broker: string) => void,
): Promise<void> {
  const [name = "", ...args] = command;
  // A group of its own: npm puts a shell between itself and what it runs.
  const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];
  const child = spawn(name, args, { cwd, env, stdio, detached: true });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const endGroup = () => signalGroup(child, "SIGKILL");
  process.on("exit", endGroup);
  let out = "";
  let error = "";
  child.stdout.on("data", (piece: Buffer) => out += piece);
  child.stderr.on("data", (piece: Buffer) => error += piece);
  try {
    const listening = await until(`${command.join(" ")} is ready`, () => {
      assert.equal(child.exitCode, null, `it ended: ${out}${error}`);
      return parseReady(out);
    }, READY_WITHIN_MS);
    work(listening.get("native") ?? "");
  } finally {
    // One that ended by itself is gone, and why it ended is what the test has to tell.
    if (child.exitCode === null) process.kill(child.pid ?? 0, "SIGTERM");
    const late = setTimeout(endGroup, READY_WITHIN_MS);
    await ended;
    clearTimeout(late);
    endGroup();
    process.off("exit", endGroup);
  }
  const marker = join(cwd, "sluice-data", ".kafka_cleanshutdown");
  assert.ok(existsSync(marker), "SIGTERM reached the broker, and it stopped cleanly");
}

function signalGroup(child: ChildProcess, signal: "SIGKILL"): void {
  try {
    process.kill(-(child.pid ?? 0), signal);
  } catch {
    // All of it has ended.
  }
}

/** The README's own words, with what starts the command here. Its files go. */
function paste(cwd: string, env: Environment, sluice: string): void {
  const blocks = tourBlocks(cwd, sluice);
  assert.ok(blocks.length > 3);
  for (const block of blocks) run(cwd, env, "sh", ["-e"], block);
  rmSync(join(cwd, "copy.log"));
}

function tour(cwd: string, env: Environment, sluice: readonly string[], topic: string): void {
  const [name = "", ...first] = sluice;
  const say = (args: readonly string[], input = "") =>
    run(cwd, env, name, [...first, ...args], input);
  say(["topic", "create", topic]);
  assert.match(say(["topic", "list"]), new RegExp(`^${topic}\t`, "m"));
  say(["produce", topic], "one\ntwo\nthree\n");
  assert.ok(say(["consume", topic, "--from", "1"]).endsWith("two\nthree\n"));
}

/** What git would show, and what lies outside of what it ignores. */
function expectNothingLeft(clone: string): void {
  assert.equal(run(clone, process.env, "git", ["status", "--porcelain"]), "");
}
