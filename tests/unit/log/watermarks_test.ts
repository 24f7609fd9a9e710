/** What stays free on disks of every size. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { GiB, MiB } from "../../../src/base/units.ts";
import { highBytes, lowBytes, reserveBytes } from "../../../src/log/watermarks.ts";

test("a small disk keeps a twentieth free, a large one 64 MiB", () => {
  assert.equal(lowBytes(64 * MiB), Math.floor(64 * MiB / 20));
  assert.equal(lowBytes(1280 * MiB), 64 * MiB);
  assert.equal(lowBytes(4096 * GiB), 64 * MiB);
  assert.equal(reserveBytes(64 * MiB), 1 * MiB);
  assert.equal(reserveBytes(4096 * GiB), 8 * MiB);
});

test("making the reserve at the high mark does not lead below the low one", () => {
  for (let bytes = 0; bytes < 4096 * GiB; bytes = bytes * 2 + 4096) {
    assert.ok(highBytes(bytes) - reserveBytes(bytes) >= lowBytes(bytes), `${bytes}`);
    assert.ok(2 * reserveBytes(bytes) <= lowBytes(bytes) + 1, `${bytes}: producers leave room`);
  }
});
