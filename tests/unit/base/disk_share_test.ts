/** Shares of a disk as people write them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDiskShare, shareBytes } from "../../../src/base/disk_share.ts";
import { GiB, KiB, MiB, TiB } from "../../../src/base/units.ts";

const DISK = 200 * GiB;

test("none, percentages of the disk, sizes with and without a unit", () => {
  const expected: Readonly<Record<string, number>> = {
    none: Infinity,
    "1%": 2 * GiB,
    "80%": 160 * GiB,
    "100%": DISK,
    "67108864": 64 * MiB,
    "900KiB": 900 * KiB,
    "64MiB": 64 * MiB,
    "4GiB": 4 * GiB,
    "2TiB": 2 * TiB,
  };
  for (const [text, bytes] of Object.entries(expected)) {
    assert.ok(isDiskShare(text), text);
    assert.equal(shareBytes(text, DISK), bytes, text);
  }
});

test("anything else is none of them", () => {
  const wrong = ["", "0", "0%", "101%", "080%", "80 %", "4GB", "4 GiB", "-1", "1.5GiB", "4GiB\n"];
  for (const text of wrong) assert.ok(!isDiskShare(text), JSON.stringify(text));
});
