/** When the wall clock may decide what is deleted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CLOCK_CONFIRM_MS, CLOCK_JUMP_MS } from "../../../src/limits.ts";
import { ClockGuard } from "../../../src/log/clock_guard.ts";

const WALL_MS = 1700000000000;

test("a clock is trusted after it ran in step for a while, not before", () => {
  const guard = new ClockGuard();
  assert.equal(guard.look(5000, WALL_MS), false, "the first look");
  for (let ms = 1000; ms < CLOCK_CONFIRM_MS; ms += 1000) {
    assert.equal(guard.look(5000 + ms, WALL_MS + ms), false, `${ms}`);
  }
  const ms = CLOCK_CONFIRM_MS;
  assert.equal(guard.look(5000 + ms, WALL_MS + ms), true);
  assert.equal(guard.look(6000 + ms, WALL_MS + 1000 + ms), true);
});

test("a jump, ahead or back, begins the wait again; slow drift does not", () => {
  for (const jumpMs of [CLOCK_JUMP_MS + 1, -CLOCK_JUMP_MS - 1, 1e10]) {
    const guard = new ClockGuard(1000);
    guard.look(0, WALL_MS);
    assert.equal(guard.look(1000, WALL_MS + 1000), true);
    assert.equal(guard.look(1100, WALL_MS + 1100 + jumpMs), false, `${jumpMs}`);
    assert.equal(guard.look(2099, WALL_MS + 2099 + jumpMs), false);
    assert.equal(guard.look(2100, WALL_MS + 2100 + jumpMs), true, "the new time is confirmed");
  }
  const guard = new ClockGuard(1000);
  guard.look(0, WALL_MS);
  assert.equal(guard.look(1000, WALL_MS + 1000 + CLOCK_JUMP_MS), true, "a correction");
  assert.equal(guard.look(2000, WALL_MS + 2000), true);
});

test("a clock that goes on jumping is never trusted", () => {
  const guard = new ClockGuard(3000);
  for (let i = 0; i < 100; i += 1) {
    const wallMs = WALL_MS + 1000 * i + (i % 2) * 2 * CLOCK_JUMP_MS;
    assert.equal(guard.look(1000 * i, wallMs), false);
  }
});
