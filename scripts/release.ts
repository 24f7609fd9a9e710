/**
 * What a release consists of, in dist/release: `npm run release`.
 *
 *     sluice-VERSION.tgz            the npm package
 *     sluice-bun-linux-x64 …        executables, as far as they were made (npm run build)
 *     sluice.service, Containerfile, EDGE.md
 *     sluice-VERSION.cdx.json       bill of materials: every package inside, from the lock file
 *     SHA256SUMS                    of all of them: sha256sum -c SHA256SUMS
 *
 * Executables of another commit are refused: a release is of one state of the tree.
 *
 * Invariant: a folder with SHA256SUMS is whole: it is written last.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { VERSION } from "../src/version.ts";
import { billOfMaterials } from "./bill_of_materials.ts";
import { commitOfTree } from "./bundle.ts";
import { executablePath, isOfTree, TARGETS } from "./executable.ts";
import { copyPackaging, writeSums } from "./release_folder.ts";
import { argumentsFor, chooseRuntime, DENO_SCRIPT_PERMISSIONS, ROOT } from "./runtime.mjs";

const OUTPUT = join(ROOT, "dist/release");
const COMMIT = commitOfTree();

const executables = madeExecutables(); // refused before the last release is removed
rmSync(OUTPUT, { recursive: true, force: true });
mkdirSync(OUTPUT, { recursive: true });
packTarball();
for (const path of executables) cpSync(path, join(OUTPUT, basename(path)));
copyPackaging(OUTPUT);
writeBill();
const sums = writeSums(OUTPUT);
for (const line of sums) say(line);
say(`dist/release: ${sums.length} files and SHA256SUMS, commit ${COMMIT}`);

function packTarball(): void {
  const { name, path } = chooseRuntime();
  const script = [...argumentsFor(name, DENO_SCRIPT_PERMISSIONS), "scripts/build_package.ts"];
  run(path, script);
  run("npm", ["pack", "--silent", "--pack-destination", OUTPUT, join(ROOT, "dist/package")]);
}

/** Their paths. What was not made is said, and left out. */
function madeExecutables(): string[] {
  return TARGETS.flatMap((target) => {
    const path = executablePath(target);
    if (!existsSync(path)) {
      say(`left out: ${basename(path)}: npm run build -- --target ${target.name} makes it`);
      return [];
    }
    if (isOfTree(path)) return [path];
    return fail(`${basename(path)} is not of ${COMMIT}: npm run build -- --target ${target.name}`);
  });
}

function writeBill(): void {
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  const bill = billOfMaterials(lock);
  writeFileSync(
    join(OUTPUT, `sluice-${VERSION}.cdx.json`),
    `${JSON.stringify(bill, null, 2)}\n`,
  );
}

function run(program: string, args: readonly string[]): void {
  const { status, error } = spawnSync(program, args, { cwd: ROOT, stdio: "inherit" });
  if (status !== 0) fail(`${program} ${args.at(-1)}: ${error?.message ?? `exit code ${status}`}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fail(message: string): never {
  process.stderr.write(`release: ${message}\n`);
  process.exit(1);
}
