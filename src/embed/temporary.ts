/**
 * Directories that are gone when their broker has stopped, or when the process ends before it.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const made: Set<string> = new Set();

/** A new one. Throws an Error that names the directory where none can be made. */
export function makeTemporary(): string {
  const path = mkdtempSync(join(tmpdir(), "sluice-"));
  if (made.size === 0) process.on("exit", removeAll);
  made.add(path);
  return path;
}

export function removeTemporary(path: string): void {
  made.delete(path);
  if (made.size === 0) process.off("exit", removeAll);
  rmSync(path, { recursive: true, force: true });
}

function removeAll(): void {
  for (const path of [...made]) removeTemporary(path);
}
