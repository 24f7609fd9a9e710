/** The time index against a list of batches, and its file. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_TIMESTAMP, TIME_ENTRY_SIZE, TimeIndex } from "../../../src/log/time_index.ts";
import { forSeeds, type Prng } from "../../support/prng.ts";

interface Batch {
  timestamp: number;
  lastOffset: number;
}

function randomIndex(prng: Prng): { index: TimeIndex; batches: Batch[] } {
  const index = new TimeIndex();
  const batches: Batch[] = [];
  let time = 1700000000000;
  let lastOffset = -1;
  for (let i = prng.below(200); i > 0; i -= 1) {
    time += prng.between(-50, 60);
    lastOffset += prng.between(1, 5);
    batches.push({ timestamp: time, lastOffset });
    index.batchAppended(time, lastOffset);
    if (prng.chance(30)) index.mark();
  }
  index.mark(); // sealed
  return { index, batches };
}

test("the search for a time may begin behind what the index says, and misses nothing", () => {
  forSeeds(150, (prng) => {
    const { index, batches } = randomIndex(prng);
    for (let i = 0; i < 40; i += 1) {
      const wanted = 1700000000000 + prng.between(-3000, 3000);
      const entry = index.rank(wanted) - 1;
      const before = entry < 0 ? -1 : index.lastOffset(entry);
      const first = batches.find(({ timestamp }) => timestamp >= wanted);
      if (first !== undefined) assert.ok(before < first.lastOffset, "not behind the answer");
      for (const { timestamp, lastOffset } of batches) {
        if (lastOffset <= before) assert.ok(timestamp < wanted, "all before are older");
      }
    }
    const max = Math.max(NO_TIMESTAMP, ...batches.map(({ timestamp }) => timestamp));
    assert.equal(index.maxTimestamp, max);
    if (batches.length > 0) {
      assert.equal(index.timestamp(index.count - 1), max, "the last entry of a sealed segment");
    }
  });
});

test("entries grow strictly, and their file gives them back", () => {
  forSeeds(100, (prng) => {
    const { index, batches } = randomIndex(prng);
    const offsetMax = batches.at(-1)?.lastOffset ?? 0;
    for (let i = 1; i < index.count; i += 1) {
      assert.ok(index.timestamp(i) > index.timestamp(i - 1));
      assert.ok(index.lastOffset(i) > index.lastOffset(i - 1));
    }
    const view = new DataView(new ArrayBuffer(index.encodedSize));
    index.encode(view);
    const again = new TimeIndex();
    assert.equal(again.decode(view, index.encodedSize, offsetMax), true);
    assert.equal(again.count, index.count);
    for (let i = 0; i < index.count; i += 1) {
      assert.equal(again.timestamp(i), index.timestamp(i));
      assert.equal(again.lastOffset(i), index.lastOffset(i));
    }
    for (let size = 0; size < index.encodedSize; size += 1) {
      const whole = size % TIME_ENTRY_SIZE === 0;
      assert.equal(new TimeIndex().decode(view, size, offsetMax), whole);
    }
  });
});

test("files that cannot be the index of the segment are refused", () => {
  const decodes = (entries: [number, number][], offsetMax: number) => {
    const view = new DataView(new ArrayBuffer(entries.length * TIME_ENTRY_SIZE));
    entries.forEach(([timestamp, lastOffset], i) => {
      view.setBigInt64(i * TIME_ENTRY_SIZE, BigInt(timestamp));
      view.setInt32(i * TIME_ENTRY_SIZE + 8, lastOffset);
    });
    return new TimeIndex().decode(view, view.byteLength, offsetMax);
  };
  assert.equal(decodes([[5, 0], [6, 1]], 1), true);
  assert.equal(decodes([[5, 0], [5, 1]], 1), false);
  assert.equal(decodes([[5, 0], [4, 1]], 1), false);
  assert.equal(decodes([[5, 1], [6, 1]], 1), false);
  assert.equal(decodes([[5, 0], [6, 2]], 1), false);
  assert.equal(decodes([[5, -1]], 1), false);
  assert.equal(decodes([[-1, 0]], 1), false);
  assert.equal(decodes([[5, 3], [0, 0]], 9), false, "zeros at the end");
});

test("what is truncated is forgotten, and the index goes on", () => {
  forSeeds(100, (prng) => {
    const { index, batches } = randomIndex(prng);
    const cut = prng.below((batches.at(-1)?.lastOffset ?? 0) + 2);
    const kept = Array.from({ length: index.count }, (_, i) => index.lastOffset(i))
      .filter((offset) => offset < cut).length;
    index.truncate(cut);
    assert.equal(index.count, kept);
    assert.equal(index.maxTimestamp, kept > 0 ? index.timestamp(kept - 1) : NO_TIMESTAMP);
    index.batchAppended(index.maxTimestamp + 1, cut);
    index.mark();
    assert.equal(index.count, kept + 1);
    assert.equal(index.lastOffset(kept), cut);
  });
});
