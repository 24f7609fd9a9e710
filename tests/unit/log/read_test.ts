/** Reading: every offset, several limits, whatever state the index files are in. */
import assert from "node:assert/strict";
import { unlinkSync } from "node:fs";
import { test } from "node:test";
import { EIO } from "../../../ffi/constants.ts";
import { emptySlice } from "../../../src/base/file_slice.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Level } from "../../../src/format/levels.ts";
import type { TopicConfig } from "../../../src/format/topic_config.ts";
import type { Partition } from "../../../src/log/partition.ts";
import {
  batchOfSize,
  concat,
  randomBatch,
  sameBytes,
  walkBatches,
  type WalkedBatch,
} from "../../support/batches.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { LogWorld } from "../../support/log_world.ts";
import { forSeeds, type Prng, Prng as Random } from "../../support/prng.ts";

const LIMITS = [0, 1, 61, 200, 4096, 5000, 20000, 1000000];

/** A log of random batches whose sizes are of one kind, or mixed. */
function randomLog(prng: Prng, world: LogWorld, config: Partial<TopicConfig>): Partition {
  const { partition } = world.open(config);
  const kind = prng.pick([20, 300, 3000, 9000, 0]);
  for (let i = prng.between(1, 120); i > 0; i -= 1) {
    const valueSize = kind === 0 ? prng.pick([5, 5, 400, 9000]) : kind;
    world.append(partition, randomBatch(prng, prng.pick([1, 1, 6]), valueSize));
  }
  while (!partition.isSynced) world.sync(partition, true);
  return partition;
}

/** Checks reads from every offset, or some of them in a long log, against the files themselves. */
function checkReads(
  world: LogWorld,
  partition: Partition,
  prng: Prng,
  files: WalkedBatch[][] = [...world.logs().values()].map(walkBatches),
): void {
  const end = partition.visible.offset;
  const batches = files.flat();
  const step = end > 70 ? prng.between(1, 5) : 1;
  for (let offset = partition.logStart; offset < end; offset += step) {
    const file = files.find((batches) => batches.some((batch) => batch.lastOffset >= offset))!;
    const from = file.findIndex((batch) => batch.lastOffset >= offset);
    for (const limit of [prng.pick(LIMITS), prng.below(12000)]) {
      const read = world.read(partition, offset, limit);
      assert.ok(typeof read !== "number", `offset ${offset} is readable`);
      const got = walkBatches(read);
      const whole = file.slice(from, from + got.length);
      assert.ok(got.length > 0, `offset ${offset}, limit ${limit}: not empty`);
      sameBytes(read, concat(whole.map((batch) => batch.bytes)), `offset ${offset}`);
      assert.ok(read.length <= limit || got.length === 1, `offset ${offset}, limit ${limit}`);
      const next = batches.find(({ baseOffset }) => baseOffset > got.at(-1)!.lastOffset);
      const { nextOffset } = world.reader;
      if (next === undefined) assert.equal(nextOffset, end);
      else assert.ok(nextOffset >= next.baseOffset && nextOffset <= next.lastOffset, "behind it");
    }
  }
  assert.deepEqual(world.read(partition, end, 1000), new Uint8Array(0), "nothing at the end");
}

test("every offset of random logs, right after they were written", () => {
  forSeeds(25, (prng) => {
    const world = new LogWorld({ openSealedMax: prng.pick([1, 3, 256]) });
    const durability = prng.pick([Level.os, Level.fsync]);
    const config = { durability, segmentBytes: prng.pick([1024, 20000, 1000000]) };
    const partition = randomLog(prng, world, config);
    checkReads(world, partition, prng);
    sameBytes(concat(world.readAll(partition, 500)), concat([...world.logs().values()]), "all");
    world.close(partition);
  });
});

test("the same after reopening, when indexes come from their files", () => {
  forSeeds(12, (prng) => {
    const world = new LogWorld();
    const config = { segmentBytes: prng.pick([5000, 20000, 100000]) };
    world.close(randomLog(prng, world, config));
    for (const clean of [true, false]) {
      const again = new LogWorld({ root: world.root, openSealedMax: prng.pick([1, 3, 256]) });
      const { partition } = again.open(config, { clean });
      checkReads(again, partition, prng);
      again.close(partition);
    }
  });
});

/** A log of two sealed segments with indexes of different shape, and a short active one. */
function indexedLog(): { world: LogWorld; names: string[]; files: WalkedBatch[][] } {
  const world = new LogWorld();
  const { partition } = world.open({ segmentBytes: 60000 });
  for (let i = 0; i < 75; i += 1) world.append(partition, batchOfSize(700 + 13 * i, i));
  while (!partition.isSynced) world.sync(partition);
  world.close(partition);
  const names = world.names(".index").slice(0, 2);
  assert.ok(names.every((name) => world.file(name).length >= 48), "several entries each");
  return { world, names, files: [...world.logs().values()].map(walkBatches) };
}

function checkClean(world: LogWorld, prng: Prng, files: WalkedBatch[][]): void {
  const again = new LogWorld({ root: world.root });
  const { partition } = again.open({ segmentBytes: 60000 }, { clean: true });
  checkReads(again, partition, prng, files);
  partition.active.file!.release(); // and the index files stay as they are
  again.end();
}

test("index files that are missing, or cut at each length", () => {
  const { world, names, files } = indexedLog();
  const prng = new Random(3);
  for (const name of names) {
    const whole = world.file(name);
    unlinkSync(world.path(name));
    checkClean(world, prng, files);
    for (let size = 0; size < whole.length; size += 1) {
      world.write(name, whole.slice(0, size));
      checkClean(world, prng, files);
    }
    world.write(name, whole);
  }
});

test("index files of another segment, of zeros, and with bytes behind their end", () => {
  const { world, names, files } = indexedLog();
  const prng = new Random(4);
  const [one, two] = names as [string, string];
  const [first, second] = [world.file(one), world.file(two)];
  world.write(one, second);
  world.write(two, first);
  checkClean(world, prng, files);
  world.write(one, new Uint8Array(first.length));
  world.write(two, concat([second, new Uint8Array(16)]));
  checkClean(world, prng, files);
  world.write(one, concat([first, new Uint8Array(3)]));
  world.write(two, prng.bytes(64));
  checkClean(world, prng, files);
});

test("every flipped bit of an index file", () => {
  const { world, names, files } = indexedLog();
  const prng = new Random(5);
  const name = names[0]!;
  const whole = world.file(name);
  for (let bit = 0; bit < whole.length * 8; bit += 1) {
    const damaged = whole.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    world.write(name, damaged);
    checkClean(world, prng, files);
  }
});

test("a read outside of the log is refused by name", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  world.append(partition, batchOfSize(100), batchOfSize(100));
  const outside = ErrorCodes.offset_out_of_range;
  assert.deepEqual(world.read(partition, 0, 1000), new Uint8Array(0), "written, not visible");
  assert.deepEqual(world.read(partition, 2, 1000), new Uint8Array(0));
  assert.equal(world.read(partition, 3, 1000), outside);
  world.sync(partition);
  assert.equal(world.read(partition, 3, 1000), outside);
  partition.logStart = 1;
  assert.equal(world.read(partition, 0, 1000), outside);
  world.close(partition);
});

test("what is only staged is not read, though the index knows of it", () => {
  const world = new LogWorld();
  const { partition } = world.open({ durability: Level.os });
  world.append(partition, batchOfSize(5000, 1), batchOfSize(3000, 2), batchOfSize(1000, 3));
  assert.equal(world.stage(partition, batchOfSize(3000, 4)), 3);
  assert.equal(world.stage(partition, batchOfSize(3000, 5)), 4);
  assert.equal(
    partition.active.index!.count,
    2,
    "of offsets 1 and 4: the second one is only staged",
  );
  for (const [offset, size] of [[0, 9000], [1, 4000], [2, 1000], [3, 0]] as const) {
    assert.equal((world.read(partition, offset, 100000) as Uint8Array).length, size);
    assert.equal((world.read(partition, offset, 1) as Uint8Array).length > 0, size > 0);
    assert.equal(world.reader.available(partition, offset, 100000), size);
  }
  assert.equal(partition.flush(), 0);
  world.close(partition);
});

test("available counts visible bytes from the batch that holds the offset, across segments", () => {
  const world = new LogWorld();
  const { partition } = world.open({ segmentBytes: 1024 });
  for (let i = 0; i < 6; i += 1) world.append(partition, batchOfSize(400, i));
  world.sync(partition);
  world.append(partition, batchOfSize(400));
  for (let offset = 0; offset <= 7; offset += 1) {
    const visible = Math.max(0, 6 - offset) * 400;
    assert.equal(world.reader.available(partition, offset, 1000000), visible);
    for (const enough of [1, 399, 400, 401, 1200]) {
      const counted = world.reader.available(partition, offset, enough);
      assert.equal(counted >= enough, visible >= enough, `${offset} for ${enough}`);
      assert.ok(counted <= visible);
    }
  }
  world.close(partition);
});

test("a disk that does not answer is an error of the read, not of the broker", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc });
  const { partition } = world.open({ segmentBytes: 10000 });
  for (let i = 0; i < 100; i += 1) world.append(partition, batchOfSize(100, i));
  while (!partition.isSynced) world.sync(partition);
  faulty.plan = (call) => call === "pread" ? -EIO : undefined;
  assert.equal(world.read(partition, 5, 1000), ErrorCodes.storage_failed);
  assert.equal(world.reader.available(partition, 5, 77), 77, "the read will tell");
  faulty.plan = (call) => call === "pread" ? 0 : undefined;
  assert.equal(world.read(partition, 5, 1000), ErrorCodes.storage_failed, "a file that ends early");
  faulty.heal();
  assert.equal(walkBatches(world.read(partition, 5, 1000) as Uint8Array).length, 10);
  world.close(partition);
});

test("a slice of a segment that was closed meanwhile keeps its file", () => {
  const world = new LogWorld({ openSealedMax: 1 });
  const { partition } = world.open({ segmentBytes: 1024 });
  for (let i = 0; i < 4; i += 1) world.append(partition, batchOfSize(1000, i));
  world.sync(partition);
  const slice = emptySlice();
  assert.equal(world.reader.read(partition, 0, 5000, slice), 0);
  const file = slice.file!;
  file.retain();
  const before = world.closed.length;
  assert.equal(world.reader.read(partition, 1, 5000, emptySlice()), 0, "evicts the first one");
  assert.ok(!world.closed.slice(before).includes(file.fd), "the queue still holds it");
  file.release();
  assert.ok(world.closed.slice(before).includes(file.fd));
  world.close(partition);
});

test("a read ends before a header that is damaged, and one of that batch is an error", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  for (let i = 0; i < 6; i += 1) world.append(partition, batchOfSize(200, i));
  world.sync(partition);
  const name = "00000000000000000000.log";
  const bytes = world.file(name);
  world.overwrite(name, bytes.with(3 * 200 + 8, 255));
  assert.equal(walkBatches(world.read(partition, 1, 900) as Uint8Array).length, 2);
  assert.equal(walkBatches(world.read(partition, 2, 1) as Uint8Array).length, 1);
  assert.equal(world.read(partition, 4, 900), ErrorCodes.storage_failed);
  // A batch that says a higher offset than its place is not served for a lower one.
  world.overwrite(name, bytes.with(3 * 200 + 7, 4));
  assert.equal(world.read(partition, 3, 900), ErrorCodes.storage_failed);
  world.close(partition);
});

test("a degraded log is not taken for a shorter one", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  for (let i = 0; i < 6; i += 1) world.append(partition, batchOfSize(200, i));
  world.sync(partition);
  world.close(partition);
  const name = "00000000000000000000.log";
  const bytes = world.file(name);
  world.write(name, bytes.with(3 * 200 + 8, 255));
  const again = new LogWorld({ root: world.root });
  const { partition: degraded } = again.open({}, { recoveryPoint: 5, logStart: 0 });
  assert.equal(walkBatches(again.read(degraded, 0, 900) as Uint8Array).length, 3);
  assert.equal(degraded.visible.offset, 3);
  for (const offset of [3, 4, 5, 6, 100]) {
    assert.equal(again.read(degraded, offset, 900), ErrorCodes.partition_degraded, `${offset}`);
  }
  again.close(degraded);
});
