/** What a directory takes of its disk, in blocks, as `du` counts it. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

export function occupiedBytes(directory: string): number {
  let bytes = 0;
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const status = statSync(path, { throwIfNoEntry: false }); // it may go meanwhile
    if (status === undefined) continue;
    bytes += status.blocks * 512;
    if (status.isDirectory()) bytes += occupiedBytes(path);
  }
  return bytes;
}
