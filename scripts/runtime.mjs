// @ts-self-types="./runtime.d.mts"
/**
 * Where the runtimes are and how Sluice is started under them, in a clone and in the npm package.
 * The one home of that knowledge: the command (`run.mjs`), an embedded broker of Node
 * (`src/embed/beside.ts`), the scripts (`under.mjs`) and the tests (`tests/support/runtimes.ts`)
 * all ask here.
 *
 * Plain JavaScript, because Node starts it and old Nodes read no TypeScript. Nothing is imported
 * that is not in Node, Bun and Deno.
 *
 * A runtime is looked for in this order: the platform package that npm put into node_modules (a
 * bare binary of one exact version), the PATH, and at last the runtime this file runs in.
 */
import { spawn } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { constants as system } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import process from "node:process";
import { isatty } from "node:tty";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The package holds JavaScript, in the places where a clone has TypeScript. */
const IS_CLONE = existsSync(join(ROOT, "src/main.ts"));

/** Entry of the command. */
export const MAIN = join(ROOT, IS_CLONE ? "src/main.ts" : "src/main.js");

export const RUNTIMES = ["bun", "deno"];

/** What the broker needs under Deno: libc, files, sockets, settings, the size of the machine. */
export const DENO_BROKER_PERMISSIONS = [
  "--no-prompt",
  "--allow-ffi",
  "--allow-read",
  "--allow-write",
  "--allow-net",
  "--allow-env",
  "--allow-sys",
];

/** Scripts and tests start processes besides; the broker itself never does. */
export const DENO_SCRIPT_PERMISSIONS = [...DENO_BROKER_PERMISSIONS, "--allow-run"];

/** Bun is published per C library, and npm installs the one that fits; Deno has no musl build. */
const PLATFORM_BINARIES = {
  "bun x64": ["@oven/bun-linux-x64/bin/bun", "@oven/bun-linux-x64-musl/bin/bun"],
  "bun arm64": ["@oven/bun-linux-aarch64/bin/bun", "@oven/bun-linux-aarch64-musl/bin/bun"],
  "deno x64": ["@deno/linux-x64-glibc/deno"],
  "deno arm64": ["@deno/linux-arm64-glibc/deno"],
};

/** The runtime this code runs in: "bun", "deno" or "node". */
export function currentRuntime() {
  if (process.versions.bun !== undefined) return "bun";
  if (process.versions.deno !== undefined) return "deno";
  return "node";
}

/** The path of a runtime's binary, or null when this machine has none. */
export function findRuntime(name) {
  for (const path of PLATFORM_BINARIES[`${name} ${process.arch}`] ?? []) {
    for (const folder of foldersAbove(ROOT)) {
      const full = join(folder, "node_modules", path);
      if (isExecutable(full)) return full;
    }
  }
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const full = join(folder, name);
    if (folder !== "" && isExecutable(full)) return full;
  }
  return currentRuntime() === name ? process.execPath : null;
}

/** Where packages are looked for: in a clone its own node_modules, for a package those above it. */
function foldersAbove(folder) {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...foldersAbove(above)];
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The arguments before the file. Deno takes its packages from node_modules when somebody installed
 * them there (the versions of the lock file, and no second download), otherwise from its own cache.
 */
export function argumentsFor(name, permissions) {
  if (name === "bun") return ["run"];
  return ["run", ...denoProject(), ...permissions];
}

export function denoProject() {
  if (!IS_CLONE) return ["--no-config", "--node-modules-dir=manual"];
  const config = `--config=${join(ROOT, "deno.json")}`;
  if (!existsSync(join(ROOT, "node_modules", "zod"))) return [config];
  return [config, "--node-modules-dir=manual"];
}

/** What SLUICE_RUNTIME says, or "". Throws an Error with a message for the user. */
function wantedRuntime() {
  const wanted = process.env.SLUICE_RUNTIME ?? "";
  if (wanted !== "" && !RUNTIMES.includes(wanted)) {
    throw new Error(`SLUICE_RUNTIME is "${wanted}"; it can be bun or deno`);
  }
  return wanted;
}

/**
 * The runtime to use: what SLUICE_RUNTIME says, or Bun, or whatever else is there. Throws an Error
 * with a message for the user when there is none.
 */
export function chooseRuntime() {
  const wanted = wantedRuntime();
  for (const name of wanted === "" ? RUNTIMES : [wanted]) {
    const path = findRuntime(name);
    if (path !== null) return { name, path };
  }
  const missing = wanted === "" ? "neither Bun nor Deno" : `no ${wanted}`;
  const remedy = IS_CLONE ? "run `npm ci` first" : "install one, or leave out --omit=optional";
  throw new Error(`${missing} in node_modules or on the PATH; ${remedy}`);
}

/** Whether the runtime that runs this is one that runs Sluice, and nobody wants another. */
export function isAtHome() {
  const current = currentRuntime();
  return current !== "node" && ["", current].includes(wantedRuntime());
}

/**
 * Runs a file under the chosen runtime as if it had been started directly: same input and output,
 * same signals, same exit code. Node 20 cannot replace itself by another program, so this process
 * stays as a thin parent. SIGKILL cannot be passed on: who kills this parent that way leaves the
 * child running. Services therefore start the runtime itself (README.md, "As a service").
 */
export function runUnder(file, args, permissions) {
  let runtime;
  try {
    runtime = chooseRuntime();
  } catch (error) {
    process.stderr.write(`sluice: ${error.message}\n`);
    process.exit(127);
  }
  const before = argumentsFor(runtime.name, permissions);
  const child = spawn(runtime.path, [...before, resolve(ROOT, file), ...args], {
    stdio: "inherit",
    // Half a second after each start Deno would ask the network for the newest Deno.
    env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" },
  });
  const forget = passSignals(child);
  if (process.env.npm_command !== undefined) endWithParent(child);
  child.on("error", (error) => {
    process.stderr.write(`sluice: ${runtime.path} does not start: ${error.message}\n`);
    process.exit(126);
  });
  child.on("exit", (code, signal) => {
    forget();
    endAs(code, signal);
  });
}

/** Hands on the signals that ask a program to end. Gives back a function that stops doing so. */
function passSignals(child) {
  // Ctrl-C in a terminal reaches every process of the group, the child too. Handing it on would
  // make two of one, and a second interrupt usually means "at once".
  const inTerminal = isatty(0) || isatty(1) || isatty(2);
  const handlers = ["SIGTERM", "SIGHUP", "SIGINT"].map((signal) => {
    const handler = () => {
      child.wasAsked = true;
      if (signal !== "SIGINT" || !inTerminal) send(child, signal);
    };
    process.on(signal, handler);
    return [signal, handler];
  });
  return () => handlers.forEach(([signal, handler]) => process.off(signal, handler));
}

/** Not `child.kill`: under Deno that also changes how the end of the child is reported. */
function send(child, signal) {
  if (child.exitCode === null && child.signalCode === null) process.kill(child.pid, signal);
}

/**
 * npm and npx run a command through a shell and pass SIGTERM to that shell, which dies without
 * telling us. So under npm a lost parent means: end. Elsewhere it means only that somebody closed a
 * terminal.
 */
function endWithParent(child) {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    // After Ctrl-C the child is ending already, and a second request could mean "at once".
    if (!child.wasAsked) send(child, "SIGTERM");
  }, 200);
  watch.unref();
}

/** Ends like the child did: a shell tells "killed by a signal" from an exit code. */
function endAs(code, signal) {
  if (signal === null) process.exit(code);
  process.kill(process.pid, signal);
  // Still here: this runtime ignores the signal. The number a shell would show is the next best.
  setTimeout(() => process.exit(128 + (system.signals[signal] ?? 0)), 100);
}
