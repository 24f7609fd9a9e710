/** How long a group waits: a share of the moving average, bounded, and only at level fsync. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Acks, Level } from "../../../src/format/levels.ts";
import type { TopicPartition } from "../../../src/broker/topics.ts";
import { GROUP_WAIT_MS_MAX } from "../../../src/limits.ts";
import { GroupWait } from "../../../src/server/group_wait.ts";
import { NativeWorld } from "../../support/native_world.ts";
import { SyncWorld } from "../../support/sync_world.ts";

/** A partition whose last sync answered two, and for whose next one `waiting` wait. */
function withPartition(
  run: (partition: TopicPartition) => void,
  waiting: number = 1,
  durability: Level = Level.fsync,
): void {
  const world = new NativeWorld();
  const partition = world.addTopic("t", 1, { durability }).partitions[0]!;
  partition.groupWanted = 2;
  for (let i = 0; i < waiting; i += 1) partition.durableWaiters.push(8, 1, i, 0, 0, i, i + 1, 0);
  run(partition);
  world.end();
}

/** How long it waits, to 10 µs, from the first look on. */
function waited(wait: GroupWait, partition: TopicPartition): number {
  for (let step = 0; step < 1000; step += 1) {
    if (!wait.waits(partition, 5000 + step / 100)) return step / 100;
  }
  return Infinity;
}

test("the wait is a share of the moving average of all syncs", () => {
  withPartition((partition) => {
    const wait = new GroupWait(0.25);
    assert.equal(waited(wait, partition), 0, "nothing is known of the disk yet");
    wait.ended(2);
    assert.equal(waited(wait, partition), 0.5);
    assert.equal(waited(wait, partition), 0.5, "the next group begins anew");
    for (let i = 0; i < 200; i += 1) wait.ended(0.396); // a little below a step of 10 µs
    assert.equal(waited(wait, partition), 0.1);
    wait.ended(1.196);
    assert.equal(waited(wait, partition), 0.13, "one slow sync counts an eighth");
  });
});

test("a slow disk makes nobody wait longer than the limit, a share of 0 nobody at all", () => {
  withPartition((partition) => {
    const wait = new GroupWait(0.5);
    wait.ended(50);
    assert.equal(waited(wait, partition), GROUP_WAIT_MS_MAX);
    const never = new GroupWait(0);
    never.ended(50);
    assert.equal(waited(never, partition), 0);
  });
});

test("with as many waiting as were answered, and at other levels, it begins at once", () => {
  const wait = new GroupWait(0.5);
  wait.ended(1);
  withPartition((partition) => assert.equal(waited(wait, partition), 0), 2);
  withPartition((partition) => assert.equal(waited(wait, partition), 0), 1, Level.interval);
  withPartition((partition) => assert.equal(waited(wait, partition), 0.5));
});

test("nobody waits for clients that have gone", () => {
  const world = new SyncWorld(1, {}, { waitShare: 0.5 });
  const answer = () => {
    world.nowMs += 0.8;
    world.aio.finishAll();
    world.syncer.reap(world.nowMs, world.door);
  };
  for (let i = 0; i < 3; i += 1) world.produce(0, i);
  world.turn();
  answer();
  // From now on somebody produces who does not wait for syncs.
  world.produce(0, 10, 100, Acks.leader);
  world.turn();
  assert.equal(world.syncer.isWaiting, true, "they may come back");
  world.nowMs += 1;
  world.turn();
  assert.equal(world.aio.inFlight.length, 1);
  answer();
  for (let i = 20; i < 23; i += 1) {
    world.produce(0, i, 100, Acks.leader);
    world.turn();
    assert.equal(world.aio.inFlight.length, 1, "they were not back within a sync");
    assert.equal(world.syncer.isWaiting, false);
    answer();
  }
  assert.equal(world.syncer.wait.begun, 1);
  world.end();
});
