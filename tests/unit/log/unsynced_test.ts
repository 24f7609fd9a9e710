/** What of a partition no sync covers yet, and what one sync takes of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO, O_RDONLY } from "../../../ffi/constants.ts";
import { Level } from "../../../src/format/levels.ts";
import { SEALED_PER_SYNC_MAX, SYNCS_IN_FLIGHT_MAX } from "../../../src/limits.ts";
import { Unsynced } from "../../../src/log/unsynced.ts";
import { SharedFile } from "../../../src/base/file_slice.ts";
import { Segment } from "../../../src/log/segment.ts";
import { batchOfSize } from "../../support/batches.ts";
import { libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { LogWorld } from "../../support/log_world.ts";
import { SyncWorld } from "../../support/sync_world.ts";

test("level os syncs sealed segments, and nothing of the active one unless all is asked", () => {
  const world = new LogWorld();
  const { partition } = world.open({ segmentBytes: 1024, durability: Level.os });
  world.append(partition, batchOfSize(900));
  assert.equal(partition.needsSync, false);
  world.append(partition, batchOfSize(900));
  assert.equal(partition.needsSync, true);
  const fds: number[] = [];
  assert.equal(partition.beginSync(fds, false), 4, "one sealed, its indexes, the directory");
  assert.ok(!fds.includes(partition.active.file!.fd));
  for (let i = 0; i < 4; i += 1) partition.endSync(0);
  assert.equal(partition.durable.offset, 1);
  assert.equal(partition.needsSync, false);
  assert.equal(partition.isSynced, false);
  world.sync(partition, true);
  assert.equal(partition.durable.offset, 2);
  assert.equal(partition.isSynced, true);
  world.close(partition);
});

test("segments sealed while a sync runs belong to the next one", () => {
  const world = new LogWorld();
  const { partition } = world.open({ segmentBytes: 1024 });
  world.append(partition, batchOfSize(900));
  const fds: number[] = [];
  const first = partition.beginSync(fds, false);
  world.append(partition, batchOfSize(900), batchOfSize(900));
  for (let i = 0; i < first; i += 1) partition.endSync(0);
  assert.equal(partition.durable.offset, 1);
  assert.equal(partition.needsSync, true);
  assert.equal(partition.beginSync(fds, false), 8, "two sealed, indexes, directory, active");
  for (let i = 0; i < 8; i += 1) partition.endSync(0);
  assert.equal(partition.durable.offset, 3);
  world.close(partition);
});

test("one sync asks for no more descriptors than a submission has room for", () => {
  const world = new LogWorld();
  const { partition } = world.open({ segmentBytes: 1024 });
  const count = SYNCS_IN_FLIGHT_MAX + 44;
  for (let i = 0; i < count; i += 1) world.append(partition, batchOfSize(1000));
  const fds: number[] = [];
  let syncs = 0;
  let before = 0;
  while (!partition.isSynced) {
    const asked = partition.beginSync(fds, false);
    assert.ok(asked <= SYNCS_IN_FLIGHT_MAX / 2, "a submission holds it beside what is in flight");
    for (let i = 0; i < asked; i += 1) partition.endSync(libcWithoutSyncs.fdatasync(fds[i]!));
    assert.ok(partition.durable.offset > before || before === count, "the end comes first");
    assert.equal(partition.visible.offset, partition.durable.offset);
    assert.deepEqual(world.readAll(partition).length > 0, true);
    before = partition.durable.offset;
    syncs += 1;
  }
  assert.ok(syncs > 1, "it took several");
  assert.equal(partition.durable.offset, count);
  world.close(partition);
});

/** Descriptors that a test may close, of a file that is there. */
function opens(world: LogWorld): number {
  const fd = world.libc.openat(world.dataFd, ".", O_RDONLY, 0);
  assert.ok(fd >= 0);
  return fd;
}

function sealed(world: LogWorld, base: number): Segment {
  return new Segment(base, 100, new SharedFile(opens(world), world.store.closeFile));
}

test("a sync takes the oldest sealed segments and everything loose; what comes later waits", () => {
  const world = new LogWorld();
  const unsynced = new Unsynced();
  assert.equal(unsynced.isEmpty, true);
  const segments = Array.from({ length: SEALED_PER_SYNC_MAX + 2 }, (_, i) => sealed(world, i));
  for (const segment of segments) unsynced.addSealed(segment);
  unsynced.addDirectory(opens(world));
  unsynced.addLoose(opens(world));
  assert.equal(unsynced.hasDirectory, true);
  const fds: number[] = [];
  assert.equal(unsynced.begin(fds), segments[SEALED_PER_SYNC_MAX - 1]);
  assert.equal(fds.length, SEALED_PER_SYNC_MAX + 2);
  assert.equal(unsynced.hasDirectory, false, "a new name is for the next sync");
  unsynced.addDirectory(opens(world));
  unsynced.end(world.store, true);
  assert.equal(unsynced.has(segments[0]!), false);
  assert.equal(unsynced.has(segments[SEALED_PER_SYNC_MAX]!), true);
  fds.length = 0;
  assert.equal(unsynced.begin(fds), null, "nothing has to wait any more");
  assert.equal(fds.length, 3);
  unsynced.end(world.store, true);
  assert.equal(unsynced.isEmpty, true);
  world.end();
});

test("after a sync that failed the segments stay open, the loose ones are closed", () => {
  const world = new LogWorld();
  const unsynced = new Unsynced();
  const segment = sealed(world, 0);
  unsynced.addSealed(segment);
  const loose = opens(world);
  unsynced.addLoose(loose);
  const fds: number[] = [];
  unsynced.begin(fds);
  assert.deepEqual(fds, [segment.file!.fd, loose]);
  unsynced.end(world.store, false);
  assert.equal(unsynced.has(segment), true);
  assert.ok(world.libc.close(loose) < 0, "it is closed already");
  const { fd } = segment.file!;
  unsynced.abandon(world.store, []);
  assert.equal(segment.file, null);
  assert.deepEqual(world.closed, [fd]);
  world.end();
});

test("unsynced bytes are counted from the write to the end of a sync that covers them", () => {
  const world = new SyncWorld(2);
  const { store } = world.native.log;
  world.produce(0, 1, 300);
  world.produce(1, 2, 200);
  assert.equal(store.unsyncedBytes, 0);
  world.turn();
  assert.equal(store.unsyncedBytes, 500);
  world.produce(0, 3, 1000);
  world.turn();
  assert.equal(store.unsyncedBytes, 1500);
  world.aio.finish(0);
  world.syncer.reap(world.nowMs, world.door);
  assert.equal(store.unsyncedBytes, 1200, "what came during the sync is not covered by it");
  world.aio.finish(0, -EIO);
  world.syncer.reap(world.nowMs, world.door);
  assert.equal(store.unsyncedBytes, 1000, "a broken partition is synced no more");
  world.turn();
  world.aio.finishAll();
  world.syncer.reap(world.nowMs, world.door);
  assert.equal(store.unsyncedBytes, 0);
  world.end();
});

test("unsynced bytes of level os are nobody's, and those of a deleted topic go with it", () => {
  const os = new SyncWorld(1, { durability: Level.os });
  os.produce(0, 1, 300);
  os.turn();
  assert.equal(os.native.log.store.unsyncedBytes, 0);
  os.end();
  const world = new SyncWorld(1, { durability: Level.interval, flushMs: 50 });
  world.produce(0, 1, 300);
  world.turn();
  assert.equal(world.native.log.store.unsyncedBytes, 300);
  world.delete(0);
  assert.equal(world.native.log.store.unsyncedBytes, 0);
  world.end();
});
