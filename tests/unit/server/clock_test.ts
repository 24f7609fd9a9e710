import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeClock } from "../../../src/server/clock.ts";

test("a clock before this version was written, or of another century, is refused", () => {
  for (const time of ["1970-01-01T00:00:10Z", "2025-12-31T23:59:59Z", "2100-01-01T00:00:00Z"]) {
    const problem = judgeClock(Date.parse(time));
    assert.ok(problem.includes(time.slice(0, 19)), problem);
    assert.match(problem, /timedatectl set-ntp true/);
  }
  for (const time of ["2026-01-01T00:00:00Z", "2099-12-31T23:59:59Z"]) {
    assert.equal(judgeClock(Date.parse(time)), "");
  }
});
