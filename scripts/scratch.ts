/**
 * Folders for a while, of tests, gates and benches: the one home of what they leave behind, which
 * is nothing.
 *
 *     <temporary or dist/bench>/sluice-<pid>-XXXXXX      gone when the process ends
 *
 * Who was killed removes nothing: what such processes left is removed by the next that asks for a
 * folder, with what is still mounted in it.
 *
 * Invariant: only folders are removed whose process, by its id in their names, is no more.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const OWN_NAME = /^sluice-(\d+)-\w{6}$/;

/** Folders of this process. */
const own: Set<string> = new Set();
const swept: Set<string> = new Set();

/** A new, empty folder. Its path is short enough to hold a Unix socket. */
export function scratchDirectory(parent: string = tmpdir()): string {
  if (!swept.has(parent)) sweep(parent);
  swept.add(parent);
  if (own.size === 0) removeAtEnd();
  const path = mkdtempSync(join(parent, `sluice-${process.pid}-`));
  own.add(path);
  return path;
}

/** Before the end of the process, where there are many. */
export function removeScratch(path: string): void {
  own.delete(path);
  rmSync(path, { recursive: true, force: true });
}

/** Deno runs tests without telling `process` of the end, and Bun knows no "unload". */
function removeAtEnd(): void {
  const remove = (): void => {
    for (const path of own) rmSync(path, { recursive: true, force: true });
  };
  process.on("exit", remove);
  const { addEventListener } = globalThis as {
    addEventListener?: (name: string, listener: () => void) => void;
  };
  if (process.versions["deno"] !== undefined) addEventListener?.("unload", remove);
}

/** What processes left that are no more. */
function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = OWN_NAME.exec(name)?.[1];
    if (pid === undefined || !isGone(Number(pid))) continue;
    const path = join(parent, name);
    unmountBelow(path);
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // It is somebody else's, or in use after all.
    }
  }
}

/** Whoever may not be asked is there. */
function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === "ESRCH";
  }
}

/** Asked of a program of the system: Deno wants every permission there is for /proc. */
function unmountBelow(path: string): void {
  const { stdout } = spawnSync("cat", ["/proc/mounts"], { encoding: "utf8" });
  const points = stdout.split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((point) => point.startsWith(`${path}/`));
  for (const point of points.reverse()) spawnSync("umount", ["-l", point]);
}
