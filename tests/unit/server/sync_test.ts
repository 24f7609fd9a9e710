/** Group commit: an acknowledgement follows a sync that began after its write, and no other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO, ENOSYS, errnoName } from "../../../ffi/constants.ts";
import { completeAppends, flushAppended, produce } from "../../../src/broker/produce.ts";
import type { TopicPartition } from "../../../src/broker/topics.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Acks, Level } from "../../../src/format/levels.ts";
import type { TopicConfig } from "../../../src/format/topic_config.ts";
import { SYNCS_IN_FLIGHT_MAX } from "../../../src/limits.ts";
import { Syncer } from "../../../src/server/sync.ts";
import { batchOfSize, memoryOf } from "../../support/batches.ts";
import { type AppendAnswer, Recorder } from "../../support/broker_world.ts";
import { FakeAio, libcWithAio } from "../../support/fake_aio.ts";
import { NativeWorld } from "../../support/native_world.ts";
import { forSeeds } from "../../support/prng.ts";

class SyncWorld {
  readonly native: NativeWorld = new NativeWorld();
  readonly aio: FakeAio = new FakeAio(SYNCS_IN_FLIGHT_MAX);
  readonly door: Recorder = new Recorder();
  readonly syncer: Syncer;
  nowMs = 1000;

  constructor(count: number, config: Partial<TopicConfig> = {}, aio: FakeAio | number = -1) {
    this.syncer = new Syncer(libcWithAio(aio === -1 ? this.aio : aio), this.native.broker);
    this.native.addTopic("t", count, config);
  }

  get partitions(): TopicPartition[] {
    return this.native.broker.topics.partitions;
  }

  produce(index: number, correlation: number, size: number = 100): void {
    const memory = memoryOf(batchOfSize(size));
    const { broker } = this.native;
    produce(broker, this.partitions[index]!, memory, 0, size, Acks.all, 8, 1, correlation, 0);
  }

  /** Writes what was produced and begins the syncs that are due, as a turn does. */
  turn(all: boolean = false): void {
    flushAppended(this.native.broker, this.nowMs);
    this.syncer.request(this.nowMs, all, this.door);
    completeAppends(this.native.broker, this.door);
  }

  answers(): AppendAnswer[] {
    return this.door.takeAppends();
  }

  correlations(): number[] {
    return this.answers().map(({ correlation }) => correlation);
  }

  end(): void {
    this.syncer.close();
    this.native.end();
  }
}

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
  world.syncer.reap(world.door);
  assert.deepEqual(world.correlations(), [1]);
  assert.equal(world.aio.inFlight.length, 0, "the next one begins in its step of the turn");
  world.turn();
  assert.equal(world.aio.inFlight.length, 1);
  world.aio.finishAll();
  world.syncer.reap(world.door);
  assert.deepEqual(world.correlations(), [2]);
  world.turn();
  assert.equal(world.aio.inFlight.length, 0, "nothing is left to sync");
  assert.deepEqual(world.syncer.counters, { groups: 2, submits: 2 });
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
    world.syncer.reap(world.door);
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
    world.syncer.reap(world.door);
    assert.deepEqual(world.correlations(), []);
  }
  world.aio.finish(0);
  world.syncer.reap(world.door);
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
    world.syncer.reap(world.door);
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
    world.syncer.reap(world.door);
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
  world.syncer.reap(world.door);
  assert.equal(world.syncer.failure, `sync of t-0: ${errnoName(EIO)}`);
  assert.deepEqual(
    world.answers().map(({ correlation, error }) => [correlation, error]),
    [[0, ErrorCodes.storage_failed], [10, ErrorCodes.storage_failed]],
  );
  world.aio.finish(0);
  world.syncer.reap(world.door);
  assert.deepEqual(world.correlations(), [1], "the other partition goes on");
  world.turn(true);
  assert.equal(world.aio.inFlight.length, 0);
  world.end();
});

test("where AIO is refused, as a whole or in part, the sync is called in the loop", () => {
  const without = new SyncWorld(2, {}, -ENOSYS);
  for (let i = 0; i < 2; i += 1) without.produce(i, i);
  without.turn();
  assert.deepEqual(without.correlations(), [0, 1]);
  assert.equal(without.syncer.inFlight, 0);
  without.syncer.reap(without.door);
  without.end();
  for (const takes of [-11, 0, 1]) {
    const world = new SyncWorld(3);
    world.aio.takes = takes;
    for (let i = 0; i < 3; i += 1) world.produce(i, i);
    world.turn();
    const taken = Math.max(0, takes);
    assert.deepEqual(world.correlations(), [0, 1, 2].slice(taken), `takes ${takes}`);
    assert.equal(world.syncer.inFlight, taken);
    world.aio.finishAll();
    world.syncer.reap(world.door);
    assert.deepEqual(world.correlations(), [0, 1, 2].slice(0, taken));
    world.end();
  }
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
  world.syncer.reap(world.door);
  assert.equal(world.partitions[0]!.log.durable.offset, 2);
  world.turn();
  assert.equal(world.syncer.nextDueMs(), Infinity);
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
  world.syncer.reap(world.door);
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
        world.syncer.reap(world.door);
        hear();
      }
    }
    for (let round = 0; round < 3; round += 1) {
      world.aio.finishAll();
      covered.fill(Infinity);
      world.syncer.reap(world.door);
      hear();
      world.turn();
    }
    assert.deepEqual(heard.sort((a, b) => a - b), asked.sort((a, b) => a - b));
    world.end();
    assert.equal(world.aio.closed, 1);
  });
});
