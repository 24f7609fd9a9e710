/** The written-ahead tail: when it is written, that nobody sees it, and that it never stays. */
import assert from "node:assert/strict";
import { statSync, truncateSync } from "node:fs";
import { test } from "node:test";
import { EIO, ENOSPC } from "../../../ffi/constants.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Level } from "../../../src/format/levels.ts";
import { RETENTION_SETTING_MAX } from "../../../src/limits.ts";
import type { Partition } from "../../../src/log/partition.ts";
import { batchOfSize } from "../../support/batches.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { LogWorld } from "../../support/log_world.ts";

const FIRST = "00000000000000000000.log";
const SMALL = { writtenAheadBytes: 4096, writtenAheadGroupMax: 1000 };

function sizeOf(world: LogWorld, name: string = FIRST): number {
  return statSync(world.path(name)).size;
}

/** Appends and syncs batches of 500 bytes, one sync each. */
function grow(world: LogWorld, partition: Partition, count: number): void {
  for (let i = 0; i < count; i += 1) {
    world.append(partition, batchOfSize(500, i));
    world.sync(partition);
  }
}

test("a sync of a small group at level fsync brings the next step of zeros", () => {
  const world = new LogWorld(SMALL);
  const { partition } = world.open();
  grow(world, partition, 8);
  assert.equal(sizeOf(world), 4000, "not before there is as much log");
  grow(world, partition, 1);
  assert.equal(sizeOf(world), 8192);
  assert.deepEqual([partition.active.size, partition.active.fileSize], [4500, 8192]);
  grow(world, partition, 7);
  assert.equal(sizeOf(world), 12288, "192 bytes are too few for the next group");
  assert.ok(world.file(FIRST).subarray(8000).every((byte) => byte === 0));
  assert.equal(world.readAll(partition).reduce((sum, bytes) => sum + bytes.length, 0), 8000);
  world.end();
});

test("large groups, other levels and a store without it do not write ahead", () => {
  const large = new LogWorld(SMALL);
  const { partition } = large.open();
  for (let i = 0; i < 6; i += 1) {
    large.append(partition, batchOfSize(600), batchOfSize(600));
    large.sync(partition);
  }
  assert.equal(sizeOf(large), 7200);
  large.end();
  for (const durability of [Level.interval, Level.os]) {
    const world = new LogWorld(SMALL);
    const opened = world.open({ durability });
    grow(world, opened.partition, 12);
    assert.equal(sizeOf(world), 6000);
    world.end();
  }
  const without = new LogWorld({ writtenAheadBytes: 0, writtenAheadGroupMax: 1000 });
  grow(without, without.open().partition, 12);
  assert.equal(sizeOf(without), 6000);
  without.end();
});

test("a roll and a clean stop trim the file before the sync that covers it", () => {
  const world = new LogWorld(SMALL);
  const { partition } = world.open({ segmentBytes: 6000 });
  grow(world, partition, 12);
  assert.equal(sizeOf(world), 8192);
  grow(world, partition, 10);
  assert.deepEqual([sizeOf(world), sizeOf(world, "00000000000000000012.log")], [6000, 8192]);
  assert.equal(partition.isSynced, false, "the file is longer than the log");
  const fds: number[] = [];
  assert.equal(partition.beginSync(fds, true), 1);
  assert.equal(sizeOf(world, "00000000000000000012.log"), 5000);
  assert.equal(partition.isSynced, false);
  partition.endSync(0);
  assert.equal(partition.isSynced, true);
  world.close(partition);
  const again = new LogWorld({ root: world.root });
  const { report } = again.open({ segmentBytes: 6000 }, { clean: true, recoveryPoint: 22 });
  assert.equal(report.bytesScanned, 0);
  again.end();
});

test("after a kill the zeros are cut off, told as zeros, and the log goes on", () => {
  const world = new LogWorld(SMALL);
  grow(world, world.open().partition, 10);
  world.end();
  const again = new LogWorld({ root: world.root, ...SMALL });
  // The batches of the tests have old timestamps: by age the segment would be rolled.
  const { partition, report } = again.open({ segmentMs: RETENTION_SETTING_MAX });
  assert.deepEqual([report.bytesDropped, report.zerosDropped], [3192, 3192]);
  assert.equal(sizeOf(again), 5000);
  grow(again, partition, 2);
  assert.equal(partition.visible.offset, 12);
  assert.equal(sizeOf(again), 8192);
  again.end();
});

test("a sealed segment whose trimming was lost is whole, wherever the recovery point is", () => {
  for (const recoveryPoint of [0, 5, 12, 14]) {
    const world = new LogWorld();
    grow(world, world.open({ segmentBytes: 6000 }).partition, 15);
    world.end();
    truncateSync(world.path(FIRST), 8192);
    const again = new LogWorld({ root: world.root });
    const { partition, report } = again.open({ segmentBytes: 6000 }, { recoveryPoint });
    assert.deepEqual([report.degraded, report.bytesDropped], ["", 0], `${recoveryPoint}`);
    assert.deepEqual([sizeOf(again), partition.segments[0]!.size], [6000, 6000]);
    assert.equal(partition.visible.offset, 15);
    again.end();
  }
});

test("zeros in place of records are no written-ahead tail: the segment is damaged", () => {
  const world = new LogWorld();
  grow(world, world.open({ segmentBytes: 6000 }).partition, 15);
  world.end();
  truncateSync(world.path(FIRST), 5500);
  truncateSync(world.path(FIRST), 8192);
  const again = new LogWorld({ root: world.root });
  const { report } = again.open({ segmentBytes: 6000 }, { recoveryPoint: 14 });
  assert.match(report.degraded, /offsets 1[01] to 11/);
  assert.equal(sizeOf(again), 8192);
  again.end();
});

test("a disk that refuses the zeros refuses nothing else", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc, ...SMALL });
  const { partition } = world.open();
  grow(world, partition, 9);
  faulty.plan = (call) => call === "pwrite" ? -ENOSPC : undefined;
  grow(world, partition, 12);
  assert.equal(partition.visible.offset, 21);
  faulty.plan = (call) => call === "pwrite" ? { short: 100 } : undefined;
  grow(world, partition, 1);
  assert.equal(partition.active.fileSize, sizeOf(world));
  faulty.heal();
  grow(world, partition, 3);
  assert.equal(partition.visible.offset, 25);
  assert.ok(sizeOf(world) > partition.active.size);
  world.end();
});

test("a file that cannot be trimmed ends the partition: its size is not known", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc, ...SMALL });
  const { partition } = world.open();
  grow(world, partition, 9);
  faulty.plan = (call) => call === "ftruncate" ? -EIO : undefined;
  assert.equal(partition.roll(), ErrorCodes.storage_failed);
  assert.equal(partition.broken, true);
  world.end();
  const stopping = new LogWorld({ libc: faulty.libc, ...SMALL });
  faulty.heal();
  const other = stopping.open().partition;
  grow(stopping, other, 9);
  faulty.plan = (call) => call === "ftruncate" ? -EIO : undefined;
  stopping.sync(other, true);
  assert.deepEqual([other.broken, other.isSynced], [true, false]);
  stopping.end();
});

test("a failed append takes its bytes and the zeros away", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc, ...SMALL });
  const { partition } = world.open();
  grow(world, partition, 9);
  faulty.plan = (call) => call === "pwritev" ? -ENOSPC : undefined;
  assert.equal(world.stage(partition, batchOfSize(500)), 9);
  assert.equal(partition.flush(), ErrorCodes.disk_full);
  partition.turnDone();
  assert.deepEqual([sizeOf(world), partition.active.fileSize], [4500, 4500]);
  faulty.heal();
  world.store.disk.look();
  grow(world, partition, 1);
  assert.equal(partition.visible.offset, 10);
  world.end();
});
