/** New settings of a topic, while batches of the old ones are staged, written and synced. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { alterTopic } from "../../../src/broker/alter_topic.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Acks, Level } from "../../../src/format/levels.ts";
import { parseTopicConfig } from "../../../src/format/topic_config.ts";
import { batchOfSize } from "../../support/batches.ts";
import { BrokerWorld } from "../../support/broker_world.ts";
import { forSeeds } from "../../support/prng.ts";

const LEVELS = ["os", "interval", "fsync"] as const;

function alter(world: BrokerWorld, settings: Readonly<Record<string, string>>): void {
  const entries = Object.entries(settings).map(([key, value]) => ({ key, value }));
  const config = parseTopicConfig(entries);
  assert.ok(typeof config !== "string");
  alterTopic(world.broker, world.partition.topic, entries, config, world.nowMs);
}

function answered(world: BrokerWorld): [correlation: number, level: number][] {
  return world.door.takeAppends().map(({ correlation, level }) => [correlation, level]);
}

test("settings reach the logs, and a setting that is gone follows the default again", () => {
  const world = new BrokerWorld({ maxMessageBytes: 500 });
  world.produce(batchOfSize(600), 1);
  alter(world, { "max.message.bytes": "700" });
  world.produce(batchOfSize(600), 2);
  world.turn();
  world.sync();
  const results = world.door.takeAppends().map(({ error }) => error);
  assert.deepEqual(results, [ErrorCodes.batch_too_large, ErrorCodes.none]);
  assert.equal(world.partition.log.config.maxMessageBytes, 700);
  alter(world, {});
  assert.equal(world.partition.log.config.maxMessageBytes, 1048588);
  assert.deepEqual(world.partition.topic.settings, []);
  world.close();
});

test("a smaller segment is begun with the next batch, and jitter is drawn anew", () => {
  const world = new BrokerWorld();
  world.produce(batchOfSize(1500), 1);
  world.turn();
  const { log } = world.partition;
  log.active.jitterMs = 77;
  alter(world, { "segment.bytes": "2000", "segment.jitter.ms": "10" });
  assert.equal(log.active.jitterMs, -1);
  world.produce(batchOfSize(1500), 2);
  world.turn();
  assert.deepEqual(log.segments.map(({ baseOffset }) => baseOffset), [0, 1]);
  world.close();
});

for (const weaker of ["interval", "os"] as const) {
  test(`fsync -> ${weaker}: who waits for a sync gets it; the rest is visible at once`, () => {
    const world = new BrokerWorld();
    world.produce(batchOfSize(100), 1);
    world.turn();
    world.produce(batchOfSize(100), 2); // staged
    alter(world, { durability: weaker, "flush.ms": "3600000" });
    assert.equal(world.partition.log.visible.offset, 1, "what is written is visible");
    world.produce(batchOfSize(100), 3);
    world.turn();
    assert.deepEqual(answered(world), [[3, weaker === "os" ? Level.os : Level.interval]]);
    assert.equal(world.partition.log.needsSync, true);
    assert.ok(world.broker.unsynced.includes(world.partition));
    assert.equal(world.partition.syncDueMs, world.nowMs, "not in an hour");
    world.sync();
    assert.deepEqual(answered(world), [[1, Level.fsync], [2, Level.fsync]]);
    world.close();
  });
}

test("a sync in flight while the level falls covers what it covered", () => {
  const world = new BrokerWorld();
  world.produce(batchOfSize(100), 1);
  world.turn();
  world.beginSync();
  world.produce(batchOfSize(100), 2);
  world.turn();
  alter(world, { durability: "os" });
  world.endSync();
  assert.deepEqual(answered(world), [[1, Level.fsync]]);
  assert.equal(world.partition.log.needsSync, true, "the second one waits for its sync");
  world.sync();
  assert.deepEqual(answered(world), [[2, Level.fsync]]);
  world.produce(batchOfSize(100), 3);
  world.turn();
  assert.equal(world.partition.log.needsSync, false, "level os from here on");
  world.close();
});

test("os -> fsync: what was shown stays and is synced, nothing above it comes too early", () => {
  const world = new BrokerWorld({ durability: Level.os });
  for (const correlation of [1, 2]) world.produce(batchOfSize(100), correlation, Acks.leader);
  world.turn();
  const { log } = world.partition;
  assert.deepEqual([log.visible.offset, log.durable.offset], [2, 0]);
  alter(world, { durability: "fsync" });
  world.beginSync();
  world.produce(batchOfSize(100), 3);
  world.turn();
  assert.equal(log.visible.offset, 2, "neither hidden nor more shown");
  world.endSync();
  assert.deepEqual([log.visible.offset, log.durable.offset], [2, 2]);
  assert.deepEqual(answered(world), [[1, Level.os], [2, Level.os]]);
  world.sync();
  assert.deepEqual(answered(world), [[3, Level.fsync]]);
  assert.equal(log.visible.offset, 3);
  world.close();
});

test("a fetch that waits is answered when a weaker level shows what it waits for", () => {
  const world = new BrokerWorld();
  world.produce(batchOfSize(100), 1);
  world.turn();
  world.fetch(0, 9, { maxWaitMs: 1000 });
  assert.deepEqual(world.door.takeFetches(), []);
  alter(world, { durability: "interval" });
  world.turn();
  assert.deepEqual(world.door.takeFetches().map(({ correlation }) => correlation), [9]);
  world.close();
});

test("levels at random: every answer is true, and everybody is answered", () => {
  forSeeds(60, (prng) => {
    const world = new BrokerWorld();
    const { log } = world.partition;
    let syncing = false;
    let asked = 0;
    let heard = 0;
    const hear = () => {
      for (const { error, level, base } of world.door.takeAppends()) {
        assert.equal(error, ErrorCodes.none);
        const end = level === Level.fsync ? log.durable.offset : log.written.offset;
        assert.ok(base < end, "answered before its level was reached");
        heard += 1;
      }
    };
    for (let step = 0; step < 80; step += 1) {
      if (prng.chance(60)) world.produce(batchOfSize(100), ++asked);
      if (prng.chance(30)) alter(world, { durability: prng.pick(LEVELS) });
      world.turn();
      const shown = log.visible.offset;
      hear();
      if (syncing) world.endSync();
      syncing = !syncing && log.needsSync && prng.chance(60);
      if (syncing) world.beginSync();
      hear();
      assert.ok(log.visible.offset >= shown, "what was shown stays");
    }
    if (syncing) world.endSync();
    if (log.needsSync) world.sync();
    hear();
    assert.equal(heard, asked);
    world.close();
  });
});
