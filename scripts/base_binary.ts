/**
 * Bun's own binary for a target: what an executable for that target is made of. Taken from
 * node_modules where it fits this machine; those for others come from the npm registry, are
 * compared with the lock file and kept in dist/bases.
 *
 *     node_modules/@oven/NAME/bin/bun, or dist/bases/NAME-VERSION/bun, or `npm pack`, tar, there
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./runtime.mjs";
import { removeScratch, scratchDirectory } from "./scratch.ts";

const DIST = join(ROOT, "dist");

/** The path of the binary of an npm package. Throws an Error that says why there is none. */
export function baseBinary(name: string): string {
  const installed = join(ROOT, "node_modules", name, "bin/bun");
  if (existsSync(installed)) return installed;
  const { version, integrity } = locked(name);
  const kept = join(DIST, "bases", `${name.replace("/", "+")}-${version}`);
  const path = join(kept, "bun");
  if (existsSync(path)) return path;
  mkdirSync(kept, { recursive: true });
  const scratch = scratchDirectory(DIST);
  try {
    // Moved when it is whole.
    renameSync(unpack(download(`${name}@${version}`, integrity, scratch), scratch), path);
    return path;
  } finally {
    removeScratch(scratch);
  }
}

/** What the lock file says of a package. */
function locked(name: string): { version: string; integrity: string } {
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  const found = lock.packages[`node_modules/${name}`];
  if (found === undefined) throw new Error(`${name} is not in package-lock.json`);
  return found;
}

function download(spec: string, integrity: string, folder: string): string {
  const args = ["pack", "--json", "--pack-destination", folder, spec];
  const [packed] = JSON.parse(run("npm", args)) as { filename: string; integrity: string }[];
  if (packed === undefined) throw new Error(`npm pack ${spec} gave no file`);
  if (packed.integrity !== integrity) {
    throw new Error(`${spec} from the registry is not what package-lock.json names`);
  }
  return join(folder, packed.filename);
}

function unpack(archive: string, folder: string): string {
  run("tar", ["-xzf", archive, "-C", folder, "package/bin/bun"]);
  return join(folder, "package/bin/bun");
}

function run(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (status === 0) return stdout;
  const [first = ""] = (stderr ?? "").trim().split("\n");
  throw new Error(`${program} ${args[0]}: ${error?.message ?? first}`);
}
