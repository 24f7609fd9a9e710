/**
 * Directories for one test. scripts/test.ts makes a parent per test file, names it in
 * SLUICE_TEST_TMP and removes it afterwards, also when the test was killed. A file run by hand has
 * one of its own, which goes when it ends (scripts/scratch.ts).
 */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { scratchDirectory } from "../../scripts/scratch.ts";

let parent = process.env["SLUICE_TEST_TMP"] ?? "";

/** A new, empty directory. Its path is short enough to hold a Unix socket. */
export function temporaryDirectory(name: string = "t"): string {
  if (parent === "") parent = scratchDirectory();
  return mkdtempSync(join(parent, `${name}-`));
}
