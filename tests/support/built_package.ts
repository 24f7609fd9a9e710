/**
 * The npm package in dist/package, built when it is older than what it is made of: several tests
 * want it, and to build it takes seconds.
 */
import { spawnSync } from "node:child_process";
import { globSync, statSync } from "node:fs";
import { join } from "node:path";
import { DENO_SCRIPT_PERMISSIONS } from "../../scripts/runtime.mjs";
import { BROKER_RUNTIME } from "./pair.ts";
import { argumentsFor, ROOT, runtimePath } from "./runtimes.ts";

const MADE_OF = [
  "{src,ffi,scripts,docs}/**/*.{ts,mjs,mts,md}",
  "{CHANGELOG.md,LICENSE,package.json,tsconfig.json,tsconfig.package.json}",
];

export const PACKAGE: string = join(ROOT, "dist/package");

/** Throws what the build said when it fails. */
export function buildPackage(): void {
  const sources = MADE_OF.flatMap((pattern) => globSync(pattern, { cwd: ROOT }));
  const newestMs = Math.max(...sources.map((file) => modifiedMs(join(ROOT, file))));
  if (modifiedMs(join(PACKAGE, "package.json")) > newestMs) return;
  const words = argumentsFor(BROKER_RUNTIME, DENO_SCRIPT_PERMISSIONS);
  const build = [...words, join(ROOT, "scripts/build_package.ts")];
  const built = spawnSync(runtimePath(BROKER_RUNTIME), build, { encoding: "utf8" });
  if (built.status !== 0) throw new Error(built.stdout + built.stderr);
}

/** Zero when there is no such file. */
function modifiedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
