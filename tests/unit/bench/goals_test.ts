/** Which side of a bound is good, and what is said about it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "../../../bench/goals.ts";

test("the median decides, and the line says what was wanted and what was seen", () => {
  const goal = { what: "throughput", good: "at least", bound: 0.9 } as const;
  const held = judge(goal, [0.8, 0.93, 0.97]);
  assert.equal(held.isHeld, true);
  assert.equal(
    held.line,
    "throughput: at least 0.9, median 0.93 (0.80–0.97), 3 rounds: held",
  );
  assert.equal(judge(goal, [0.8, 0.89, 0.97]).isHeld, false);
});

test("a bound counts on its good side only", () => {
  const verdict = (good: "at least" | "at most" | "above" | "below") =>
    judge({ what: "x", good, bound: 2 }, [2]).isHeld;
  assert.equal(verdict("at least"), true);
  assert.equal(verdict("at most"), true);
  assert.equal(verdict("above"), false);
  assert.equal(verdict("below"), false);
});

test("a goal without a figure is missed", () => {
  assert.equal(judge({ what: "x", good: "below", bound: 2 }, []).isHeld, false);
});
