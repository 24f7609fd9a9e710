/** Which epoch began where, against the epoch of every single offset. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LeaderEpochs } from "../../../src/log/leader_epochs.ts";
import { forSeeds } from "../../support/prng.ts";

/** The epoch of each offset, from the entries. */
function epochsOf(epochs: LeaderEpochs, start: number, end: number): (number | undefined)[] {
  return Array.from({ length: end - start }, (_, i) => {
    return epochs.entries.findLast(({ startOffset }) => startOffset <= start + i)?.epoch;
  });
}

test("through appends and truncations every offset keeps the epoch it was written in", () => {
  forSeeds(200, (prng) => {
    const epochs = new LeaderEpochs();
    /** Epoch by offset; `start` is the first one that is still there. */
    let log: number[] = [];
    let start = 0;
    let epoch = 0;
    for (let step = 0; step < 60; step += 1) {
      if (prng.chance(60)) {
        if (prng.chance(40)) epoch += prng.between(1, 3);
        const isNew = epoch !== epochs.latest;
        assert.equal(epochs.assign(epoch, log.length), isNew);
        assert.equal(epochs.assign(epoch, log.length), false);
        for (let i = prng.below(4); i >= 0; i -= 1) log.push(epoch);
      } else if (prng.chance(50)) {
        const end = prng.between(start, log.length);
        epochs.truncateAbove(end);
        log = log.slice(0, end);
      } else {
        start = prng.between(start, log.length);
        epochs.truncateStart(start);
      }
      assert.deepEqual(epochsOf(epochs, start, log.length), log.slice(start));
      const { entries } = epochs;
      entries.forEach((entry, i) => {
        const next = entries[i + 1];
        if (next === undefined) return;
        assert.ok(next.epoch > entry.epoch && next.startOffset > entry.startOffset);
      });
      const again = new LeaderEpochs();
      assert.equal(again.load(epochs.format()), true);
      assert.deepEqual(again.entries, entries);
    }
  });
});

test("epochs only grow", () => {
  const epochs = new LeaderEpochs();
  assert.equal(epochs.latest, -1);
  epochs.assign(3, 0);
  epochs.assign(5, 10);
  assert.equal(epochs.latest, 5);
  assert.throws(() => epochs.assign(4, 20));
});

test("a file that is not right leaves nothing", () => {
  const epochs = new LeaderEpochs();
  epochs.assign(3, 0);
  assert.equal(epochs.load("0\n2\n1 1\n"), false);
  assert.deepEqual(epochs.entries, []);
});

test("the epoch of a record is that of the last line below it", () => {
  const epochs = new LeaderEpochs();
  assert.equal(epochs.before(10), null);
  epochs.assign(3, 5);
  epochs.assign(7, 10);
  assert.deepEqual([5, 6, 10, 11, 99].map((offset) => epochs.before(offset)), [null, 3, 3, 7, 7]);
});
