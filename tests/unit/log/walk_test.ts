/** Walking over headers: every batch once, in few reads, and never past the segment. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO } from "../../../ffi/constants.ts";
import { Walk, walkIndex } from "../../../src/log/walk.ts";
import { batchOfSize, randomBatch, walkBatches } from "../../support/batches.ts";
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
      assert.equal(walk.isBatchTo(lastOffset), true);
      assert.equal(walk.isBatchTo(lastOffset + 1), false);
      if (i + 1 < batches.length) assert.equal(walk.next(), 0);
    }
    assert.throws(() => walk.next(), "there is no batch behind the last");
    assert.equal(world.store.open(DIRECTORY, partition.active), 0);
    const rebuilt = walkIndex(world.store, partition.active);
    const index = partition.active.index!;
    assert.equal(rebuilt.count, index.count);
    for (let i = 0; i < index.count; i += 1) {
      assert.equal(rebuilt.lastOffset(i), index.lastOffset(i));
      assert.equal(rebuilt.position(i), index.position(i));
    }
    world.close(partition);
  });
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
  const index = walkIndex(world.store, partition.active);
  assert.deepEqual([index.count, index.position(0)], [1, 5000]);
  world.close(partition);
});
