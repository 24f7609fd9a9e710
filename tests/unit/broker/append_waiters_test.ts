/** The queue of producers that wait, against a list. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AppendWaiters } from "../../../src/broker/append_waiters.ts";
import { forSeeds } from "../../support/prng.ts";

interface Entry {
  slot: number;
  generation: number;
  correlation: number;
  handle: number;
  error: number;
  base: number;
  takenMs: number;
  end: number;
}

function push(waiters: AppendWaiters, entry: Omit<Entry, "takenMs"> & Partial<Entry>): void {
  const { slot, generation, correlation, handle, error, base, takenMs = 0, end } = entry;
  waiters.push(slot, generation, correlation, handle, error, base, end, takenMs);
}

function taken(waiters: AppendWaiters): Omit<Entry, "end"> {
  const { slot, generation, correlation, handle, error, base, takenMs } = waiters;
  return { slot, generation, correlation, handle, error, base, takenMs };
}

test("what is pushed is taken in order, once its end is reached, through growth and wraps", () => {
  forSeeds(100, (prng) => {
    const waiters = new AppendWaiters();
    let model: Entry[] = [];
    let end = 0;
    let reached = 0;
    for (let step = 0; step < 300; step += 1) {
      if (prng.chance(55)) {
        if (prng.chance(80)) end += prng.between(1, 5);
        const entry = {
          slot: prng.below(20000),
          generation: prng.next(),
          correlation: prng.next(),
          handle: prng.below(65536),
          error: prng.chance(10) ? 41 : 0,
          base: prng.chance(5) ? 2 ** 52 + step : end,
          takenMs: prng.below(1_000_000) + 0.25,
          end,
        };
        push(waiters, entry);
        model.push(entry);
      } else if (prng.chance(10)) {
        // The writes above `cut` failed: the log ends there again.
        const cut = prng.between(reached, end);
        waiters.refuseAbove(cut, 61);
        model = model.map((entry) => {
          return entry.end <= cut ? entry : { ...entry, end: cut, error: entry.error || 61 };
        });
        end = cut;
      } else {
        reached = prng.between(reached, end);
        while (waiters.take(reached)) {
          const { end: entryEnd, ...rest } = model.shift()!;
          assert.ok(entryEnd <= reached, "not before its end is reached");
          assert.deepEqual(taken(waiters), rest);
        }
        assert.ok(model.length === 0 || model[0]!.end > reached, "all that were reached");
      }
      assert.equal(waiters.count, model.length);
    }
  });
});

test("an empty queue has nothing to take and nothing to refuse", () => {
  const waiters = new AppendWaiters();
  assert.equal(waiters.take(Infinity), false);
  waiters.refuseAbove(0, 60);
  assert.equal(waiters.count, 0);
});

test("a refused entry keeps its place behind what was written before it", () => {
  const waiters = new AppendWaiters();
  const entry = { slot: 1, generation: 1, handle: 0, base: 0 };
  push(waiters, { ...entry, correlation: 1, error: 0, end: 5 });
  push(waiters, { ...entry, correlation: 2, error: 42, end: 5 });
  push(waiters, { ...entry, correlation: 3, error: 0, end: 9 });
  waiters.refuseAbove(5, 61);
  assert.equal(waiters.take(4), false);
  const answers: number[][] = [];
  while (waiters.take(5)) answers.push([waiters.correlation, waiters.error]);
  assert.deepEqual(answers, [[1, 0], [2, 42], [3, 61]]);
});

test("an entry refused after the write failed does not hide those before it", () => {
  const waiters = new AppendWaiters();
  const entry = { slot: 1, generation: 1, handle: 0, base: 0 };
  push(waiters, { ...entry, correlation: 1, error: 0, end: 6 });
  push(waiters, { ...entry, correlation: 2, error: 61, end: 5 });
  waiters.refuseAbove(5, 61);
  const answers: number[][] = [];
  while (waiters.take(5)) answers.push([waiters.correlation, waiters.error]);
  assert.deepEqual(answers, [[1, 61], [2, 61]], "nobody may take the next batch for his own");
});
