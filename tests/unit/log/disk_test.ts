/** When a shard may append, over a file system whose figures the test sets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EDQUOT, EFBIG, EIO, EMFILE, ENOSPC, EROFS } from "../../../ffi/constants.ts";
import type { FileSystemStatus, Libc } from "../../../ffi/libc.ts";
import { MiB } from "../../../src/base/units.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Disk, DiskState } from "../../../src/log/disk.ts";
import { highBytes, lowBytes } from "../../../src/log/watermarks.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";

const TOTAL = 64 * MiB;
const LOW = lowBytes(TOTAL);
const HIGH = highBytes(TOTAL);
const { none, disk_full, disk_read_only } = ErrorCodes;

/** A disk with so many bytes free, and how often it was looked at. */
class World {
  free: number;
  looks = 0;
  result = 0;
  readonly disk: Disk;

  constructor(free: number) {
    this.free = free;
    const faulty = new FaultyLibc(libcWithoutSyncs);
    faulty.plan = (call, args) => {
      if (call !== "fstatfs") return undefined;
      this.looks += 1;
      const into = args[1] as FileSystemStatus;
      into.totalBytes = TOTAL;
      into.availableBytes = this.free;
      return this.result;
    };
    this.disk = new Disk(faulty.libc as Libc, 3);
  }

  /** Sets what is free, looks, and says what an append is told. */
  look(free: number): number {
    this.free = free;
    this.disk.look();
    return this.disk.refusal;
  }
}

test("appending stops below the low mark and goes on from the high one", () => {
  const world = new World(LOW);
  const { disk } = world;
  assert.deepEqual([disk.refusal, disk.state, disk.isNews], [none, DiskState.ok, false]);
  assert.equal(world.look(LOW - 1), disk_full);
  assert.deepEqual([disk.state, disk.isNews], [DiskState.full, true]);
  assert.deepEqual([disk.availableBytes, disk.totalBytes], [LOW - 1, TOTAL]);
  disk.isNews = false;
  assert.equal(world.look(HIGH - 1), disk_full, "no going to and fro");
  assert.equal(disk.isNews, false);
  assert.equal(world.look(HIGH), none);
  assert.deepEqual([disk.state, disk.isNews], [DiskState.ok, true]);
});

test("a disk that is full at the start is so from the first append on", () => {
  assert.equal(new World(0).disk.refusal, disk_full);
});

test("what is written counts: no second has to pass", () => {
  const world = new World(LOW + 1000);
  const log = {};
  world.disk.wrote(1000, log);
  assert.equal(world.looks, 1, "within what the last look found");
  world.free = LOW - 1;
  world.disk.wrote(1, log);
  assert.deepEqual([world.looks, world.disk.refusal], [2, disk_full]);
});

test("after a write that found no room the figures decide, where they show it", () => {
  const world = new World(HIGH);
  world.free = 0;
  assert.equal(world.disk.failed(ENOSPC, {}), disk_full);
  assert.equal(world.disk.refusal, disk_full);
  assert.equal(world.disk.state, DiskState.full);
  assert.equal(world.look(HIGH), none);
  assert.equal(world.disk.state, DiskState.ok, "no write is needed to prove it");
});

for (const [name, errno] of [["ENOSPC", ENOSPC], ["EDQUOT", EDQUOT]] as const) {
  test(`${name} that the figures do not show ends with a write that is taken`, () => {
    const world = new World(TOTAL);
    const { disk } = world;
    assert.equal(disk.failed(errno, {}), disk_full);
    assert.equal(disk.refusal, disk_full);
    assert.equal(world.look(TOTAL), none, "one may try");
    assert.equal(disk.state, DiskState.full, "and nobody knows yet");
    disk.failed(errno, {});
    assert.equal(disk.refusal, disk_full);
    assert.equal(world.look(TOTAL), none);
    disk.wrote(1, {});
    assert.deepEqual([disk.refusal, disk.state], [none, DiskState.ok]);
  });
}

test("a disk that can only be read is tried again; after a failed sync it is not", () => {
  const world = new World(TOTAL);
  const { disk } = world;
  assert.equal(disk.failed(EROFS, {}), disk_read_only);
  assert.deepEqual([disk.refusal, disk.state], [disk_read_only, DiskState.read_only]);
  assert.equal(world.look(TOTAL), none);
  disk.wrote(1, {});
  assert.equal(disk.state, DiskState.ok, "it was mounted again");
  disk.syncFailed();
  assert.equal(world.look(TOTAL), disk_read_only);
  assert.equal(world.look(0), disk_read_only);
  assert.equal(world.look(TOTAL), disk_read_only);
  assert.equal(disk.state, DiskState.read_only);
});

test("a file that may not grow refuses nobody else, and shows until it grows or goes", () => {
  const { disk } = new World(TOTAL);
  const [one, other] = [{}, {}];
  assert.equal(disk.failed(EFBIG, one), disk_full);
  disk.failed(EFBIG, other);
  assert.deepEqual([disk.refusal, disk.state], [none, DiskState.full]);
  disk.wrote(1, one);
  disk.wrote(1, {});
  assert.equal(disk.state, DiskState.full, "the other one is still there");
  disk.isNews = false;
  disk.forget(other);
  assert.deepEqual([disk.state, disk.isNews], [DiskState.ok, true]);
});

test("other errors are none of the disk's room", () => {
  const { disk } = new World(TOTAL);
  assert.equal(disk.failed(EIO, {}), ErrorCodes.storage_failed);
  assert.equal(disk.failed(EMFILE, {}), ErrorCodes.storage_busy);
  assert.deepEqual([disk.refusal, disk.state], [none, DiskState.ok]);
});

test("a file system that does not answer is taken to have room", () => {
  const world = new World(TOTAL);
  world.result = -EIO;
  assert.equal(world.look(0), none);
  assert.equal(world.disk.availableBytes, TOTAL, "as it was");
});
