/**
 * Everything about the code that can be said without running it, in one command: `npm run check`.
 * Types by both compilers, lint, format, the rules of tests/tidy_test.ts, and whether what
 * is generated is fresh. All failures are shown, not only the first. In a clone with one
 * runtime only, what cannot run is said.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import {
  argumentsFor,
  chooseRuntime,
  DENO_SCRIPT_PERMISSIONS,
  denoProject,
  findRuntime,
  ROOT,
} from "./runtime.mjs";

/** Null: passed. Otherwise what went wrong. */
type Outcome = string | null;

/** Scripts that write a page of docs, or source; with `--check` they say whether it is fresh. */
const GENERATORS = [
  "scripts/generate_protocol.ts",
  "scripts/generate_cli.ts",
  "scripts/generate_http_client.ts",
];

let failures = 0;

const deno = findRuntime("deno");
const folders = ["src", "ffi", "tests", "scripts", "bench", "examples"]
  .filter((folder) => existsSync(join(ROOT, folder)));

const noCompiler = existsSync(join(ROOT, "node_modules/typescript")) ? null : "npm ci was not run";
const noDeno = deno === null ? "Deno is not on this machine" : null;

step("tsc -p .", noCompiler, () => script(["node_modules/typescript/bin/tsc", "-p", "."]));
step("deno check", noDeno, () => run(deno ?? "", ["check", ...denoProject(), ...folders]));
step("deno lint", noDeno, () => run(deno ?? "", ["lint", "--quiet", ...folders]));
step("deno fmt --check", noDeno, () => run(deno ?? "", ["fmt", "--check"]));
step("tidy", null, () => script(["scripts/test.ts", "--runtime", chooseRuntime().name, "tidy"]));
for (const generator of GENERATORS) {
  step(`${generator} --check`, null, () => script([generator, "--check"]));
}

process.stdout.write(failures === 0 ? "check: all passed\n" : `check: ${failures} failed\n`);
process.exitCode = failures === 0 ? 0 : 1;

function step(name: string, skipReason: string | null, check: () => Outcome): void {
  if (skipReason !== null) {
    process.stdout.write(`skipped: ${name}: ${skipReason}\n`);
    return;
  }
  const startMs = Date.now();
  const outcome = check();
  const seconds = ((Date.now() - startMs) / 1000).toFixed(1);
  if (outcome !== null) failures += 1;
  process.stdout.write(`${outcome === null ? "ok     " : "FAILED "} ${name} (${seconds} s)\n`);
  if (outcome !== null) process.stdout.write(`${outcome.trimEnd()}\n`);
}

/** A script of the project, or the compiler, under the chosen runtime. */
function script(args: readonly string[]): Outcome {
  const { name, path } = chooseRuntime();
  return run(path, [...argumentsFor(name, DENO_SCRIPT_PERMISSIONS), ...args]);
}

function run(path: string, args: readonly string[]): Outcome {
  const result = spawnSync(path, args, {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  if (result.status === 0) return null;
  return `${result.stdout ?? ""}${result.stderr ?? ""}${result.error?.message ?? ""}`;
}
