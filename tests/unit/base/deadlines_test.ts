/** The heap of deadlines against a sorted list. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Deadlines, type Due } from "../../../src/base/deadlines.ts";
import { forSeeds } from "../../support/prng.ts";

test("the first is always one of the earliest, whatever was added and removed", () => {
  forSeeds(100, (prng) => {
    const heap = new Deadlines<Due>();
    const model = new Set<Due>();
    for (let step = 0; step < 300; step += 1) {
      if (prng.chance(55)) {
        const item = { deadlineMs: prng.below(prng.pick([3, 1000])), heapIndex: -1 };
        heap.add(item);
        model.add(item);
      } else if (model.size > 0) {
        const item = prng.chance(50) ? heap.first()! : prng.pick([...model]);
        heap.remove(item);
        model.delete(item);
        assert.equal(item.heapIndex, -1);
      }
      assert.equal(heap.size, model.size);
      const earliest = Math.min(...[...model].map(({ deadlineMs }) => deadlineMs));
      assert.equal(heap.nextMs, earliest);
      assert.equal(heap.first()?.deadlineMs ?? Infinity, earliest);
      const places = [...model].map(({ heapIndex }) => heapIndex).sort((a, b) => a - b);
      assert.deepEqual(places, [...model].map((_, i) => i), "every item knows its own place");
    }
    const drained: number[] = [];
    for (let item = heap.first(); item !== null; item = heap.first()) {
      drained.push(item.deadlineMs);
      heap.remove(item);
    }
    assert.deepEqual(drained, [...model].map(({ deadlineMs }) => deadlineMs).sort((a, b) => a - b));
  });
});

test("an item is added once and removed once, from its own heap", () => {
  const heap = new Deadlines<Due>();
  const item = { deadlineMs: 1, heapIndex: -1 };
  assert.throws(() => heap.remove(item));
  heap.add(item);
  assert.throws(() => heap.add(item));
  assert.throws(() => new Deadlines<Due>().remove(item));
  heap.remove(item);
  assert.equal(heap.first(), null);
});
