/** Walking over headers: every batch once, in few reads, and never past the segment. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO } from "../../../ffi/constants.ts";
import type { OffsetIndex } from "../../../src/log/offset_index.ts";
import type { TimeIndex } from "../../../src/log/time_index.ts";
import { Walk, walkIndexes } from "../../../src/log/walk.ts";
import { batchOf, batchOfSize, randomBatch, walkBatches } from "../../support/batches.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { DIRECTORY, LogWorld } from "../../support/log_world.ts";
import { forSeeds } from "../../support/prng.ts";

const FIRST = "00000000000000000000.log";

test("a walk from any batch stands at every batch after it", () => {
  forSeeds(40, (prng) => {
    const world = new LogWorld();
    const { partition } = world.open();
    const valueSize = prng.pick([1, 100, 1900, 5000]);
    for (let i = prng.between(1, 60); i > 0; i -= 1) {
      world.append(partition, randomBatch(prng, 3, prng.chance(10) ? 6000 : valueSize));
    }
    const batches = walkBatches(world.file(FIRST));
    const walk = new Walk(world.store);
    const from = prng.below(batches.length);
    assert.equal(walk.begin(partition.active, batches[from]!.position), 0);
    for (let i = from; i < batches.length; i += 1) {
      const { position, size, baseOffset, lastOffset } = batches[i]!;
      assert.deepEqual(
        [walk.position, walk.size, walk.baseOffset, walk.lastOffset],
        [position, size, baseOffset, lastOffset],
      );
      assert.equal(walk.atEnd, i === batches.length - 1);
      if (i + 1 < batches.length) assert.equal(walk.next(), 0);
    }
    assert.equal(walk.next(), -EIO, "there is no batch behind the last");
    assert.equal(world.store.open(DIRECTORY, partition.active), 0);
    const { index, times } = partition.active;
    times!.mark(); // as at its seal
    walkIndexes(world.store, partition.active);
    assert.deepEqual(entriesOf(partition.active.index!), entriesOf(index!));
    assert.deepEqual(timesOf(partition.active.times!), timesOf(times!));
    world.close(partition);
  });
});

function entriesOf(index: OffsetIndex): number[][] {
  return Array.from({ length: index.count }, (_, i) => [index.lastOffset(i), index.position(i)]);
}

function timesOf(times: TimeIndex): number[][] {
  return Array.from({ length: times.count }, (_, i) => [times.timestamp(i), times.lastOffset(i)]);
}

test("a walk knows the header it stands at", () => {
  const world = new LogWorld();
  const { partition } = world.open({}, { epoch: 6 });
  const shape = { maxTimestamp: 1700000000077, producerId: 2 ** 40 + 5, producerEpoch: 3 };
  world.append(
    partition,
    batchOf([new Uint8Array(9), new Uint8Array(8)], { ...shape, baseSequence: 0, attributes: 16 }),
    batchOf([new Uint8Array(7)], { ...shape, baseSequence: 2, maxTimestamp: -1 }),
  );
  const walk = new Walk(world.store);
  assert.equal(walk.begin(partition.active, 0), 0);
  assert.equal(walk.segment, partition.active);
  const fields =
    () => [walk.maxTimestamp, walk.attributes, walk.baseSequence, walk.lastOffsetDelta];
  assert.deepEqual(fields(), [1700000000077, 16, 0, 1]);
  assert.deepEqual([walk.producerId, walk.producerEpoch, walk.leaderEpoch], [2 ** 40 + 5, 3, 6]);
  assert.equal(walk.next(), 0);
  assert.deepEqual(fields(), [-1, 0, 2, 0]);
  world.close(partition);
});

test("what a walk saw of a whole segment is its highest timestamp, what is staged is not", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  const { active } = partition;
  for (let i = 0; i < 5; i += 1) {
    world.append(partition, batchOf([new Uint8Array(3000)], { maxTimestamp: 100 + (i * 7) % 10 }));
  }
  active.maxTimestamp = 0;
  active.unseenSize = active.size;
  walkIndexes(world.store, active);
  assert.deepEqual([active.unseenSize, active.maxTimestamp], [0, 108]);
  assert.equal(active.times!.isFromFile, false);
  assert.deepEqual(timesOf(active.times!), [[107, 1], [108, 4]]);
  world.stage(partition, batchOf([new Uint8Array(3000)], { maxTimestamp: 200 }));
  walkIndexes(world.store, active);
  assert.equal(active.times!.isFromFile, true, "its next entries are looked at again");
  assert.equal(active.maxTimestamp, 200, "staged is not forgotten");
  assert.equal(partition.flush(), 0);
  walkIndexes(world.store, active);
  assert.equal(active.times!.isFromFile, false);
  world.close(partition);
});

test("a walk over small batches reads many headers in a call", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc });
  const { partition } = world.open();
  for (let i = 0; i < 200; i += 1) world.append(partition, batchOfSize(100, i));
  const before = faulty.count("pread");
  const walk = new Walk(world.store);
  walk.begin(partition.active, 0);
  for (let i = 1; i < 200; i += 1) assert.equal(walk.next(), 0);
  assert.ok(faulty.count("pread") - before <= 8, "20,000 bytes, 4 KiB a call");
  world.close(partition);
});

test("a read that fails, and a file that ends early, are told", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc });
  const { partition } = world.open();
  world.append(partition, batchOfSize(100), batchOfSize(100));
  const walk = new Walk(world.store);
  faulty.failNth("pread", 1, -EIO);
  assert.equal(walk.begin(partition.active, 0), -EIO);
  faulty.heal();
  world.overwrite(FIRST, new Uint8Array(30));
  assert.equal(walk.begin(partition.active, 0), -EIO);
  world.close(partition);
});

test("an index of a segment that holds nonsense ends before it", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  for (let i = 0; i < 4; i += 1) world.append(partition, batchOfSize(5000, i));
  const bytes = world.file(FIRST);
  bytes.fill(0, 10000, 10100);
  world.overwrite(FIRST, bytes);
  partition.active.unseenSize = partition.active.size;
  walkIndexes(world.store, partition.active);
  const { index, times, unseenSize } = partition.active;
  assert.deepEqual(entriesOf(index!), [[1, 5000]]);
  assert.deepEqual(timesOf(times!), [[1700000000000, 0]]);
  assert.ok(unseenSize > 0, "what is behind it, nobody has seen");
  world.close(partition);
});
