/** Housekeeping: checkpoints, rolls, retention, and what main is told of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Caretaker, type CaretakerOptions } from "../../../src/broker/caretaker.ts";
import { confirmLogStart } from "../../../src/broker/log_starts.ts";
import { removeTopic } from "../../../src/broker/remove_topic.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Level } from "../../../src/format/levels.ts";
import type { TopicConfig } from "../../../src/format/topic_config.ts";
import { SWEEP_MS, SWEEP_PARTITIONS_MAX, TOTAL_RETENTION_MIN } from "../../../src/limits.ts";
import type { CheckpointEntry } from "../../../src/log/keeper.ts";
import { batchOf, batchOfSize } from "../../support/batches.ts";
import { BrokerWorld } from "../../support/broker_world.ts";
import { wantLogStart } from "../../../src/log/log_start.ts";

const WALL_MS = 1700000000000;

/** A broker with a caretaker: a checkpoint after 1,000 bytes or a minute. */
class CareWorld extends BrokerWorld {
  readonly caretaker: Caretaker;
  readonly told: CheckpointEntry[] = [];

  constructor(config: Partial<TopicConfig> = {}, options: CaretakerOptions = {}) {
    super(config);
    const { store } = this.log;
    store.wallMs = WALL_MS;
    this.caretaker = new Caretaker(this.broker, store, {
      checkpointBytes: 1000,
      checkpointMs: 60000,
      clockConfirmMs: 5000,
      ...options,
    });
  }

  /** Time passes, and the caretaker takes its step. */
  step(ms: number = 0): readonly CheckpointEntry[] {
    this.nowMs += ms;
    this.log.store.wallMs += ms;
    const entries = this.caretaker.step(this.nowMs, this.log.store.wallMs, this.door);
    this.told.push(...entries);
    return entries;
  }

  /** Past the first checkpoint, which comes early: they are spread over the partitions. */
  warm(): void {
    for (let i = 0; i < 3; i += 1) this.step(1000);
    this.told.length = 0;
  }

  /** A whole turn with the sync that it asks for, and steps until nothing is due any more. */
  settle(): void {
    this.turn();
    for (let i = 0; i < 5; i += 1) {
      this.broker.unsynced.length = 0;
      this.partition.syncQueued = false;
      if (this.partition.log.needsSync) this.sync();
      this.step();
    }
  }
}

test("the first step reports what every partition is, and nothing again without a change", () => {
  const world = new CareWorld();
  const entry = { topic: "orders", topicId: "", partition: 0, recoveryPoint: 0, logStart: 0 };
  assert.deepEqual(world.step(), [entry]);
  assert.equal(world.caretaker.nextDueMs, world.nowMs + SWEEP_MS);
  for (let i = 0; i < 5; i += 1) assert.deepEqual(world.step(SWEEP_MS), []);
  world.close();
});

test("a checkpoint comes after so many bytes, when a sync has covered it", () => {
  const world = new CareWorld();
  world.warm();
  world.produce(batchOfSize(900), 1);
  world.settle();
  assert.deepEqual(world.step(SWEEP_MS), [], "too few");
  world.produce(batchOfSize(200), 2);
  world.turn();
  world.step(SWEEP_MS);
  assert.equal(world.partition.log.checkpoint.isHeld, true);
  assert.equal(world.broker.unsynced.length, 1, "it asks for a sync");
  assert.equal(world.partition.log.recoveryPoint, 0);
  world.sync();
  assert.equal(world.caretaker.nextDueMs, 0, "the sync calls for attention");
  assert.deepEqual(world.step().map(({ recoveryPoint }) => recoveryPoint), [2]);
  assert.deepEqual(world.log.names(".snapshot"), ["00000000000000000002.snapshot"]);
  world.sync();
  world.close();
});

test("a little is checkpointed after its time, also at level os; nothing new never", () => {
  for (const durability of [Level.fsync, Level.os]) {
    const world = new CareWorld({ durability });
    world.warm();
    world.produce(batchOfSize(100), 1);
    world.settle();
    world.step(57000);
    world.settle();
    assert.equal(world.partition.log.recoveryPoint, 0, `level ${durability}`);
    world.step(4000);
    world.settle();
    assert.equal(world.partition.log.recoveryPoint, 1, `level ${durability}`);
    const { checkpoints } = world.log.store.counters;
    for (let i = 0; i < 5; i += 1) world.step(61000);
    assert.equal(world.log.store.counters.checkpoints, checkpoints);
    world.close();
  }
});

test("retention asks for a log start, main makes it durable, and then it goes", () => {
  const world = new CareWorld({ retentionMs: 100000, segmentBytes: 1024 });
  for (let i = 0; i < 4; i += 1) {
    world.produce(
      batchOf([new Uint8Array(700)], { maxTimestamp: WALL_MS, baseTimestamp: WALL_MS }),
      i,
    );
    world.turn();
  }
  world.settle();
  world.step(1000);
  for (let passed = 0; passed < 98000; passed += 1000) world.step(1000);
  world.settle();
  world.told.length = 0;
  assert.equal(world.partition.log.logStartWanted, 0);
  for (let i = 0; i < 6; i += 1) {
    world.step(1000);
    world.settle();
  }
  const { log } = world.partition;
  assert.equal(log.logStartWanted, 4, "the active one was rolled and may go too");
  assert.equal(log.logStart, 0, "not before it is on main's disk");
  assert.equal(world.told[world.told.length - 1]!.logStart, 4);
  confirmLogStart(world.broker, world.partition, 4, world.door);
  assert.deepEqual([log.logStart, log.segments.length], [4, 1]);
  world.close();
});

test("a log start is not told to main before its records are on disk", () => {
  const world = new CareWorld({ durability: Level.os });
  world.warm();
  world.produce(batchOfSize(100), 1);
  world.turn();
  assert.equal(wantLogStart(world.partition.log, 1), ErrorCodes.none);
  world.broker.queueAttention(world.partition);
  assert.deepEqual(world.step(), [], "what consumers see at level os may be lost yet");
  assert.equal(world.broker.unsynced.length, 1);
  world.sync();
  assert.deepEqual(world.step().map(({ logStart }) => logStart), [1]);
  world.close();
});

test("a clock that jumps ahead deletes nothing before it is confirmed", () => {
  const world = new CareWorld({ retentionMs: 100000, segmentBytes: 1024 });
  world.produce(
    batchOf([new Uint8Array(700)], { maxTimestamp: WALL_MS, baseTimestamp: WALL_MS }),
    1,
  );
  world.settle();
  for (let i = 0; i < 8; i += 1) world.step(1000);
  world.log.store.wallMs += 1e8;
  for (let i = 0; i < 4; i += 1) {
    world.step(1000);
    world.settle();
    assert.equal(world.partition.log.segments.length, 1, `${i} seconds after the jump`);
  }
  for (let i = 0; i < 4; i += 1) {
    world.step(1000);
    world.settle();
  }
  assert.equal(world.partition.log.logStartWanted, 1, "it stayed there, so it is believed");
  world.close();
});

test("an old idle segment is rolled; a producer that is silent for a day is forgotten", () => {
  const world = new CareWorld({ segmentMs: 30000 });
  const shape = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
  world.produce(batchOf([new Uint8Array(9)], shape), 1);
  world.settle();
  const { log } = world.partition;
  world.step(29000);
  assert.equal(log.segments.length, 1);
  world.step(1000);
  assert.equal(log.segments.length, 2);
  assert.equal(log.producers.size, 1);
  world.settle();
  for (let i = 0; i < 7; i += 1) world.step(1000);
  world.step(86400000 - 60000);
  for (let i = 0; i < 60; i += 1) world.step(1000);
  world.settle();
  assert.equal(log.producers.size, 0);
  world.close();
});

test("of a broken partition nothing is done, but who waits is told", () => {
  const world = new CareWorld();
  world.step();
  world.produce(batchOfSize(1200), 1);
  world.turn();
  world.step(SWEEP_MS);
  world.beginSync();
  world.endSync(-5);
  const [answer] = world.door.takeAppends();
  assert.deepEqual([answer!.correlation, answer!.error], [1, ErrorCodes.storage_failed]);
  assert.deepEqual(world.step(SWEEP_MS), []);
  assert.equal(world.partition.log.recoveryPoint, 0);
  world.close();
});

test("a removed partition is not looked at", () => {
  const world = new CareWorld();
  world.step();
  world.produce(batchOfSize(1200), 1);
  world.turn();
  removeTopic(world.broker, "orders", "", world.door);
  for (let i = 0; i < 5; i += 1) assert.deepEqual(world.step(61000), []);
  assert.deepEqual(world.log.names(".snapshot"), []);
  world.log.end();
});

test("a bound that is set in the middle of a sweep is summed up by the next one", () => {
  const world = new CareWorld();
  const { topic, log } = world.partition;
  for (let i = 0; i < SWEEP_PARTITIONS_MAX; i += 1) world.broker.topics.addPartition(topic, log);
  const { bound } = world.log.store;
  world.step();
  bound.limitBytes = TOTAL_RETENTION_MIN;
  world.step();
  assert.equal(bound.sums, 0, "half of them are not all");
  assert.equal(bound.holds, true);
  world.step(SWEEP_MS);
  world.step();
  assert.equal(bound.sums, 1);
  assert.equal(bound.holds, false);
  world.close();
});
