/** The two index files of a segment: what is written when, and that none of it is believed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { unlinkSync } from "node:fs";
import { ENOSPC } from "../../../ffi/constants.ts";
import { loadIndexes, readIndexes, writeIndexes } from "../../../src/log/index_files.ts";
import type { Partition } from "../../../src/log/partition.ts";
import { REPLACE, type Segment } from "../../../src/log/segment.ts";
import { batchOfSize, concat } from "../../support/batches.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { DIRECTORY, LogWorld } from "../../support/log_world.ts";

const INDEX = "00000000000000000000.index";
const TIMES = "00000000000000000000.timeindex";

/** An active segment of `count` batches of 5,000 bytes, each later than the one before. */
function filled(count: number, libc = libcWithoutSyncs): { world: LogWorld; partition: Partition } {
  const world = new LogWorld({ libc });
  const { partition } = world.open();
  for (let i = 0; i < count; i += 1) appendAt(world, partition, i);
  return { world, partition };
}

function appendAt(world: LogWorld, partition: Partition, i: number): void {
  world.append(partition, batchOfSize(5000, i, { maxTimestamp: 1000 + i }));
}

function write(world: LogWorld, segment: Segment): void {
  segment.times!.mark();
  writeIndexes(world.store, DIRECTORY, segment);
}

test("only new entries are written, behind those that are there", () => {
  const { world, partition } = filled(4);
  const { active } = partition;
  write(world, active);
  assert.deepEqual([active.indexWritten, active.timesWritten], [3, 3]);
  const before = [world.file(INDEX), world.file(TIMES)];
  assert.deepEqual(before.map(({ length }) => length), [3 * 8, 3 * 12]);
  // What is there is not read, nor written again: a mark in it stays.
  world.overwrite(INDEX, before[0]!.with(0, 99));
  for (let i = 4; i < 6; i += 1) appendAt(world, partition, i);
  write(world, active);
  assert.equal(world.file(INDEX)[0], 99);
  assert.equal(world.file(INDEX).length, 5 * 8);
  assert.deepEqual(world.file(TIMES).slice(0, 36), before[1]);
  active.indexWritten = REPLACE;
  write(world, active);
  assert.deepEqual(world.file(INDEX).slice(0, 24), before[0], "all of it is replaced");
  world.sync(partition);
  world.close(partition);
});

test("where nothing is new no file is opened", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const { world, partition } = filled(3, faulty.libc);
  write(world, partition.active);
  const before = faulty.count("openat");
  write(world, partition.active);
  assert.equal(faulty.count("openat"), before);
  world.sync(partition);
  world.close(partition);
});

test("a segment without entries has two empty files, which are its indexes", () => {
  const { world, partition } = filled(1);
  writeIndexes(world.store, DIRECTORY, partition.active);
  assert.deepEqual([world.file(INDEX).length, world.file(TIMES).length], [0, 0]);
  assert.equal(readIndexes(world.store, DIRECTORY, partition.active), true);
  assert.equal(partition.active.index!.isFromFile, true);
  world.sync(partition);
  world.close(partition);
});

test("both come from files where both decode, and from the log where one does not", () => {
  const { world, partition } = filled(6);
  const { active } = partition;
  write(world, active);
  const good = [world.file(INDEX), world.file(TIMES)] as const;
  const wrong: [name: string, bytes: Uint8Array | null][] = [
    [INDEX, null],
    [TIMES, null],
    [INDEX, good[0].slice(0, 13)],
    [TIMES, good[1].slice(0, 13)],
    [INDEX, concat([good[0], good[0]])],
    [TIMES, concat([good[1], new Uint8Array(12)])],
    [INDEX, good[0].with(4, 127)], // a position above the segment
  ];
  for (const [name, bytes] of wrong) {
    const label = `${name}: ${bytes === null ? "missing" : `${bytes.length} bytes`}`;
    if (bytes === null) unlinkSync(world.path(name));
    else world.write(name, bytes);
    assert.equal(readIndexes(world.store, DIRECTORY, active), false, label);
    loadIndexes(world.store, DIRECTORY, active);
    assert.equal(active.index!.isFromFile, false, label);
    assert.deepEqual([world.file(INDEX), world.file(TIMES)], good, `${label}: replaced`);
    assert.deepEqual([active.indexWritten, active.timesWritten], [5, 5], label);
    loadIndexes(world.store, DIRECTORY, active);
    assert.equal(active.index!.isFromFile, true, label);
    assert.deepEqual([active.index!.count, active.times!.count], [5, 5], label);
  }
  world.sync(partition);
  world.close(partition);
});

test("an index that cannot be written leaves none of an older log behind", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const { world, partition } = filled(4, faulty.libc);
  const segment = partition.active;
  const name = INDEX;
  for (const call of ["openat", "pwrite"] as const) {
    world.write(name, new Uint8Array(16).fill(1));
    faulty.failNth(call, 1, -ENOSPC);
    segment.indexWritten = REPLACE;
    writeIndexes(world.store, DIRECTORY, segment);
    assert.equal(segment.indexWritten, REPLACE, "the next write writes all of it");
    assert.ok(!world.names(".index").includes(name), call);
  }
  faulty.heal();
  writeIndexes(world.store, DIRECTORY, segment);
  assert.equal(world.file(name).length, 24);
  world.sync(partition);
  world.close(partition);
});
