/** Parked fetches: in one partition's list and in the heap, or in neither. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FetchWaiter, FetchWaiters } from "../../../src/broker/fetch_waiters.ts";
import type { TopicPartition } from "../../../src/broker/topics.ts";
import { forSeeds } from "../../support/prng.ts";

function listOf(partition: TopicPartition): FetchWaiter[] {
  const list: FetchWaiter[] = [];
  let previous: FetchWaiter | null = null;
  for (let waiter = partition.firstWaiter; waiter !== null; waiter = waiter.next) {
    assert.equal(waiter.previous, previous, "the list is linked both ways");
    assert.equal(waiter.partition, partition);
    list.push(waiter);
    previous = waiter;
  }
  return list;
}

test("parking and unparking at random keeps lists and heap equal to a set", () => {
  forSeeds(60, (prng) => {
    const waiters = new FetchWaiters();
    const partitions = [0, 1, 2].map(() => ({ firstWaiter: null }) as TopicPartition);
    const parked = new Map<FetchWaiter, TopicPartition>();
    for (let step = 0; step < 200; step += 1) {
      if (prng.chance(55)) {
        const waiter = waiters.make();
        assert.ok(!parked.has(waiter), "one that waits is not used again");
        waiter.deadlineMs = prng.below(50);
        const partition = prng.pick(partitions);
        waiters.park(waiter, partition);
        parked.set(waiter, partition);
      } else if (parked.size > 0) {
        const waiter = prng.pick([...parked.keys()]);
        waiters.unpark(waiter);
        parked.delete(waiter);
        assert.equal(waiter.partition, null);
        assert.equal(waiter.heapIndex, -1);
      }
      for (const partition of partitions) {
        const own = [...parked].filter(([, of]) => of === partition).map(([waiter]) => waiter);
        assert.deepEqual(new Set(listOf(partition)), new Set(own));
      }
      assert.equal(waiters.deadlines.size, parked.size);
      const earliest = Math.min(...[...parked.keys()].map(({ deadlineMs }) => deadlineMs));
      assert.equal(waiters.deadlines.nextMs, earliest);
    }
  });
});

test("a waiter is parked once and unparked once, and its fields outlive that", () => {
  const waiters = new FetchWaiters();
  const partition = { firstWaiter: null } as TopicPartition;
  const waiter = waiters.make();
  waiter.correlation = 77;
  assert.throws(() => waiters.unpark(waiter));
  waiters.park(waiter, partition);
  assert.throws(() => waiters.park(waiter, partition));
  waiters.unpark(waiter);
  assert.equal(waiter.correlation, 77);
  assert.throws(() => waiters.unpark(waiter));
  assert.equal(waiters.make(), waiter, "used again");
});
