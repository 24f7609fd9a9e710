/** What a directory takes of its disk, in blocks: as `du` counts it, and what lost its name. */
import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { descriptors } from "./process_state.ts";

const BLOCK = 512;

export function occupiedBytes(directory: string): number {
  let bytes = 0;
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const status = statSync(path, { throwIfNoEntry: false }); // it may go meanwhile
    if (status === undefined) continue;
    bytes += status.blocks * BLOCK;
    if (status.isDirectory()) bytes += occupiedBytes(path);
  }
  return bytes;
}

/**
 * Files that were removed from the directory, and that a process still has open. Looked at by
 * programs of the system, because Deno wants every permission there is for /proc.
 */
export function removedBytes(directory: string, pid: number): number {
  const blocks: Map<string, number> = new Map();
  for (const line of descriptors(pid)) {
    const [fd = "", file = ""] = line.split(" -> ");
    if (!file.startsWith(`${directory}/`) || !file.endsWith(" (deleted)")) continue;
    const look = ["-L", "-c", "%i %b", `/proc/${pid}/fd/${fd}`];
    const { stdout } = spawnSync("stat", look, { encoding: "utf8" });
    const [inode = "", count = ""] = stdout.trim().split(" ");
    if (count !== "") blocks.set(inode, Number(count)); // else it was closed meanwhile
  }
  return [...blocks.values()].reduce((sum, count) => sum + count, 0) * BLOCK;
}
