/** Everything below a directory, for tests that say that nothing in it was touched. */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Path to kind, mode, time of the last change (whole nanoseconds) and digest of the content; the
 * directory itself is ".". Reading a file does not change what is looked at.
 */
export function treeOf(root: string): Map<string, string> {
  const tree = new Map<string, string>();
  for (const path of [".", ...(readdirSync(root, { recursive: true }) as string[]).sort()]) {
    const full = join(root, path);
    const status = lstatSync(full, { bigint: true });
    const { mode, mtimeNs, ctimeNs } = status;
    const digest = status.isFile() ? digestOf(full) : "";
    tree.set(path, `${mode.toString(8)} ${mtimeNs} ${ctimeNs} ${digest}`);
  }
  return tree;
}

export function digestOf(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
