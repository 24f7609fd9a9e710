/** Fetches of what is not in the page cache: who waits, for how long, and what they get. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO, ENOSYS, EPERM } from "../../../ffi/constants.ts";
import { MiB } from "../../../src/base/units.ts";
import { completeAllFetches } from "../../../src/broker/fetch.ts";
import { removeTopic } from "../../../src/broker/remove_topic.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import {
  COLD_PIECE_SYNCING,
  COLD_SYNCING_MS,
  COLD_TRIES_MAX,
  COLD_WAIT_MS,
  COLD_WINDOW_MAX,
} from "../../../src/limits.ts";
import { answer, BATCH, ColdWorld, filled, readThrough } from "../../support/cold_world.ts";

test("what is in the page cache is answered at once, and nothing is read", () => {
  const world = filled(40);
  assert.equal(world.fetch(5, 1), null);
  assert.deepEqual(world.door.takeFetches(), [answer(1, 5, 16)]);
  assert.deepEqual(world.allJobs, []);
  assert.equal(world.partition.topic.cacheHitBytes, 16 * BATCH);
  assert.equal(world.coldReads.counters.hitBytes, 16 * BATCH);
  world.close();
});

/** Fetches what is hot; returns how often the page cache was looked at for it. */
function looks(world: ColdWorld): number {
  const calls = world.faulty.count("cachestat");
  assert.equal(world.fetch(0, 1), null);
  assert.deepEqual(world.door.takeFetches(), [answer(1, 0, 16)]);
  return world.faulty.count("cachestat") - calls;
}

test("a hot range is looked at once for all its readers, until something was missing", () => {
  const world = filled(40);
  assert.deepEqual([looks(world), looks(world)], [1, 0]);
  world.evict([".log"], 35 * BATCH, BATCH);
  world.fetch(30, 2);
  assert.equal(looks(world), 1, "who knows what else is");
  world.settle();
  world.door.takeFetches();
  world.nowMs += 1;
  assert.deepEqual([looks(world), looks(world)], [1, 0]);
  world.coldReads.waitToSend(9, 1, world.partition.log.active.file!, 35 * BATCH, BATCH);
  assert.equal(looks(world), 1, "a connection stopped in what was cached before");
  world.settle();
  world.close();
});

test("the same where nobody waits", () => {
  const world = new ColdWorld(4 * MiB, false);
  world.fill(40, BATCH);
  assert.deepEqual([looks(world), looks(world)], [1, 0]);
  world.evict([".log"], 35 * BATCH, BATCH);
  world.fetch(30, 2);
  world.door.takeFetches();
  assert.equal(looks(world), 1);
  world.close();
});

test("when pages behind a reader left the cache, what was seen before is looked at again", () => {
  const world = filled(400);
  const { counters } = world.coldReads;
  world.evict();
  let offset = 0;
  let [dropped, waits] = [0, 0];
  while (dropped === counters.droppedBytes || waits < counters.waits) {
    dropped = counters.droppedBytes;
    waits = counters.waits;
    world.nowMs += 1;
    readThrough(world, offset, offset + 16);
    offset += 16;
  }
  const calls = world.faulty.count("cachestat");
  assert.equal(world.fetch(offset - 32, 1), null, "seen a moment ago, and not dropped");
  assert.equal(world.faulty.count("cachestat"), calls + 1);
  world.close();
});

test("what is not waits, also where the client would not, and comes when it is read", () => {
  const world = filled(40);
  world.evict();
  assert.notEqual(world.fetch(5, 1), null);
  assert.deepEqual(world.door.takeFetches(), []);
  world.turn();
  assert.ok(world.jobs.some(({ kind, position }) => kind === "read" && position === 5 * BATCH));
  world.work();
  world.turn();
  assert.deepEqual(world.door.takeFetches(), [answer(1, 5, 16)]);
  assert.equal(world.partition.topic.cacheMissBytes, 16 * BATCH);
  assert.equal(world.partition.topic.cacheHitBytes, 0);
  assert.equal(world.partition.firstWaiter, null);
  world.close();
});

test("a fetch that asks for more than the window gets a part at once, and whole batches", () => {
  const world = filled(100);
  world.evict();
  world.fetch(0, 1, 64 * MiB);
  world.settle();
  const [first] = world.door.takeFetches();
  assert.ok(first!.size > 0 && first!.size <= COLD_WINDOW_MAX && first!.size % BATCH === 0);
  assert.ok(world.coldReads.counters.readBytes <= COLD_WINDOW_MAX);
  world.close();
});

test("a batch larger than every window is read whole", () => {
  const world = new ColdWorld();
  world.fill(2, 6 * MiB);
  world.evict();
  world.fetch(1, 1, 1);
  world.settle();
  assert.deepEqual(world.door.takeFetches(), [
    { correlation: 1, error: 0, size: 6 * MiB, position: 6 * MiB },
  ]);
  world.close();
});

for (const errno of [ENOSYS, EPERM]) {
  test(`where cachestat answers ${errno}, pages are probed: the same answers`, () => {
    const world = filled(40);
    world.faulty.plan = (call) => call === "cachestat" ? -errno : undefined;
    world.fetch(0, 1);
    assert.deepEqual(world.door.takeFetches(), [answer(1, 0, 16)]);
    assert.equal(world.coldReads.residency.method, "probe");
    world.evict([".log"], 20 * BATCH, 4 * BATCH);
    world.fetch(16, 2);
    assert.deepEqual(world.door.takeFetches(), []);
    world.settle();
    assert.deepEqual(world.door.takeFetches(), [answer(2, 16, 16)]);
    assert.equal(world.faulty.count("cachestat"), 1, "asked once, then never again");
    world.close();
  });
}

test("a disk error is the answer of that fetch; the rest of the partition is served", () => {
  const world = filled(40);
  world.evict();
  world.faulty.plan = (call) => call === "pread" ? -EIO : undefined;
  world.fetch(5, 1);
  world.settle();
  assert.equal(world.door.takeFetches()[0]!.error, ErrorCodes.storage_failed);
  assert.equal(world.coldReads.counters.failedReads > 0, true);
  world.faulty.heal();
  world.fetch(20, 2);
  world.settle();
  assert.deepEqual(world.door.takeFetches(), [answer(2, 20, 16)]);
  world.close();
});

test("what is evicted between its read and its answer is read again, but not for ever", () => {
  const world = filled(40);
  world.evict();
  const waiter = world.fetch(5, 1)!;
  for (let i = 1; i < COLD_TRIES_MAX; i += 1) {
    world.turn();
    world.work();
    world.evict();
    world.turn();
    assert.deepEqual(world.door.takeFetches(), [], `after ${i} evictions it waits`);
    assert.equal(waiter.tries, i + 1);
  }
  world.work();
  world.evict();
  world.turn();
  const [answered] = world.door.takeFetches();
  assert.equal(answered!.error, 0);
  assert.ok(world.coldReads.counters.evictions > 0);
  assert.equal(world.partition.topic.cacheMissBytes, answered!.size, "it was not in the cache");
  assert.equal(world.partition.topic.cacheHitBytes, 0);
  world.close();
});

test("a read that ends early has read what it says, and no more", () => {
  const world = filled(40);
  world.evict();
  const waiter = world.fetch(0, 1)!;
  world.turn();
  const { stream } = waiter;
  const { position, size } = world.jobs.find(({ kind }) => kind === "read")!;
  world.jobs.length = 0;
  assert.deepEqual([position, size], [0, MiB]);
  world.coldReads.done(position, size, BATCH);
  assert.equal(stream!.loaded, BATCH);
  assert.equal(world.coldReads.counters.readBytes, BATCH);
  assert.notEqual(waiter.stream, stream, "who waits is told, and asks for the rest");
  world.settle();
  assert.deepEqual(world.door.takeFetches(), [answer(1, 0, 16)]);
  world.close();
});

test("a cancelled fetch gets no answer, whether its bytes are on the way or there", () => {
  for (const isThere of [false, true]) {
    const world = filled(40);
    world.evict();
    const waiter = world.fetch(5, 1)!;
    world.turn();
    if (isThere) world.work();
    world.broker.cancel(waiter);
    world.settle();
    assert.deepEqual(world.door.takeFetches(), []);
    assert.equal(world.coldReads.postedBytes, 0);
    assert.equal(world.partition.log.active.file!.references, 1, "nobody else holds the file");
    world.close();
  }
});

test("deleting the topic answers who waits, and lets the file go after the last read", () => {
  const world = filled(40);
  const file = world.partition.log.active.file!;
  world.evict();
  world.fetch(5, 1);
  world.turn();
  assert.equal(removeTopic(world.broker, "orders", "", world.door), true);
  assert.deepEqual(world.door.takeFetches().map(({ error }) => error), [
    ErrorCodes.topic_not_found,
  ]);
  assert.equal(file.references, 1, "the worker still reads it");
  world.settle();
  assert.equal(file.references, 0);
  assert.deepEqual(world.door.takeFetches(), []);
});

test("a shard that stops answers who waits for the disk", () => {
  const world = filled(40);
  world.evict();
  world.fetch(5, 1);
  world.turn();
  completeAllFetches(world.broker, world.door);
  assert.deepEqual(world.door.takeFetches().map(({ error }) => error), [ErrorCodes.shutting_down]);
  world.close();
  assert.equal(world.partition.log.active.file!.references, 0, "every reference is given back");
});

test("a disk that takes too long is a retriable error, and the read goes on", () => {
  const world = filled(40);
  world.evict();
  world.fetch(5, 1, MiB, 500);
  world.turn();
  world.nowMs += COLD_WAIT_MS - 1;
  world.turn();
  assert.deepEqual(world.door.takeFetches(), []);
  world.nowMs += 1;
  world.turn();
  assert.deepEqual(world.door.takeFetches().map(({ error }) => error), [ErrorCodes.storage_slow]);
  world.work();
  assert.equal(world.fetch(5, 2), null);
  assert.deepEqual(world.door.takeFetches(), [answer(2, 5, 16)]);
  world.close();
});

test("readers take turns, and all of them together stay below the budget", () => {
  const world = filled(200, 2 * MiB);
  world.evict();
  for (let i = 0; i < 6; i += 1) world.fetch(30 * i, i, 4 * MiB);
  let most = 0;
  while (world.partition.firstWaiter !== null) {
    world.turn();
    most = Math.max(most, world.coldReads.postedBytes);
    world.work(1);
  }
  assert.ok(most > 0 && most <= 2 * MiB, `${most} bytes were posted at once`);
  const answered = world.door.takeFetches().map(({ correlation }) => correlation);
  assert.deepEqual(answered, [0, 1, 2, 3, 4, 5], "in the order in which they asked");
  world.close();
});

test("while there are syncs, one small piece is on its way", () => {
  const world = filled(40);
  world.evict();
  world.fetch(0, 1);
  world.turn(1);
  const reads = () => world.allJobs.filter(({ kind }) => kind === "read");
  assert.deepEqual(reads().map(({ size }) => size), [COLD_PIECE_SYNCING]);
  world.turn(1);
  assert.equal(reads().length, 1);
  world.work();
  world.turn(1);
  assert.deepEqual(reads().map(({ position }) => position), [0, COLD_PIECE_SYNCING]);
  assert.ok(reads().every(({ isBounded }) => isBounded), "and the kernel reads nothing ahead");
  world.work();
  world.nowMs += COLD_SYNCING_MS - 1;
  world.turn();
  assert.equal(reads()[2]!.size, COLD_PIECE_SYNCING, "the next sync is expected");
  world.work();
  world.nowMs += 1;
  world.turn();
  assert.deepEqual(reads()[3], { ...reads()[3], size: COLD_PIECE_SYNCING, isBounded: false });
  assert.equal(reads()[3]!.position, 3 * COLD_PIECE_SYNCING, "the last of the window");
  world.close();
});

test("ahead of a reader that goes on there is always more read, up to its window", () => {
  const world = filled(200);
  world.evict();
  readThrough(world, 0, 96);
  const { waits, readBytes } = world.coldReads.counters;
  assert.ok(readBytes > 96 * BATCH, "more is read than was asked for");
  readThrough(world, 96, 144);
  assert.ok(world.coldReads.counters.waits <= waits + 1, "it hardly waits any more");
  assert.ok(readBytes <= 200 * BATCH);
  world.close();
});

test("behind a catch-up reader whole MiB leave the cache, unless another reader wants them", () => {
  for (const isFollowed of [false, true]) {
    const world = filled(320);
    world.evict();
    if (isFollowed) readThrough(world, 0, 16);
    readThrough(world, isFollowed ? 32 : 0, 256);
    const drops = world.allJobs.filter(({ kind }) => kind === "drop");
    assert.equal(drops.length > 0, !isFollowed);
    for (const { position, size } of drops) {
      assert.ok(position % MiB === 0 && size % MiB === 0);
      assert.ok(position + size <= 256 * BATCH, "only what the reader has had");
    }
    world.close();
  }
});

test("what was in the cache before the reader came stays there", () => {
  const world = filled(320);
  readThrough(world, 0, 300);
  assert.deepEqual(world.allJobs, []);
  world.close();
});

test("what the kernel has not written back yet is not dropped", () => {
  const world = filled(200);
  world.evict();
  world.partition.log.durable.position = 0;
  world.partition.log.durable.offset = 0;
  world.faulty.plan = (call, args) => {
    if (call !== "cachestat") return undefined;
    const result = world.sim.cachestat(...args as Parameters<typeof world.sim.cachestat>);
    (args[3] as { dirty: number }).dirty = 1;
    return result;
  };
  readThrough(world, 0, 160);
  assert.deepEqual(world.allJobs.filter(({ kind }) => kind === "drop"), []);
  world.close();
});

test("a consumer at the tail costs no look at the cache", () => {
  const world = filled(4);
  world.fetch(0, 1);
  world.nowMs += 10;
  const before = world.faulty.calls.length;
  const { log } = world.partition;
  world.fill(1, 1000);
  world.nowMs -= 60000;
  const appended = world.faulty.calls.length;
  assert.ok(appended > before);
  world.fetch(log.visible.offset - 1, 2);
  assert.equal(world.door.takeFetches()[1]!.size, 1000);
  assert.equal(world.faulty.calls.length, appended, "no system call");
  world.close();
});

test("after a start index, header and batches may be cold: the worker reads them", () => {
  const world = filled(100);
  world.reopen();
  world.evict([".log", ".index", ".timeindex"]);
  const before = world.faulty.count("pread");
  world.fetch(37, 1);
  assert.equal(world.faulty.count("pread"), before, "the shard itself reads nothing cold");
  world.settle();
  const [answered] = world.door.takeFetches();
  assert.deepEqual([answered!.error, answered!.position], [0, 37 * BATCH]);
  world.close();
});

test("a batch that is cold is no reason to make the index anew, from the whole segment", () => {
  const world = filled(100);
  assert.equal(world.partition.log.roll(), ErrorCodes.none);
  world.sync();
  const [segment] = world.partition.log.segments;
  segment!.index = null; // as where the segment was closed meanwhile
  segment!.times = null;
  world.evict();
  const { counters } = world.partition.log.store;
  const before = counters.bytesRead;
  for (const offset of [37, 0, 80]) {
    world.fetch(offset, offset);
    world.settle();
  }
  assert.deepEqual(world.door.takeFetches().map(({ error }) => error), [0, 0, 0]);
  assert.equal(segment!.index!.isFromFile, true);
  assert.ok(counters.bytesRead - before < 12 * 61, `${counters.bytesRead - before} bytes read`);
  world.close();
});
