/**
 * Directories for one test. scripts/test.ts makes a parent per test file, names it in
 * SLUICE_TEST_TMP and removes it afterwards, also when the test was killed. A file run by hand
 * cleans up when it ends.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** A new, empty directory. Its path is short enough to hold a Unix socket. */
export function temporaryDirectory(name: string = "t"): string {
  const parent = process.env["SLUICE_TEST_TMP"];
  if (parent !== undefined && parent !== "") return mkdtempSync(join(parent, `${name}-`));
  const path = mkdtempSync(join(tmpdir(), `sluice-${name}-`));
  process.on("exit", () => rmSync(path, { recursive: true, force: true }));
  return path;
}
