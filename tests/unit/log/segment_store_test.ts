/** The cache of sealed segments. */
import assert from "node:assert/strict";
import { unlinkSync } from "node:fs";
import { test } from "node:test";
import { libc } from "#ffi";
import { EIO, EMFILE } from "../../../ffi/constants.ts";
import type { Partition } from "../../../src/log/partition.ts";
import { batchOfSize } from "../../support/batches.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { DIRECTORY, LogWorld } from "../../support/log_world.ts";
import { forSeeds } from "../../support/prng.ts";

const SEGMENTS = 8;

/** Sealed segments 0 to 6, synced, and an active one. */
function sealedLog(openSealedMax: number, libc_ = libc): { world: LogWorld; partition: Partition } {
  const world = new LogWorld({ openSealedMax, libc: libc_ });
  const { partition } = world.open({ segmentBytes: 20000 });
  for (let i = 0; i < SEGMENTS * 4; i += 1) world.append(partition, batchOfSize(5000, i));
  assert.equal(partition.segments.length, SEGMENTS);
  world.sync(partition);
  return { world, partition };
}

function openSealed(partition: Partition): number[] {
  return partition.segments.slice(0, -1).flatMap(({ file }, i) => file === null ? [] : [i]);
}

test("no more sealed segments stay open than allowed, and those read last stay", () => {
  const { world, partition } = sealedLog(3);
  assert.equal(openSealed(partition).length, 3);
  for (const i of [0, 1, 2, 0, 5]) {
    assert.equal(world.store.open(DIRECTORY, partition.segments[i]!), 0);
  }
  assert.deepEqual(openSealed(partition), [0, 2, 5], "1 was read before 2 and 0");
  assert.notEqual(partition.active.file, null);
  world.close(partition);
});

test("whatever is opened, the cache keeps its bound and its segments their file and index", () => {
  forSeeds(20, (prng) => {
    const max = prng.between(1, 8);
    const { world, partition } = sealedLog(max);
    for (let step = 0; step < 60; step += 1) {
      const i = prng.below(SEGMENTS);
      const segment = partition.segments[i]!;
      assert.equal(world.store.open(DIRECTORY, segment), 0);
      assert.notEqual(segment.file, null);
      assert.equal(segment.index!.count, 3);
      assert.ok(openSealed(partition).length <= max);
    }
    world.close(partition);
  });
});

test("each segment that is let go counts as garbage, whether it is evicted or deleted", () => {
  const { world, partition } = sealedLog(3);
  const { store } = world;
  assert.equal(store.garbage, SEGMENTS - 1 - 3);
  assert.equal(store.open(DIRECTORY, partition.segments[0]!), 0);
  assert.equal(store.garbage, SEGMENTS - 1 - 2, "one went for it");
  store.drop(partition.segments[0]!);
  assert.equal(store.garbage, SEGMENTS - 1 - 1);
  world.close(partition);
});

test("every descriptor is closed once when all is closed", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const open = new Set<number>();
  const { world, partition } = sealedLog(2, faulty.libc);
  faulty.plan = (call, args) => {
    if (call === "close") assert.ok(open.delete(args[0] as number), "an open descriptor");
    if (call !== "openat") return undefined;
    const fd = libc.openat(...(args as Parameters<typeof libc.openat>));
    if (fd >= 0) open.add(fd);
    return fd;
  };
  open.add(world.dataFd);
  for (const { file } of partition.segments) if (file !== null) open.add(file.fd);
  for (const i of [0, 3, 1, 0, 6]) world.store.open(DIRECTORY, partition.segments[i]!);
  world.close(partition);
  assert.deepEqual([...open], []);
});

test("a segment that does not open is an error, and opens later", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const { world, partition } = sealedLog(1, faulty.libc);
  faulty.plan = (call) => call === "openat" ? -EMFILE : undefined;
  const segment = partition.segments[0]!;
  assert.equal(segment.file, null);
  assert.equal(world.store.open(DIRECTORY, segment), -EMFILE);
  assert.equal(segment.file, null);
  faulty.heal();
  assert.equal(world.store.open(DIRECTORY, segment), 0);
  world.close(partition);
});

test("a sealed segment's index comes from its file, and from the log where there is none", () => {
  const { world, partition } = sealedLog(2);
  const [first, second] = partition.segments;
  assert.equal(world.store.open(DIRECTORY, first!), 0);
  assert.equal(first!.index!.isFromFile, true);
  unlinkSync(world.path("00000000000000000004.index"));
  assert.equal(world.store.open(DIRECTORY, second!), 0);
  assert.equal(second!.index!.isFromFile, false);
  assert.deepEqual(entries(second!.index!), entries(first!.index!), "segments of equal shape");
  world.close(partition);
});

test("an index file that cannot be read is made anew from the log", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const { world, partition } = sealedLog(1, faulty.libc);
  faulty.failNth("pread", 1, -EIO);
  assert.equal(world.store.open(DIRECTORY, partition.segments[0]!), 0);
  assert.equal(partition.segments[0]!.index!.isFromFile, false);
  assert.equal(partition.segments[0]!.index!.count, 3);
  world.close(partition);
});

test("vectors are lent again", () => {
  const world = new LogWorld();
  const vector = world.store.borrowVector();
  assert.notEqual(world.store.borrowVector(), vector);
  world.store.giveBackVector(vector);
  assert.equal(world.store.borrowVector(), vector);
  world.end();
});

function entries(index: {
  count: number;
  lastOffset(entry: number): number;
  position(entry: number): number;
}): [number, number][] {
  return Array.from({ length: index.count }, (_, i) => [index.lastOffset(i), index.position(i)]);
}
