/** Idempotent producers: repetitions, gaps, and what a failed write takes back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { ProducerState, WINDOW } from "../../../src/log/producer_state.ts";
import { forSeeds } from "../../support/prng.ts";

const { none, duplicate_sequence, out_of_order_sequence, invalid_producer_epoch } = ErrorCodes;
const MAX = 2147483647;

/** Appends batches of ten records from sequence 0 on, at offsets 100, 110, … */
function filled(count: number): ProducerState {
  const state = new ProducerState();
  for (let i = 0; i < count; i += 1) {
    state.append(7, 3, 10 * i, 10 * i + 9, 100 + 10 * i, 109 + 10 * i, 1000 + i);
  }
  state.settle();
  return state;
}

test("the next sequence is accepted, a repetition gets its old offset, the rest is refused", () => {
  const state = filled(8);
  assert.equal(state.check(7, 3, 80, 89), none);
  for (let i = 8 - WINDOW; i < 8; i += 1) {
    assert.equal(state.check(7, 3, 10 * i, 10 * i + 9), duplicate_sequence);
    assert.equal(state.duplicateOffset, 100 + 10 * i);
  }
  assert.equal(state.check(7, 3, 20, 29), out_of_order_sequence, "too old to be remembered");
  assert.equal(state.check(7, 3, 81, 90), out_of_order_sequence, "a gap");
  assert.equal(state.check(7, 3, 70, 80), out_of_order_sequence, "begins alike, and is another");
  assert.equal(state.check(7, 3, 0, 9), out_of_order_sequence);
});

test("epochs: a lower one is fenced, a higher one begins at 0", () => {
  const state = filled(2);
  assert.equal(state.check(7, 2, 20, 29), invalid_producer_epoch);
  assert.equal(state.check(7, 4, 0, 9), none);
  assert.equal(state.check(7, 4, 20, 29), out_of_order_sequence);
  state.append(7, 4, 0, 9, 200, 209, 0);
  assert.equal(state.check(7, 4, 0, 9), duplicate_sequence);
  assert.equal(state.check(7, 3, 20, 29), invalid_producer_epoch);
  assert.equal(state.check(7, 4, 10, 19), none);
});

test("an unknown producer may begin anywhere", () => {
  const state = filled(1);
  assert.equal(state.check(8, 0, 500, 509), none);
  assert.equal(state.check(8, 0, 0, 0), none);
});

test("sequences wrap from 2^31 - 1 to 0, between batches and inside one", () => {
  const state = new ProducerState();
  state.append(1, 0, MAX - 9, MAX, 0, 9, 0);
  assert.equal(state.check(1, 0, 0, 4), none);
  assert.equal(state.check(1, 0, 1, 4), out_of_order_sequence);
  state.append(1, 0, 0, 4, 10, 14, 0);
  state.append(1, 0, 5, MAX - 3, 15, 20, 0);
  assert.equal(state.check(1, 0, MAX - 2, 6), none, "a batch over the edge");
  state.append(1, 0, MAX - 2, 6, 21, 30, 0);
  assert.equal(state.check(1, 0, 7, 7), none);
  assert.equal(state.check(1, 0, MAX - 2, 6), duplicate_sequence);
});

test("what was staged and never written is taken back, also above the window", () => {
  forSeeds(200, (prng) => {
    const state = new ProducerState();
    /** Batches that count, by producer. */
    const model = new Map<number, { first: number; last: number; base: number }[]>();
    let offset = 0;
    for (let turn = 0; turn < 15; turn += 1) {
      const before = offset;
      const staged: [number, { first: number; last: number; base: number }][] = [];
      for (let i = prng.below(12); i > 0; i -= 1) {
        const producer = prng.below(3);
        const own = [
          ...model.get(producer) ?? [],
          ...staged.filter(([p]) => p === producer).map(([, b]) => b),
        ];
        const first = (own.at(-1)?.last ?? -1) + 1;
        const count = prng.between(1, 4);
        const batch = { first, last: first + count - 1, base: offset };
        assert.equal(state.check(producer, 0, batch.first, batch.last), none);
        state.append(producer, 0, batch.first, batch.last, offset, offset + count - 1, 0);
        staged.push([producer, batch]);
        offset += count;
      }
      if (prng.chance(30)) {
        const failedFrom = prng.between(before, offset);
        const end = staged.find(([, { base }]) => base >= failedFrom)?.[1].base ?? offset;
        state.rollBack(end);
        for (const [producer, batch] of staged) {
          if (batch.base < end) model.set(producer, [...model.get(producer) ?? [], batch]);
        }
        offset = end;
      } else {
        state.settle();
        for (const [producer, batch] of staged) {
          model.set(producer, [...model.get(producer) ?? [], batch]);
        }
      }
      for (const [producer, batches] of model) {
        for (const { first, last, base } of batches.slice(-WINDOW)) {
          assert.equal(state.check(producer, 0, first, last), duplicate_sequence);
          assert.equal(state.duplicateOffset, base);
        }
      }
    }
  });
});

test("producers that wrote nothing for long are forgotten", () => {
  const state = filled(3);
  state.append(8, 0, 0, 0, 500, 500, 2000);
  assert.equal(state.expire(1002), 0);
  assert.equal(state.expire(1003), 1);
  assert.equal(state.size, 1);
  assert.equal(state.check(7, 3, 0, 9), none);
});

test("a new epoch that was never written is taken back with what it replaced", () => {
  const state = new ProducerState();
  state.append(7, 3, 0, 9, 100, 109, 0);
  state.append(7, 3, 10, 19, 110, 119, 0);
  state.append(7, 4, 0, 9, 120, 129, 0);
  assert.equal(state.check(7, 4, 0, 9), duplicate_sequence);
  state.rollBack(120);
  assert.equal(state.check(7, 3, 10, 19), duplicate_sequence);
  assert.equal(state.duplicateOffset, 110);
  assert.equal(state.check(7, 3, 20, 29), none, "the old epoch goes on");
});

test("of two epochs in one turn the written part stays", () => {
  for (const settles of [false, true]) {
    const state = new ProducerState();
    state.append(7, 3, 0, 9, 100, 109, 0);
    if (settles) state.settle();
    state.append(7, 4, 0, 9, 110, 119, 0);
    state.append(7, 5, 0, 9, 120, 129, 0);
    state.rollBack(110);
    assert.equal(state.check(7, 3, 0, 9), duplicate_sequence);
    assert.equal(state.check(7, 3, 10, 19), none);
    state.append(7, 4, 0, 9, 110, 119, 0);
    state.settle();
    state.append(7, 4, 10, 19, 120, 129, 0);
    state.rollBack(120);
    assert.equal(state.check(7, 4, 0, 9), duplicate_sequence, "what was written before stays");
    assert.equal(state.check(7, 3, 10, 19), invalid_producer_epoch);
  }
});
