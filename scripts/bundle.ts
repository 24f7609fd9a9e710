/**
 * A program and all that it needs in few modules of JavaScript, or in one executable of Bun. The
 * one home of how our sources are bundled; the bundler is Bun's for both runtimes.
 *
 *     bundle({ runtime: "deno", entries: PROGRAM_ENTRIES, output: "…/dist/deno", … })
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { findRuntime, ROOT, type RuntimeName } from "./runtime.mjs";

export interface BundlePlan {
  readonly runtime: RuntimeName;
  /** Paths from the root. No two have the same name: they come to lie in one folder. */
  readonly entries: readonly string[];
  /** Absolute: the folder for modules, or the executable's path. */
  readonly output: string;
  /** Shown by `--version`; the target is empty where the modules are for no executable. */
  readonly commit: string;
  readonly target: string;
  /** Bun's own binary for the target: the modules are put into a copy of it. */
  readonly base?: string;
}

/** The command `sluice` with the threads of its broker. */
export const PROGRAM_ENTRIES: readonly string[] = [
  "src/main.ts",
  "src/server/worker.ts",
  "src/server/background_worker.ts",
  "src/server/sync_worker.ts",
  "src/server/verify_worker.ts",
];

/** Throws an Error with what the bundler said. */
export function bundle(plan: BundlePlan): void {
  const bun = findRuntime("bun");
  if (bun === null) throw new Error("bundling needs Bun; run `npm ci`");
  const script = join(ROOT, "scripts/bundle_in_bun.ts");
  const { status, stdout, stderr } = spawnSync(bun, ["run", script, JSON.stringify(plan)], {
    cwd: ROOT,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${plan.output} was not made:\n${stdout}${stderr}`);
}

/** Of the working tree: twelve digits, "+" when something is not committed; or "unknown". */
export function commitOfTree(): string {
  const commit = git("rev-parse", "--short=12", "HEAD");
  if (commit === "") return "unknown";
  return git("status", "--porcelain") === "" ? commit : `${commit}+`;
}

function git(...args: readonly string[]): string {
  const { status, stdout } = spawnSync("git", args, { cwd: ROOT, encoding: "utf8" });
  return status === 0 ? stdout.trim() : "";
}
