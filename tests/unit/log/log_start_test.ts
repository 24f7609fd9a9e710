/** The log start: asked for, confirmed, and what is removed then. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { existsSync } from "node:fs";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Level } from "../../../src/format/levels.ts";
import { CUT_BYTES } from "../../../src/limits.ts";
import {
  dropBelow,
  publishLogStart,
  unlinkLarge,
  wantLogStart,
} from "../../../src/log/log_start.ts";
import type { Partition } from "../../../src/log/partition.ts";
import { batchOfSize } from "../../support/batches.ts";
import { libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { DIRECTORY, LogWorld } from "../../support/log_world.ts";

/** `count` segments of two batches each, synced. */
function filled(count: number, libc = libcWithoutSyncs): { world: LogWorld; partition: Partition } {
  const world = new LogWorld({ libc });
  const { partition } = world.open({ segmentBytes: 1024 });
  for (let i = 0; i < 2 * count; i += 1) world.append(partition, batchOfSize(500, i));
  while (!partition.isSynced) world.sync(partition);
  assert.equal(partition.segments.length, count);
  return { world, partition };
}

function bases(world: LogWorld): number[] {
  return world.names(".log").map((name) => Number(name.slice(0, 20)));
}

test("nothing goes before main has the log start on disk", () => {
  const { world, partition } = filled(4);
  assert.equal(wantLogStart(partition, 5), ErrorCodes.none);
  assert.deepEqual([partition.logStartWanted, partition.logStart], [5, 0]);
  assert.deepEqual(bases(world), [0, 2, 4, 6]);
  assert.ok(typeof world.read(partition, 0, 100) !== "number");
  publishLogStart(partition, 5);
  assert.equal(partition.logStart, 5);
  assert.deepEqual(bases(world), [4, 6], "a segment goes when all of it is below");
  assert.deepEqual(world.names(".index").length, 1);
  assert.equal(world.read(partition, 4, 100), ErrorCodes.offset_out_of_range);
  assert.ok(typeof world.read(partition, 5, 100) !== "number");
  assert.equal(world.store.counters.segmentsDeleted, 2);
  world.close(partition);
});

test("the log start only rises, up to the visible end, and the active segment stays", () => {
  const { world, partition } = filled(3);
  assert.equal(wantLogStart(partition, 7), ErrorCodes.offset_out_of_range);
  assert.equal(wantLogStart(partition, 6), ErrorCodes.none);
  assert.equal(wantLogStart(partition, 2), ErrorCodes.none);
  assert.equal(partition.logStartWanted, 6);
  publishLogStart(partition, 6);
  publishLogStart(partition, 2);
  assert.equal(partition.logStart, 6);
  assert.deepEqual(bases(world), [4]);
  world.append(partition, batchOfSize(500));
  world.sync(partition);
  assert.ok(typeof world.read(partition, 6, 100) !== "number");
  world.close(partition);
});

test("a log start above the durable end is synced first, also at level os", () => {
  const world = new LogWorld();
  const { partition } = world.open({ durability: Level.os });
  world.append(partition, batchOfSize(100), batchOfSize(100));
  assert.equal(partition.needsSync, false);
  assert.equal(wantLogStart(partition, 2), ErrorCodes.none);
  assert.equal(partition.needsSync, true);
  assert.throws(() => publishLogStart(partition, 2), "its records are not on disk");
  world.sync(partition);
  publishLogStart(partition, 2);
  assert.equal(partition.logStart, 2);
  world.close(partition);
});

test("a segment that waits for a sync goes after it, and many go in several looks", () => {
  const world = new LogWorld();
  const { partition } = world.open({ segmentBytes: 1024, durability: Level.interval });
  for (let i = 0; i < 80; i += 1) world.append(partition, batchOfSize(500, i));
  world.sync(partition);
  const fds: number[] = [];
  world.append(partition, batchOfSize(500), batchOfSize(500));
  const pending = partition.beginSync(fds, false);
  assert.equal(wantLogStart(partition, 80), ErrorCodes.none);
  publishLogStart(partition, 80);
  let looks = 1;
  while (dropBelow(partition)) looks += 1;
  assert.ok(looks > 1, "a turn does not wait for all of them");
  assert.deepEqual(bases(world), [78, 80]);
  for (let i = 0; i < pending; i += 1) partition.endSync(libcWithoutSyncs.fdatasync(fds[i]!));
  dropBelow(partition);
  assert.deepEqual(bases(world), [80]);
  world.sync(partition);
  world.close(partition);
});

test("a slice that waits keeps the file of a segment that went", () => {
  const { world, partition } = filled(3);
  const [first] = partition.segments;
  assert.equal(world.store.open(DIRECTORY, first!), 0);
  const file = first!.file!;
  file.retain();
  publishLogStart(partition, 2);
  assert.equal(existsSync(world.path("00000000000000000000.log")), false);
  const memory = world.libc.allocate(10);
  assert.equal(world.libc.pread(file.fd, memory, 0, 10, 0), 10);
  file.release();
  assert.ok(world.closed.includes(file.fd));
  world.close(partition);
});

test("of a deleted topic the large files are removed by jobs, as far as there is room", () => {
  const { world, partition } = filled(4);
  const asked: number[][] = [];
  const fileJobs = {
    unlink: (directory: number, ...what: number[]) => {
      asked.push(what);
      if (asked.length < 2) world.libc.close(directory);
      return asked.length < 2;
    },
  };
  Object.assign(world.store, { fileJobs });
  const large = [1, 2, 3].map((at) => partition.segments[at]!);
  const sizes = large.map(({ size }) => size);
  for (const segment of large) segment.size = CUT_BYTES + segment.baseOffset;
  unlinkLarge(partition);
  const wanted = large.slice(0, 2).map(({ baseOffset, size, file }) => {
    return [baseOffset, size, file === null ? -1 : file.fd];
  });
  assert.deepEqual(asked, wanted, "not the small one, and none behind one that was refused");
  large.forEach((segment, at) => segment.size = sizes[at]!);
  world.close(partition);
});

test("a segment that cannot be removed now stays for the next look", () => {
  const { world, partition } = filled(3);
  const asked: number[] = [];
  let takes = false;
  const fileJobs = {
    unlink: (directory: number, ...what: number[]) => {
      asked.push(...what);
      if (takes) world.libc.close(directory);
      return takes;
    },
  };
  Object.assign(world.store, { fileJobs });
  const { baseOffset, size, file } = partition.segments[0]!;
  publishLogStart(partition, partition.segments[1]!.baseOffset);
  assert.deepEqual(asked, [baseOffset, size, file === null ? -1 : file.fd]);
  assert.equal(partition.segments[0]!.baseOffset, baseOffset, "it is still ours");
  takes = true;
  assert.equal(dropBelow(partition), false);
  assert.notEqual(partition.segments[0]!.baseOffset, baseOffset);
  world.close(partition);
});

test("epochs below the log start leave the file at a clean stop, not before", () => {
  const { world, partition } = filled(2);
  world.close(partition);
  const again = new LogWorld({ root: world.root });
  const { partition: next } = again.open({ segmentBytes: 1024 }, { epoch: 3 });
  for (let i = 0; i < 4; i += 1) again.append(next, batchOfSize(500, i));
  while (!next.isSynced) again.sync(next);
  const text = () => new TextDecoder().decode(again.file("leader-epoch-checkpoint"));
  assert.equal(text(), "0\n2\n0 0\n3 4\n");
  publishLogStart(next, 6);
  assert.equal(text(), "0\n2\n0 0\n3 4\n");
  assert.equal(next.beginCheckpoint(), true);
  assert.equal(next.finishCheckpoint(), 0);
  assert.equal(text(), "0\n2\n0 0\n3 4\n", "it would wait for the disk");
  again.sync(next);
  again.close(next);
  assert.equal(text(), "0\n1\n3 6\n");
});
