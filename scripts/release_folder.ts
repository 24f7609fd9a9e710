/**
 * The folder of a release: what goes into it as it lies in the repository, and the sums.
 *
 *     sluice.service, Containerfile, EDGE.md  ->  folder  ->  SHA256SUMS
 *
 * Invariant: SHA256SUMS names every other file of the folder.
 */
import { createHash } from "node:crypto";
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { ROOT } from "./runtime.mjs";

const SUMS = "SHA256SUMS";

/** What a box or a container needs besides an executable, and the page that says how. */
const PACKAGING = ["packaging/sluice.service", "packaging/Containerfile", "docs/EDGE.md"];

export function copyPackaging(folder: string): void {
  for (const path of PACKAGING) copyFileSync(join(ROOT, path), join(folder, basename(path)));
}

/** Gives back the lines of SHA256SUMS, which `sha256sum -c` takes. */
export function writeSums(folder: string): string[] {
  const lines = readdirSync(folder).filter((name) => name !== SUMS).sort().map((name) => {
    const sum = createHash("sha256").update(readFileSync(join(folder, name))).digest("hex");
    return `${sum}  ${name}`;
  });
  writeFileSync(join(folder, SUMS), lines.map((line) => `${line}\n`).join(""));
  return lines;
}
