/** Group commit: an acknowledgement follows a sync that began after its write, and no other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, EINVAL, EIO, ENOSYS, errnoName } from "../../../ffi/constants.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Level } from "../../../src/format/levels.ts";
import { SYNCS_IN_FLIGHT_MAX } from "../../../src/limits.ts";
import type { Submitted } from "../../support/fake_aio.ts";
import { forSeeds } from "../../support/prng.ts";
import { SyncWorld } from "../../support/sync_world.ts";

test("bytes written while a sync runs belong to the next one", () => {
  const world = new SyncWorld(1);
  world.produce(0, 1);
  world.turn();
  assert.equal(world.aio.inFlight.length, 1);
  assert.equal(world.syncer.inFlight, 1);
  world.produce(0, 2);
  world.turn();
  assert.equal(world.aio.inFlight.length, 1, "one sync in flight per partition");
  assert.deepEqual(world.correlations(), []);
  world.aio.finish(0);
  world.syncer.reap(world.nowMs, world.door);
  assert.deepEqual(world.correlations(), [1]);
  assert.equal(world.aio.inFlight.length, 0, "the next one begins in its step of the turn");
  world.turn();
  assert.equal(world.aio.inFlight.length, 1);
  world.aio.finishAll();
  world.syncer.reap(world.nowMs, world.door);
  assert.deepEqual(world.correlations(), [2]);
  world.turn();
  assert.equal(world.aio.inFlight.length, 0, "nothing is left to sync");
  const { groups, records, submits, byAio, latencyUs, groupRecords } = world.syncer.counters;
  assert.deepEqual([groups, records, submits, byAio], [2, 2, 2, 2]);
  assert.deepEqual([latencyUs.count, groupRecords.count, groupRecords.max], [2, 2, 1]);
  world.end();
});

test("all dirty partitions are one submission, and end in any order", () => {
  const world = new SyncWorld(4);
  for (let i = 0; i < 4; i += 1) world.produce(i, i);
  world.turn();
  assert.equal(world.syncer.counters.submits, 1);
  assert.deepEqual(world.aio.inFlight.map(({ tag }) => tag), [0, 1, 2, 3]);
  for (const [index, correlation] of [[2, 2], [2, 3], [0, 0], [0, 1]] as const) {
    world.aio.finish(index);
    world.syncer.reap(world.nowMs, world.door);
    assert.deepEqual(world.correlations(), [correlation]);
  }
  world.end();
});

test("a rolled partition is durable when its last file has reported", () => {
  const world = new SyncWorld(1, { segmentBytes: 1024 });
  for (let i = 0; i < 3; i += 1) world.produce(0, i, 1000);
  world.turn();
  assert.equal(world.aio.inFlight.length, 8, "two sealed, their indexes, directory, active");
  for (let i = 7; i > 0; i -= 1) {
    world.aio.finish(i);
    world.syncer.reap(world.nowMs, world.door);
    assert.deepEqual(world.correlations(), []);
  }
  world.aio.finish(0);
  world.syncer.reap(world.nowMs, world.door);
  assert.deepEqual(world.correlations(), [0, 1, 2]);
  world.end();
});

test("more sealed segments than a submission holds are synced in several", () => {
  const world = new SyncWorld(3, { segmentBytes: 1024 });
  const count = SYNCS_IN_FLIGHT_MAX + 10;
  for (let i = 0; i < 3 * count; i += 1) world.produce(i % 3, i, 1000);
  world.turn();
  const heard: number[] = [];
  for (let round = 0; heard.length < 3 * count; round += 1) {
    assert.ok(round < 50, "it gets on");
    world.aio.finishAll();
    world.syncer.reap(world.nowMs, world.door);
    heard.push(...world.correlations());
    world.turn();
  }
  assert.equal(new Set(heard).size, 3 * count);
  world.end();
});

test("with too many syncs in flight a partition waits its turn, and gets it", () => {
  const count = SYNCS_IN_FLIGHT_MAX / 2 + 30;
  const world = new SyncWorld(count, { durability: Level.fsync });
  for (let i = 0; i < count; i += 1) world.produce(i, i);
  world.turn();
  assert.ok(world.aio.inFlight.length < count);
  const heard: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    world.aio.finishAll();
    world.syncer.reap(world.nowMs, world.door);
    heard.push(...world.correlations());
    world.turn();
  }
  assert.equal(new Set(heard).size, count);
  world.end();
});

test("a failed sync is final: it is told, nothing is acknowledged, nothing is synced again", () => {
  const world = new SyncWorld(2);
  for (let i = 0; i < 2; i += 1) world.produce(i, i);
  world.turn();
  world.produce(0, 10);
  world.turn();
  world.aio.finish(0, -EIO);
  world.syncer.reap(world.nowMs, world.door);
  assert.equal(world.syncer.failure, `sync of t-0: ${errnoName(EIO)}`);
  assert.deepEqual(
    world.answers().map(({ correlation, error }) => [correlation, error]),
    [[0, ErrorCodes.storage_failed], [10, ErrorCodes.storage_failed]],
  );
  world.aio.finish(0);
  world.syncer.reap(world.nowMs, world.door);
  assert.deepEqual(world.correlations(), [1], "the other partition goes on");
  world.turn(true);
  assert.equal(world.aio.inFlight.length, 0);
  world.end();
});

test("a deleted partition closes its files behind the sync in flight, not under it", () => {
  const world = new SyncWorld(1);
  const { closed } = world.native.log;
  world.produce(0, 1);
  world.turn();
  const [{ fd }] = world.aio.inFlight as [Submitted];
  world.delete(0);
  assert.deepEqual(closed, []);
  world.aio.finish(0);
  world.syncer.reap(world.nowMs, world.door);
  assert.deepEqual(closed, [fd]);
  assert.equal(world.native.log.store.unsyncedBytes, 0);
  world.end();
});

test("where AIO is refused and no worker is there, the sync is called in the loop", () => {
  const world = new SyncWorld(2, {}, { aio: -ENOSYS });
  for (let i = 0; i < 2; i += 1) world.produce(i, i);
  world.turn();
  assert.deepEqual(world.correlations(), [0, 1]);
  assert.equal(world.syncer.inFlight, 0);
  assert.equal(world.syncer.counters.inLoop, 2);
  world.syncer.reap(world.nowMs, world.door);
  world.end();
});

test("a submission refused as a whole is synced in the loop: nothing would wake it again", () => {
  for (const takes of [-EAGAIN, 0]) {
    const world = new SyncWorld(3);
    world.aio.takes = takes;
    for (let i = 0; i < 3; i += 1) world.produce(i, i);
    world.turn();
    assert.deepEqual(world.correlations(), [0, 1, 2], `takes ${takes}`);
    assert.equal(world.syncer.inFlight, 0);
    world.end();
  }
});

test("what a submission leaves goes behind it, in order and once", () => {
  const world = new SyncWorld(4);
  world.aio.takes = 1;
  for (let i = 0; i < 4; i += 1) world.produce(i, i);
  world.turn();
  assert.deepEqual(world.correlations(), []);
  assert.equal(world.syncer.inFlight, 4);
  const rounds: number[][] = [];
  while (world.aio.inFlight.length > 0) {
    rounds.push(world.aio.inFlight.map(({ tag }) => tag));
    if (rounds.length === 2) world.aio.takes = 2;
    world.aio.finishAll();
    world.syncer.reap(world.nowMs, world.door);
    world.turn();
  }
  assert.deepEqual(rounds, [[0], [1], [2, 3]]);
  assert.deepEqual(world.correlations(), [0, 1, 2, 3]);
  assert.equal(world.syncer.counters.inLoop, 0);
  world.end();
});

test("results that an interrupted call did not give are asked for again", () => {
  const world = new SyncWorld(1);
  world.produce(0, 1);
  world.turn();
  world.aio.finish(0);
  world.aio.interruptions = 2;
  world.syncer.reap(world.nowMs, world.door);
  assert.deepEqual(world.correlations(), [1]);
  world.aio.reapFails = -EINVAL;
  assert.throws(() => world.syncer.reap(world.nowMs, world.door), /results of our own syncs/);
  world.aio.reapFails = 0;
  world.end();
});

test("level interval: a sync is due flush.ms after the write that it covers first", () => {
  const world = new SyncWorld(2, { durability: Level.interval, flushMs: 50 });
  assert.equal(world.syncer.nextDueMs(), Infinity);
  world.produce(0, 1);
  world.turn();
  assert.deepEqual(world.correlations(), [1]);
  world.nowMs += 20;
  world.produce(0, 2);
  world.produce(1, 3);
  world.turn();
  assert.equal(world.syncer.nextDueMs(), 1050);
  world.nowMs = 1049;
  world.turn();
  assert.equal(world.aio.inFlight.length, 0);
  world.nowMs = 1050;
  world.turn();
  assert.deepEqual(world.aio.inFlight.map(({ tag }) => tag), [0]);
  assert.equal(world.syncer.nextDueMs(), 1070);
  world.turn(true);
  assert.equal(world.aio.inFlight.length, 2, "asked for all, it does not wait");
  world.aio.finishAll();
  world.syncer.reap(world.nowMs, world.door);
  assert.equal(world.partitions[0]!.log.durable.offset, 2);
  world.turn();
  assert.equal(world.syncer.nextDueMs(), Infinity);
  world.end();
});

test("level interval in a hurry: a sync is due at once", () => {
  const world = new SyncWorld(1, { durability: Level.interval, flushMs: 3600000 });
  world.produce(0, 1);
  world.turn();
  assert.equal(world.aio.inFlight.length, 0);
  world.syncer.hurries = true;
  world.turn();
  assert.equal(world.aio.inFlight.length, 1);
  world.aio.finishAll();
  world.syncer.reap(world.nowMs, world.door);
  world.end();
});

test("nobody waits by the clock while the ends of other syncs will wake the loop", () => {
  const count = SYNCS_IN_FLIGHT_MAX / 2 + 30;
  const world = new SyncWorld(count, { durability: Level.interval, flushMs: 0 });
  for (let i = 0; i < count; i += 1) world.produce(i, i);
  world.turn();
  assert.ok(world.native.broker.unsynced.length > 0);
  assert.equal(world.syncer.nextDueMs(), Infinity);
  world.aio.finishAll();
  world.syncer.reap(world.nowMs, world.door);
  assert.equal(world.syncer.nextDueMs(), 1000);
  world.turn();
  world.aio.finishAll();
  world.syncer.reap(world.nowMs, world.door);
  world.end();
});

test("a group waits for the clients just acknowledged, a share of the average sync long", () => {
  const world = new SyncWorld(1, {}, { waitShare: 0.5 });
  const answer = (ms: number) => {
    world.nowMs += ms;
    world.aio.finishAll();
    world.syncer.reap(world.nowMs, world.door);
    world.door.takeAppends();
  };
  for (let i = 0; i < 3; i += 1) world.produce(0, i);
  world.turn();
  assert.equal(world.aio.inFlight.length, 1, "nobody was acknowledged yet");
  answer(0.8);
  world.produce(0, 10);
  world.turn();
  assert.equal(world.aio.inFlight.length, 0);
  assert.equal(world.syncer.isWaiting, true);
  world.produce(0, 11);
  world.produce(0, 12);
  world.turn();
  assert.equal(world.aio.inFlight.length, 1, "all three are back");
  assert.equal(world.syncer.isWaiting, false);
  answer(0.8);
  world.produce(0, 20);
  world.turn();
  world.nowMs += 0.39;
  world.turn();
  assert.equal(world.aio.inFlight.length, 0);
  world.nowMs += 0.02;
  world.turn();
  assert.equal(world.aio.inFlight.length, 1, "the time is over");
  answer(0.8);
  world.produce(0, 30);
  world.turn();
  assert.equal(world.aio.inFlight.length, 1, "one client alone does not wait");
  assert.equal(world.syncer.wait.begun, 2);
  answer(0.8);
  for (let i = 40; i < 42; i += 1) world.produce(0, i);
  world.turn();
  answer(0.8);
  world.produce(0, 50);
  world.turn(true);
  assert.equal(world.aio.inFlight.length, 1, "nor does a stop");
  answer(0.8);
  world.end();
});

test("who came late for a group is in the next one, and those of the group beside it", () => {
  const world = new SyncWorld(1, {}, { waitShare: 0.5 });
  for (let i = 0; i < 3; i += 1) world.produce(0, i);
  world.turn();
  world.produce(0, 3);
  world.turn();
  for (let round = 1; round <= 3; round += 1) {
    world.nowMs += 0.8;
    world.aio.finishAll();
    world.syncer.reap(world.nowMs, world.door);
    const answered = world.correlations().length;
    world.turn();
    for (let i = 0; i < answered; i += 1) {
      assert.equal(world.aio.inFlight.length, 0, "not before the last of the four is back");
      world.produce(0, 10 * round + i);
      world.turn();
    }
    assert.equal(world.aio.inFlight.length, 1, "all four are back");
  }
  assert.equal(world.syncer.wait.inVain, 0);
  assert.equal(world.syncer.counters.groupRequests.max, 4);
  world.aio.finishAll();
  world.syncer.reap(world.nowMs, world.door);
  world.end();
});

test("level os: nothing is synced unless all is asked for", () => {
  const world = new SyncWorld(1, { durability: Level.os });
  const [partition] = world.partitions;
  world.produce(0, 1);
  world.turn();
  assert.equal(world.native.broker.unsynced.length, 0);
  world.native.broker.queueUnsynced(partition!, 0);
  world.turn(true);
  world.aio.finishAll();
  world.syncer.reap(world.nowMs, world.door);
  assert.equal(partition!.log.isSynced, true);
  world.end();
});

test("random turns: no acknowledgement without a sync that began after its write", () => {
  forSeeds(30, (prng) => {
    const world = new SyncWorld(3, { segmentBytes: prng.pick([1024, 1000000]) });
    /** Per partition: where the log ended when the sync in flight began, and the best one ended. */
    const began = [0, 0, 0];
    const covered = [0, 0, 0];
    const asked: number[] = [];
    const heard: number[] = [];
    const hear = () => {
      for (const { correlation, base } of world.answers()) {
        heard.push(correlation);
        assert.ok(base < covered[correlation % 3]!, "its sync began after its write");
      }
    };
    const flying = (tag: number) => world.aio.inFlight.some((request) => request.tag === tag);
    for (let step = 0; step < 120; step += 1) {
      for (let i = prng.below(4); i > 0; i -= 1) {
        const correlation = asked.length * 3 + prng.below(3);
        asked.push(correlation);
        world.produce(correlation % 3, correlation, prng.pick([80, 100, 300, 900]));
      }
      const before = [0, 1, 2].map(flying);
      world.turn();
      for (const tag of [0, 1, 2]) {
        if (flying(tag) && !before[tag]) began[tag] = world.partitions[tag]!.log.written.offset;
      }
      hear();
      while (world.aio.inFlight.length > 0 && prng.chance(50)) {
        const { tag } = world.aio.finish(prng.below(world.aio.inFlight.length));
        if (!flying(tag)) covered[tag] = began[tag]!;
        world.syncer.reap(world.nowMs, world.door);
        hear();
      }
    }
    for (let round = 0; round < 3; round += 1) {
      world.aio.finishAll();
      covered.fill(Infinity);
      world.syncer.reap(world.nowMs, world.door);
      hear();
      world.turn();
    }
    assert.deepEqual(heard.sort((a, b) => a - b), asked.sort((a, b) => a - b));
    world.end();
    assert.equal(world.aio.closed, 1);
  });
});
