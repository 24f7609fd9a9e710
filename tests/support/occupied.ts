/** What a directory takes of its disk, in blocks: as `du` counts it, and what lost its name. */
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";

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

/** Files that were removed from the directory, and that a process still has open. */
export function removedBytes(directory: string, pid: number): number {
  const blocks: Map<number, number> = new Map();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const path = `/proc/${pid}/fd/${fd}`;
    try {
      if (!readlinkSync(path).startsWith(`${directory}/`)) continue;
      const status = statSync(path);
      if (status.nlink === 0) blocks.set(status.ino, status.blocks);
    } catch {
      // It was closed meanwhile.
    }
  }
  return [...blocks.values()].reduce((sum, count) => sum + count, 0) * BLOCK;
}
