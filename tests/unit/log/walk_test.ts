/** Walking over headers: every batch once, in few reads, and never past the segment. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO } from "../../../ffi/constants.ts";
import { BATCH_HEADER_SIZE } from "../../../src/format/batch.ts";
import { NOT_RESIDENT, Residency } from "../../../src/log/residency.ts";
import { Walk } from "../../../src/log/walk.ts";
import { batchOf, batchOfSize, randomBatch, walkBatches } from "../../support/batches.ts";
import { ColdWorld } from "../../support/cold_world.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { LogWorld } from "../../support/log_world.ts";
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
    world.close(partition);
  });
});

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

test("a guarded header is one call where it is resident, and nothing is read of half a one", () => {
  const world = new ColdWorld();
  world.fill(2, 4096 - 30);
  const { faulty, partition: { log } } = world;
  const walk = new Walk(world.log.store);
  walk.residency = new Residency(world.libc, "cachestat");
  const calls = () => [faulty.count("preadv2"), faulty.count("pread"), faulty.count("cachestat")];
  const [probes, reads, looks] = calls();
  assert.equal(walk.begin(log.active, 0), 0);
  assert.equal(walk.size, 4066);
  assert.deepEqual(calls(), [probes! + 1, reads, looks]);
  world.evict([".log"], 4096, 4096);
  assert.equal(walk.next(), NOT_RESIDENT);
  assert.deepEqual([walk.missingPosition, walk.missingSize], [4066, BATCH_HEADER_SIZE]);
  assert.equal(faulty.count("pread"), reads);
  assert.equal(walk.begin(log.active, 0), 0, "what is resident is walked as before");
  world.close();
});

test("a walk that may read so often answers as if the next header were cold", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  for (let i = 0; i < 5; i += 1) world.append(partition, batchOfSize(5000, i));
  const walk = new Walk(world.store);
  walk.readsLeft = 2;
  assert.equal(walk.begin(partition.active, 0), 0);
  assert.equal(walk.next(), 0);
  assert.equal(walk.next(), NOT_RESIDENT);
  assert.deepEqual([walk.position, walk.missingPosition], [5000, 10000]);
  walk.readsLeft = 1;
  assert.equal(walk.begin(partition.active, walk.missingPosition), 0);
  assert.equal(walk.position, 10000);
  world.close(partition);
});
