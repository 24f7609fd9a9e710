/**
 * Makes one executable of the program: a runtime with our modules inside. The one home of which
 * targets there are and how each is made and checked.
 *
 *     sources -> bundle -> Bun's binary of the target                   bytecode, source maps
 *                      \-> modules -> `deno compile` -> denort of it    named by DENORT_BIN
 *                                                       \-> ELF header; where it runs, `--version`
 *
 * Invariant: what lies in dist/executables has passed the check: it is moved there afterwards.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { baseBinary } from "./base_binary.ts";
import { bundle, type BundlePlan, commitOfTree, PROGRAM_ENTRIES } from "./bundle.ts";
import { type Elf, readElf } from "./elf.ts";
import { DENO_BROKER_PERMISSIONS, findRuntime, ROOT, type RuntimeName } from "./runtime.mjs";
import { removeScratch, scratchDirectory } from "./scratch.ts";

export interface Target {
  readonly name: string;
  readonly runtime: RuntimeName;
  readonly processor: "x64" | "arm64";
  readonly library: "glibc" | "musl";
  /** The npm package of Bun's binary, or what Deno calls the target. */
  readonly base: string;
}

export const TARGETS: readonly Target[] = [
  target("bun", "x64", "glibc", "@oven/bun-linux-x64"),
  target("bun", "arm64", "glibc", "@oven/bun-linux-aarch64"),
  target("bun", "x64", "musl", "@oven/bun-linux-x64-musl"),
  target("bun", "arm64", "musl", "@oven/bun-linux-aarch64-musl"),
  target("deno", "x64", "glibc", "x86_64-unknown-linux-gnu"),
  target("deno", "arm64", "glibc", "aarch64-unknown-linux-gnu"),
];

/** Of targets that nobody can make. */
export const NO_TARGETS: Readonly<Record<string, string>> = {
  "deno-linux-x64-musl": "there is no Deno for musl",
  "deno-linux-arm64-musl": "there is no Deno for musl",
};

const DIST = join(ROOT, "dist");

function target(
  runtime: RuntimeName,
  processor: Target["processor"],
  library: Target["library"],
  base: string,
): Target {
  const name = `${runtime}-linux-${processor}${library === "musl" ? "-musl" : ""}`;
  return { name, runtime, processor, library, base };
}

/** Where the executable of a target lies when it was made. */
export function executablePath({ name }: Target): string {
  return join(DIST, "executables", `sluice-${name}`);
}

/** Whether an executable was made of the tree as it is. With changes it has a "+" behind it. */
export function isOfTree(path: string): boolean {
  const commit = commitOfTree();
  const executable = readFileSync(path);
  if (!executable.includes(commit)) return false;
  return commit.endsWith("+") || !executable.includes(`${commit}+`);
}

/** The target of this machine: what the runtime that is here was itself made for. */
export function ownTarget(runtime: RuntimeName): Target | undefined {
  const path = findRuntime(runtime);
  const elf = path === null ? null : readElf(path);
  return TARGETS.find((each) => each.runtime === runtime && fits(each, elf));
}

function fits(wanted: Target, elf: Elf | null): boolean {
  return elf?.processor === wanted.processor && elf.library === wanted.library;
}

/** Why it is made only for who asks for it by name; "" where nothing is in the way. */
export function missingHelper({ name, runtime, base }: Target): string {
  if (runtime === "bun" || (process.env["DENORT_BIN"] ?? "") !== "") return "";
  return `${denort(base)}; with --target ${name} Deno looks for it, and downloads it`;
}

/** Makes it and gives back its path. Throws an Error that says why it cannot be made. */
export function makeExecutable(wanted: Target): string {
  mkdirSync(join(DIST, "executables"), { recursive: true });
  const scratch = scratchDirectory(DIST);
  const made = join(scratch, "sluice");
  try {
    const commit = commitOfTree();
    if (wanted.runtime === "bun") {
      bundle({ ...planFor(wanted, commit), output: made, base: baseBinary(wanted.base) });
    } else compileWithDeno(wanted, makeModules(wanted, join(scratch, "modules")), made);
    check(wanted, made, commit);
    renameSync(made, executablePath(wanted));
    return executablePath(wanted);
  } finally {
    removeScratch(scratch);
  }
}

/** What `deno compile` is given. Returns the path of the program's own module. */
export function makeModules(wanted: Target, folder: string): string {
  bundle({ ...planFor(wanted, commitOfTree()), output: folder });
  return join(folder, "main.js");
}

function planFor({ runtime, name }: Target, commit: string): Omit<BundlePlan, "output"> {
  return { runtime, entries: PROGRAM_ENTRIES, commit, target: name };
}

/** Without DENORT_BIN Deno looks for denort beside itself and in its cache, and downloads it. */
function compileWithDeno({ base }: Target, main: string, output: string): void {
  const deno = findRuntime("deno");
  if (deno === null) throw new Error("there is no Deno here; run `npm ci`");
  const flags = ["--no-config", "--no-lock", "--no-check", "--quiet"];
  // Or it writes a cache into the temporary directory at its first start.
  flags.push("--no-code-cache");
  const args = ["compile", ...flags, ...DENO_BROKER_PERMISSIONS, "--target", base];
  args.push("--include", dirname(main), "--output", output, main);
  const env = { ...process.env, NO_COLOR: "1" };
  const { status, stderr } = spawnSync(deno, args, { encoding: "utf8", env });
  if (status === 0) return;
  const reason = stderr.split("\n").find((line) => line.startsWith("error:")) ?? "error:";
  throw new Error(`deno compile: ${reason.slice(7)}. ${denort(base)}`);
}

function denort(base: string): string {
  const deno = findRuntime("deno") ?? "deno";
  const { stdout } = spawnSync(deno, ["--version"], { encoding: "utf8" });
  const version = /^deno (\S+)/.exec(stdout ?? "")?.[1] ?? "of Deno's version";
  return `DENORT_BIN names no helper binary: denort ${version} for ${base}`;
}

/** Throws an Error when it is not what was asked for. */
function check(wanted: Target, path: string, commit: string): void {
  const elf = readElf(path);
  if (elf === null) throw new Error(`${wanted.name}: what was made is no ELF file`);
  if (!fits(wanted, elf)) {
    throw new Error(`${wanted.name}: what was made is for ${elf.processor}, ${elf.library}`);
  }
  if (wanted !== ownTarget(wanted.runtime)) return;
  const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8", env: {} });
  if (stdout.startsWith("sluice ") && stdout.includes(commit)) return;
  const [first = ""] = stdout.split("\n");
  const hint = wanted.runtime === "deno" ? "; is DENORT_BIN really denort, of Deno's version?" : "";
  throw new Error(`${wanted.name}: started with --version it says "${first}"${hint}`);
}

export function mebibytes(path: string): string {
  return (statSync(path).size / 1048576).toFixed(1);
}
