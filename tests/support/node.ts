/**
 * Node on the PATH, for tests of what is built for it.
 */
import { spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";
import process from "node:process";

export interface FoundNode {
  readonly path: string;
  /** Why there is none to test with, or null. */
  readonly reason: string | null;
}

export function findNode(): FoundNode {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, "node");
    const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
    if (status !== 0) continue;
    const [major = 0, minor = 0] = stdout.slice(1).split(".").map(Number);
    const isNew = major > 20 || (major === 20 && minor >= 16);
    return { path, reason: isNew ? null : `Node ${stdout.trim()} is older than 20.16` };
  }
  return { path: "node", reason: "node is not on this machine" };
}
