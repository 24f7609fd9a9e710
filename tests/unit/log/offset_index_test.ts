/** The sparse offset index against a list, and its file. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { INDEX_INTERVAL_BYTES } from "../../../src/limits.ts";
import { INDEX_ENTRY_SIZE, OffsetIndex } from "../../../src/log/offset_index.ts";
import { forSeeds, type Prng } from "../../support/prng.ts";

interface Entry {
  lastOffset: number;
  position: number;
}

/** An index of a random segment, the entries it must have, and where the segment ends. */
function randomIndex(
  prng: Prng,
): { index: OffsetIndex; model: Entry[]; end: number; size: number } {
  const index = new OffsetIndex();
  const model: Entry[] = [];
  const sizeMax = prng.pick([100, 3000, 20000]);
  let since = 0;
  let lastOffset = -1;
  let position = 0;
  for (let batches = prng.below(300); batches > 0; batches -= 1) {
    lastOffset += prng.between(1, 50);
    const size = prng.between(61, sizeMax);
    index.batchAppended(lastOffset, position, size);
    if (since > INDEX_INTERVAL_BYTES) {
      model.push({ lastOffset, position });
      since = 0;
    }
    since += size;
    position += size;
  }
  return { index, model, end: lastOffset + 1, size: position };
}

test("about one entry per 4 KiB, and every search as in a list", () => {
  forSeeds(100, (prng) => {
    const { index, model, end, size } = randomIndex(prng);
    assert.equal(index.count, model.length);
    model.forEach((entry, i) => {
      assert.equal(index.lastOffset(i), entry.lastOffset);
      assert.equal(index.position(i), entry.position);
    });
    for (let i = 0; i < 50; i += 1) {
      const offset = prng.below(end + 10);
      assert.equal(index.rank(offset), model.filter((e) => e.lastOffset < offset).length);
      const position = prng.below(size + 10);
      const below = model.filter((entry) => entry.position <= position);
      assert.equal(index.entryAtOrBelow(position), below.length - 1);
    }
  });
});

test("a truncated index has no entry at or above the cut, and goes on with one", () => {
  forSeeds(100, (prng) => {
    const { index, model, end, size } = randomIndex(prng);
    const cut = prng.chance(30) && model.length > 0
      ? prng.pick(model).position
      : prng.below(size + 1);
    index.truncate(cut);
    const kept = model.filter(({ position }) => position < cut);
    assert.equal(index.count, kept.length);
    index.batchAppended(end, cut, 100);
    assert.equal(index.count, kept.length + 1);
    assert.deepEqual(
      [index.lastOffset(kept.length), index.position(kept.length)],
      [end, cut],
      "a batch right behind the cut is an entry",
    );
  });
});

test("decoding gives back what was encoded", () => {
  forSeeds(50, (prng) => {
    const { index, model, size } = randomIndex(prng);
    const bytes = encode(index);
    assert.equal(bytes.byteLength, model.length * INDEX_ENTRY_SIZE);
    const again = new OffsetIndex();
    assert.equal(again.decode(bytes, bytes.byteLength, size), true);
    assert.deepEqual(entries(again), model);
    assert.equal(again.isFromFile, true);
    assert.equal(index.isFromFile, false);
  });
});

test("files that cannot be the index of the segment are refused", () => {
  const good: Entry[] = [
    { lastOffset: 10, position: 5000 },
    { lastOffset: 20, position: 10000 },
    { lastOffset: 30, position: 15000 },
  ];
  const size = 20000;
  const decodes = (list: Entry[]): boolean => {
    const view = fileOf(list);
    return new OffsetIndex().decode(view, view.byteLength, size);
  };
  assert.equal(decodes(good), true);
  assert.equal(decodes([]), true, "a short segment has none");
  for (let bytes = 0; bytes <= 24; bytes += 1) {
    const index = new OffsetIndex();
    assert.equal(index.decode(fileOf(good), bytes, size), bytes % 8 === 0, `${bytes} bytes`);
    if (bytes % 8 === 0) assert.deepEqual(entries(index), good.slice(0, bytes / 8));
  }
  const wrong: Partial<Entry>[] = [
    { lastOffset: 10 },
    { lastOffset: 9 },
    { lastOffset: -1 },
    { position: 5000 },
    { position: 0 },
    { position: -1 },
    { position: size },
    { position: size - 60 },
  ];
  for (const change of wrong) {
    assert.equal(decodes([good[0]!, { ...good[1]!, ...change }]), false, JSON.stringify(change));
  }
  assert.equal(decodes([{ lastOffset: 0, position: 0 }]), false, "the first batch has no entry");
  assert.equal(decodes([...good, { lastOffset: 0, position: 0 }]), false, "zeros at the end");
});

test("an index that refused a file can take another", () => {
  const index = new OffsetIndex();
  const bad = fileOf([{ lastOffset: 5, position: 100 }, { lastOffset: 4, position: 200 }]);
  assert.equal(index.decode(bad, bad.byteLength, 1000), false);
  const good = fileOf([{ lastOffset: 7, position: 300 }]);
  assert.equal(index.decode(good, good.byteLength, 1000), true);
  assert.deepEqual(entries(index), [{ lastOffset: 7, position: 300 }]);
});

test("entries that do not exist are not asked for", () => {
  const index = new OffsetIndex();
  assert.throws(() => index.position(0));
  assert.throws(() => index.lastOffset(-1));
  assert.equal(index.rank(5), 0);
  assert.equal(index.entryAtOrBelow(5), -1);
});

function encode(index: OffsetIndex): DataView {
  const view = new DataView(new ArrayBuffer(index.encodedSize));
  index.encode(view);
  return view;
}

function fileOf(list: readonly Entry[]): DataView {
  const view = new DataView(new ArrayBuffer(list.length * 8));
  list.forEach(({ lastOffset, position }, i) => {
    view.setInt32(i * 8, lastOffset);
    view.setInt32(i * 8 + 4, position);
  });
  return view;
}

function entries(index: OffsetIndex): Entry[] {
  return Array.from({ length: index.count }, (_, i) => ({
    lastOffset: index.lastOffset(i),
    position: index.position(i),
  }));
}
