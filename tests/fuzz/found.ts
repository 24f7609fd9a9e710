/**
 * Inputs that once failed, shrunk: each was a mistake, and stays one that is looked for. Kept as
 * `tests/fuzz/found/<decoder>.hex`, a line each: the bytes, and after `#` what was wrong.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/runtimes.ts";

export interface Found {
  readonly input: Uint8Array;
  readonly what: string;
}

export function foundOf(decoder: string): Found[] {
  const path = join(ROOT, "tests/fuzz/found", `${decoder}.hex`);
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8").split("\n").filter((line) => line !== "").map((line) => {
    const [hex = "", what = ""] = line.split("#");
    const pairs = hex.match(/[0-9a-f]{2}/g) ?? [];
    return {
      input: Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16)),
      what: what.trim(),
    };
  });
}
