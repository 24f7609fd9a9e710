/**
 * Runs the tests under Bun and under Deno and adds them up.
 *
 *   npm test                                  everything, on both runtimes
 *   npm test -- tests/unit ring               files whose path contains one of the words
 *   npm test -- --runtime deno --limit 300    one runtime, at most 300 seconds for it
 *   npm run gate                              the long proofs instead (`*_gate.ts`)
 *   npm test -- --executable PATH tests/e2e   brokers and commands are that program
 *
 * Each file runs in a process group of its own: a crash is one failure and not the end of the run,
 * and whatever a test left running is ended with it. The last line is `N passed, N failed` and,
 * when tests were skipped, `, N skipped`. The exit code is 1 when a test failed or there was none;
 * to skip with a reason is no failure.
 */
import { globSync, mkdtempSync, readFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import process from "node:process";
import { countJunit, type Counts, isGood } from "./junit.ts";
import {
  DENO_SCRIPT_PERMISSIONS,
  denoProject,
  findRuntime,
  ROOT,
  type Runtime,
  type RuntimeName,
  RUNTIMES,
} from "./runtime.mjs";
import { removeScratch, scratchDirectory } from "./scratch.ts";

interface Plan {
  files: string[];
  runtimes: RuntimeName[];
  limitMs: number;
  /** What the tests are to start instead of the sources; "" for those. */
  executable: string;
}

interface FileResult extends Counts {
  file: string;
  runtime: RuntimeName;
  output: string;
  skips: string[];
}

/** Of each runtime. Tests and gates together stay far below what CI allows. */
const LIMIT_MS = 2_400_000;
const GATE_LIMIT_MS = 3_600_000;
/** Of a single test in Bun, whose default of 5 s is too short for a test that starts brokers. */
const TEST_LIMIT_MS = 240_000;

await main();

async function main(): Promise<void> {
  const plan = readPlan(process.argv.slice(2));
  const results: FileResult[] = [];
  const missing: string[] = [];
  for (const name of plan.runtimes) {
    const path = findRuntime(name);
    if (path === null) missing.push(`skipped: all tests under ${name}: it is not on this machine`);
    else results.push(...await runAll({ name, path }, plan));
  }
  report(results, missing);
}

function readPlan(args: readonly string[]): Plan {
  const words: string[] = [];
  const plan: Plan = { files: [], runtimes: [...RUNTIMES], limitMs: LIMIT_MS, executable: "" };
  let ending = "_test.ts";
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? "";
    if (word === "--gate") {
      ending = "_gate.ts";
      plan.limitMs = GATE_LIMIT_MS;
    } else if (word === "--runtime") {
      plan.runtimes = RUNTIMES.filter((name) => name === args[at + 1]);
      if (plan.runtimes.length === 0) fail("--runtime takes bun or deno");
      at++;
    } else if (word === "--limit") {
      plan.limitMs = Number(args[++at]) * 1000;
      if (!(plan.limitMs > 0)) fail("--limit takes a number of seconds");
    } else if (word === "--executable") {
      plan.executable = resolve(args[++at] ?? "");
      plan.runtimes = plan.runtimes.slice(0, 1);
    } else if (word.startsWith("-")) {
      fail(`unknown option ${word}; there are --runtime, --limit, --gate and --executable`);
    } else words.push(word.replace(/^\.\//, ""));
  }
  plan.files = globSync(`tests/**/*${ending}`, { cwd: ROOT }).sort()
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)));
  return plan;
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

/**
 * All files under one runtime, one after the other: tests that measure time want a quiet machine.
 */
async function runAll(runtime: Runtime, plan: Plan): Promise<FileResult[]> {
  const results: FileResult[] = [];
  const endMs = Date.now() + plan.limitMs;
  for (const file of plan.files) {
    const startMs = Date.now();
    const result = await runFile(runtime, file, endMs - startMs, plan.executable);
    results.push(result);
    const seconds = ((Date.now() - startMs) / 1000).toFixed(1);
    const bad = result.failed === 0 ? "" : `, ${result.failed} FAILED`;
    say(`${runtime.name.padEnd(4)} ${file}: ${result.passed} passed${bad} (${seconds} s)`);
    result.skips.forEach((line) => say(`     ${line}`));
    figuresOf(result.output).forEach((line) => say(`     ${line}`));
  }
  return results;
}

/** What a test measured for docs/LEDGER.md is shown also where all is well. */
function figuresOf(output: string): string[] {
  return output.split("\n").filter((line) => line.startsWith("figure: "));
}

async function runFile(
  runtime: Runtime,
  file: string,
  leftMs: number,
  executable: string,
): Promise<FileResult> {
  // Short: Unix sockets live below it, and their path may have 107 bytes.
  const scratch = scratchDirectory();
  const reportPath = join(scratch, "report.xml");
  const skipPath = join(scratch, "skips");
  const temporary = mkdtempSync(join(scratch, "t"));
  const environment = {
    ...process.env,
    NO_COLOR: "1",
    SLUICE_VERIFY: "1",
    SLUICE_SKIP_FILE: skipPath,
    SLUICE_TEST_TMP: temporary,
    ...(executable === "" ? {} : { SLUICE_TEST_EXECUTABLE: executable }),
  };
  const { output, end } = leftMs > 0
    ? await run(runtime.path, testArguments(runtime, file, reportPath), environment, leftMs)
    : { output: "", end: "not started: the time for this runtime was used up" };
  const counts = countJunit(readIfThere(reportPath));
  const skips = readIfThere(skipPath).split("\n").filter((line) => line !== "");
  removeScratch(scratch);
  const result = { ...counts, file, runtime: runtime.name, output, skips };
  result.passed -= skips.length;
  result.skipped += skips.length;
  // A crash, an error while the file loads and a file without tests leave no failed test in the
  // report.
  if (result.failed === 0 && end !== "exit code 0") addFailure(result, end);
  const ran = counts.passed + counts.skipped;
  if (result.failed === 0 && ran === 0) addFailure(result, "there is no test in this file");
  return result;
}

function addFailure(result: FileResult, reason: string): void {
  result.failed += 1;
  result.failures.push(reason);
}

function testArguments(runtime: Runtime, file: string, reportPath: string): string[] {
  if (runtime.name === "bun") {
    const reporter = ["--reporter=junit", `--reporter-outfile=${reportPath}`];
    return ["test", `--timeout=${TEST_LIMIT_MS}`, ...reporter, `./${file}`];
  }
  // Types are checked once, by `npm run check`.
  const project = [...denoProject(), ...DENO_SCRIPT_PERMISSIONS];
  return ["test", "--no-check", ...project, `--junit-path=${reportPath}`, file];
}

/** Runs a program in its own process group to its end or its limit, and clears the group away. */
function run(
  path: string,
  args: readonly string[],
  env: Record<string, string | undefined>,
  limitMs: number,
): Promise<{ output: string; end: string }> {
  return new Promise((resolve) => {
    const child = spawn(path, args, {
      cwd: ROOT,
      env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let end = "";
    const killGroup = () => endGroup(child.pid);
    const limit = setTimeout(() => {
      end = "killed: over the time limit";
      killGroup();
    }, limitMs);
    const interrupted = () => {
      killGroup();
      process.exit(130);
    };
    process.on("SIGINT", interrupted).on("SIGTERM", interrupted);
    child.stdout.on("data", (piece) => output += String(piece));
    child.stderr.on("data", (piece) => output += String(piece));
    child.on("error", (error) => end = error.message);
    // First the runner ends, then what it left behind is ended, then the pipes close.
    child.on("exit", killGroup);
    child.on("close", (code, signal) => {
      clearTimeout(limit);
      process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
      if (end === "") end = signal === null ? `exit code ${code}` : `ended by ${signal}`;
      resolve({ output, end });
    });
  });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group is empty: everything has ended by itself.
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function report(results: readonly FileResult[], missing: readonly string[]): void {
  const bad = results.filter((result) => result.failed > 0);
  for (const result of bad) {
    say(`\n---- ${result.runtime} ${result.file}\n${result.output.trimEnd()}`);
  }
  if (bad.length > 0) say("");
  for (const result of bad) {
    result.failures.forEach((name) => say(`FAILED ${result.runtime} ${result.file}: ${name}`));
  }
  missing.forEach(say);
  const sum = (of: (result: FileResult) => number) => results.reduce((all, r) => all + of(r), 0);
  const passed = sum((result) => result.passed);
  const failed = sum((result) => result.failed);
  const skipped = sum((result) => result.skipped) + missing.length;
  if (passed + failed + skipped === 0) say("there is no such test");
  say(`${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`);
  process.exitCode = isGood({ passed, failed, skipped }) ? 0 : 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
