/**
 * Skips that are counted and give their reason.
 *
 * The runners disagree about skips (Deno counts `t.skip()` as passed), so a skipped test here is
 * one that passes at once and leaves a line in the file that SLUICE_SKIP_FILE names.
 * scripts/test.ts takes those lines from the passed and says their reasons.
 */
import { appendFileSync } from "node:fs";
import { test } from "node:test";
import process from "node:process";

/** Call it once, inside a test, and return: what follows does not run, and this is why. */
export function skipped(what: string, reason: string): void {
  const line = `skipped: ${what}: ${reason}`.replaceAll("\n", " ");
  const record = process.env["SLUICE_SKIP_FILE"];
  // Without the record somebody runs the file by hand, and the line on the screen is all there is.
  if (record === undefined || record === "") process.stderr.write(`${line}\n`);
  else appendFileSync(record, `${line}\n`);
}

/** A test, or, when there is a reason not to run it, a skip that says so. */
export function testOrSkip(
  name: string,
  reason: string | null,
  run: () => void | Promise<void>,
): void {
  if (reason === null) test(name, run);
  else test(name, () => skipped(name, reason));
}
