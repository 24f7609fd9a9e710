/** Fetching over a real log: at once, when enough is visible, at the deadline, or cancelled. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EIO } from "../../../ffi/constants.ts";
import { completeAllFetches, fetch } from "../../../src/broker/fetch.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Level } from "../../../src/format/levels.ts";
import { FETCH_WAIT_MS_MAX } from "../../../src/limits.ts";
import { PartitionKind } from "../../../src/log/opened_log.ts";
import { batchOfSize, randomBatch, stamped } from "../../support/batches.ts";
import { BrokerWorld } from "../../support/broker_world.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { LogWorld } from "../../support/log_world.ts";
import { forSeeds } from "../../support/prng.ts";

/** A log at level os with `count` visible batches of 100 bytes. */
function visibleWorld(count: number): BrokerWorld {
  const world = new BrokerWorld({ durability: Level.os });
  for (let i = 0; i < count; i += 1) world.produce(batchOfSize(100, i), i);
  world.turn();
  return world;
}

test("what is visible is answered at once", () => {
  const world = visibleWorld(5);
  assert.equal(world.fetch(2, 7, { maxWaitMs: 1000 }), null);
  assert.deepEqual(world.door.takeFetches(), [
    { correlation: 7, error: 0, size: 300, position: 200 },
  ]);
  world.fetch(0, 8, { maxBytes: 250 });
  assert.equal(world.door.takeFetches()[0]!.size, 200);
  world.fetch(0, 9, { maxBytes: 1 });
  assert.equal(world.door.takeFetches()[0]!.size, 100, "one whole batch all the same");
  assert.equal(world.broker.counters.fetchedBytes, 600);
  assert.equal(world.broker.counters.fetches, 3);
  assert.equal(world.broker.counters.parkedFetches, 0);
  world.close();
});

test("without a wait the end of the log is an empty answer", () => {
  const world = visibleWorld(1);
  assert.equal(world.fetch(1, 7), null);
  assert.deepEqual(world.door.takeFetches().map(({ error, size }) => [error, size]), [[0, 0]]);
  world.close();
});

test("an offset outside of the log is refused at once, also with a wait", () => {
  const world = visibleWorld(3);
  for (const maxWaitMs of [0, 1000]) {
    assert.equal(world.fetch(4, 7, { maxWaitMs }), null);
    assert.equal(world.door.takeFetches()[0]!.error, ErrorCodes.offset_out_of_range);
  }
  world.partition.log.logStart = 1;
  assert.equal(world.fetch(0, 7, { maxWaitMs: 1000 }), null);
  assert.equal(world.door.takeFetches()[0]!.error, ErrorCodes.offset_out_of_range);
  world.close();
});

test("a fetch waits for minBytes, counted from its batch", () => {
  const world = visibleWorld(1);
  assert.notEqual(world.fetch(0, 7, { minBytes: 250, maxWaitMs: 1000 }), null);
  assert.notEqual(world.fetch(1, 8, { minBytes: 1, maxWaitMs: 1000 }), null);
  world.produce(batchOfSize(100), 100);
  world.turn();
  assert.deepEqual(world.door.takeFetches().map(({ correlation }) => correlation), [8]);
  world.produce(batchOfSize(100), 101);
  world.turn();
  assert.deepEqual(world.door.takeFetches(), [
    { correlation: 7, error: 0, size: 300, position: 0 },
  ]);
  assert.equal(world.partition.firstWaiter, null);
  world.close();
});

test("a fetch waits in a gap at the end of a cleaned log: below the end there is no batch", () => {
  const world = new BrokerWorld();
  const log = new LogWorld({ root: world.log.root, directory: "cleaned-0" });
  mkdirSync(join(log.root, log.directory));
  log.write("00000000000000000000.log", stamped(batchOfSize(100), 0, 1));
  log.write("00000000000000000010.log", new Uint8Array());
  const how = { kind: PartitionKind.cleaned, recoveryPoint: 10, logStart: 0 };
  const { partition } = log.open({}, how);
  assert.deepEqual([partition.degraded, partition.visible.offset], ["", 10]);
  const { broker, nowMs, door } = world;
  const place = broker.topics.addPartition(world.partition.topic, partition);
  const request = { slot: 8, generation: 1, correlation: 7, handle: 0, countFrom: 0 };
  const wanted = { ...request, minBytes: 1, maxBytes: 1000, maxWaitMs: 1000 };
  assert.equal(fetch(broker, place, { ...wanted, offset: 0 }, nowMs, door), null);
  assert.equal(world.door.takeFetches()[0]!.size, 100);
  const waiter = fetch(broker, place, { ...wanted, offset: 5 }, nowMs, door);
  assert.notEqual(waiter, null);
  assert.deepEqual(world.door.takeFetches(), []);
  broker.cancel(waiter!);
  log.close(partition);
  world.close();
});

test("minBytes above maxBytes does not wait for ever", () => {
  const world = visibleWorld(3);
  assert.equal(world.fetch(0, 7, { minBytes: 4294967295, maxBytes: 150, maxWaitMs: 1000 }), null);
  assert.equal(world.door.takeFetches()[0]!.size, 100);
  world.close();
});

test("at maxBytes 0 the end of the log is waited for as well", () => {
  const world = visibleWorld(1);
  assert.notEqual(world.fetch(1, 7, { minBytes: 1, maxBytes: 0, maxWaitMs: 1000 }), null);
  assert.equal(world.broker.counters.parkedFetches, 1);
  world.produce(batchOfSize(100, 2), 2);
  world.turn();
  assert.deepEqual(world.door.takeFetches().map(({ error, size }) => [error, size]), [[0, 100]]);
  world.close();
});

test("level fsync: a parked fetch sees what is written only when it is durable", () => {
  const world = new BrokerWorld();
  world.fetch(0, 7, { maxWaitMs: 1000 });
  world.produce(batchOfSize(100), 1);
  world.turn();
  assert.deepEqual(world.door.takeFetches(), []);
  world.sync();
  assert.deepEqual(world.door.takeFetches(), [], "in the step after the syncs");
  world.turn();
  assert.deepEqual(world.door.takeFetches().map(({ size }) => size), [100]);
  world.close();
});

test("at its deadline a fetch is answered with what there is", () => {
  const world = visibleWorld(1);
  world.fetch(1, 7, { maxWaitMs: 50 });
  world.fetch(0, 8, { minBytes: 500, maxWaitMs: 20 });
  world.fetch(1, 9, { maxWaitMs: 4294967295 });
  assert.equal(world.broker.waiters.deadlines.nextMs, world.nowMs + 20);
  world.nowMs += 19;
  world.turn();
  assert.deepEqual(world.door.takeFetches(), []);
  world.nowMs += 1;
  world.turn();
  assert.deepEqual(world.door.takeFetches(), [
    { correlation: 8, error: 0, size: 100, position: 0 },
  ]);
  world.nowMs += 1000;
  world.turn();
  assert.deepEqual(world.door.takeFetches().map(({ correlation, size }) => [correlation, size]), [
    [7, 0],
  ]);
  assert.equal(world.broker.waiters.deadlines.nextMs, 1000 + FETCH_WAIT_MS_MAX, "bounded");
  world.close();
});

test("a cancelled fetch is not answered", () => {
  const world = visibleWorld(0);
  const waiter = world.fetch(0, 7, { maxWaitMs: 10 });
  world.fetch(0, 8, { maxWaitMs: 10 });
  world.broker.cancel(waiter!);
  world.produce(batchOfSize(100), 1);
  world.nowMs += 100;
  world.turn();
  assert.deepEqual(world.door.takeFetches().map(({ correlation }) => correlation), [8]);
  world.close();
});

test("when the shard stops every parked fetch is answered", () => {
  const world = visibleWorld(1);
  for (let i = 0; i < 5; i += 1) world.fetch(1, i, { maxWaitMs: 1000 * (i + 1) });
  completeAllFetches(world.broker, world.door);
  const answered = world.door.takeFetches().map(({ correlation }) => correlation);
  assert.deepEqual(answered, [0, 1, 2, 3, 4]);
  assert.equal(world.broker.waiters.deadlines.size, 0);
  world.close();
});

test("a log that cannot be read is an error, and nobody waits for it", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new BrokerWorld({ durability: Level.os }, faulty.libc);
  for (let i = 0; i < 10; i += 1) world.produce(batchOfSize(100, i), i);
  world.turn();
  faulty.plan = (call) => call === "pread" ? -EIO : undefined;
  assert.equal(world.fetch(5, 7, { minBytes: 5000, maxWaitMs: 1000 }), null);
  assert.equal(world.door.takeFetches()[0]!.error, ErrorCodes.storage_failed);
  world.close();
});

test("random fetches, appends and clocks: each is answered once, for a reason", () => {
  forSeeds(40, (prng) => {
    const segmentBytes = prng.pick([2000, 100000]);
    const world = new BrokerWorld({ durability: Level.os, segmentBytes });
    const { log } = world.partition;
    const asked = new Map<number, { offset: number; minBytes: number; deadlineMs: number }>();
    const hear = () => {
      for (const { correlation, error, size } of world.door.takeFetches()) {
        const { offset, minBytes, deadlineMs } = asked.get(correlation)!;
        asked.delete(correlation);
        assert.equal(error, 0);
        const bytes = world.log.reader.available(log, offset, minBytes);
        assert.ok(bytes >= minBytes || world.nowMs >= deadlineMs, `fetch ${correlation} is early`);
        assert.equal(size > 0, offset < log.visible.offset);
      }
    };
    for (let step = 1; step <= 100; step += 1) {
      if (prng.chance(50)) world.produce(randomBatch(prng, 2, 300), step);
      if (prng.chance(60)) {
        const shape = { minBytes: prng.below(1500), maxWaitMs: prng.pick([0, 5, 30]) };
        const offset = Math.max(0, log.visible.offset - prng.below(3));
        const deadlineMs = world.nowMs + shape.maxWaitMs;
        asked.set(step, { offset, minBytes: shape.minBytes, deadlineMs });
        world.fetch(offset, step, shape);
        hear();
      }
      world.nowMs += prng.below(4);
      world.turn();
      hear();
      for (const [correlation, { deadlineMs }] of asked) {
        assert.ok(deadlineMs > world.nowMs, `fetch ${correlation} was forgotten`);
      }
    }
    world.close();
  });
});
