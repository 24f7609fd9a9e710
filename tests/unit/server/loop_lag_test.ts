/** How long turns and their steps take, on a clock that the test sets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { LOOP_MARK_EVERY, LOOP_SLOW_MS } from "../../../src/limits.ts";
import { LoopLag, StepAt, STEPS } from "../../../src/server/loop_lag.ts";

class World {
  nowMs = 1000;
  looks = 0;
  readonly lag: LoopLag = new LoopLag(
    new Proxy(libc, {
      get: (inner, name) => name === "monotonicMs" ? () => this.#look() : Reflect.get(inner, name),
    }),
  );

  /** One turn; each step takes so many milliseconds. */
  turn(steps: Partial<Record<typeof STEPS[number], number>>): void {
    this.lag.begin(this.nowMs);
    for (const step of STEPS) {
      this.nowMs += steps[step] ?? 0;
      if (step === "maintain") this.lag.end();
      else this.lag.mark(StepAt[step]);
    }
  }

  figure(name: string): number | undefined {
    return this.lag.list().find((figure) => figure.name === name)?.value;
  }

  #look(): number {
    this.looks += 1;
    return this.nowMs;
  }
}

test("every turn is in the histogram, by one look at the clock", () => {
  const world = new World();
  for (let i = 1; i < LOOP_MARK_EVERY; i += 1) world.turn({ write: 1 });
  assert.equal(world.looks, LOOP_MARK_EVERY - 1);
  assert.equal(world.lag.turnsUs.count, LOOP_MARK_EVERY - 1);
  assert.equal(world.figure("loop_lag_max_us"), 1000);
  assert.equal(world.figure("loop_write_max_us"), 0, "no step was looked at");
});

test("the steps of one turn in some are told apart, and the longest of each is kept", () => {
  const world = new World();
  const between = () => {
    for (let i = 1; i < LOOP_MARK_EVERY; i += 1) world.turn({});
  };
  between();
  world.turn({ receive: 1, dispatch: 2, write: 3, sync: 4, answer: 5, send: 6, maintain: 7 });
  between();
  world.turn({ receive: 9, maintain: 1 });
  const longest = STEPS.map((step) => world.figure(`loop_${step}_max_us`));
  assert.deepEqual(longest, [9000, 2000, 3000, 4000, 5000, 6000, 7000]);
  assert.equal(world.figure("loop_lag_max_us"), 28_000);
  assert.equal(world.figure("loop_lag_p50_us"), 0);
});

test("slow turns are counted", () => {
  const world = new World();
  world.turn({ maintain: LOOP_SLOW_MS });
  assert.equal(world.figure("loop_slow_turns_total"), 0);
  world.turn({ maintain: LOOP_SLOW_MS + 0.5 });
  assert.equal(world.figure("loop_slow_turns_total"), 1);
});
