/** Producing over a real log: who is answered when, in which order, and with what. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO, ENOSPC } from "../../../ffi/constants.ts";
import { waitsForSync } from "../../../src/broker/produce.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Acks, Level } from "../../../src/format/levels.ts";
import { batchOf, batchOfSize, randomBatch } from "../../support/batches.ts";
import { BrokerWorld } from "../../support/broker_world.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { forSeeds } from "../../support/prng.ts";

function correlations(world: BrokerWorld): number[] {
  return world.door.takeAppends().map(({ correlation }) => correlation);
}

test("level fsync: acks=all is answered after a sync that began after the write", () => {
  const world = new BrokerWorld();
  world.produce(batchOf([new Uint8Array(1), new Uint8Array(2)]), 10);
  world.turn();
  assert.deepEqual(correlations(world), [], "written is not durable");
  world.beginSync();
  world.produce(batchOfSize(100), 11);
  world.turn();
  world.endSync();
  const answer = { correlation: 10, slot: 8, generation: 1, handle: 0, error: 0 };
  assert.deepEqual(world.door.takeAppends(), [{ ...answer, base: 0, level: Level.fsync }]);
  world.sync();
  assert.deepEqual(world.door.takeAppends().map(({ base }) => base), [2]);
  world.close();
});

test("acks=1 is answered after the write, acks=0 never", () => {
  const world = new BrokerWorld();
  world.produce(batchOfSize(100), 1, Acks.none);
  world.produce(batchOfSize(100), 2, Acks.leader);
  world.produce(batchOfSize(100), 3, Acks.all);
  assert.deepEqual(correlations(world), [], "nothing before the turn has written");
  world.turn();
  const [answer] = world.door.takeAppends();
  assert.deepEqual([answer!.correlation, answer!.base, answer!.level], [2, 1, Level.os]);
  world.sync();
  assert.deepEqual(correlations(world), [3]);
  world.produce(batchOfSize(100, 1, { crc: 1 }), 4, Acks.none);
  world.turn();
  assert.deepEqual(correlations(world), [], "not even a refusal");
  assert.equal(world.broker.counters.refusedAppends, 1);
  world.close();
});

for (const level of [Level.os, Level.interval]) {
  test(`level ${level}: every answer comes after the write and names the level`, () => {
    const world = new BrokerWorld({ durability: level });
    world.produce(batchOfSize(100), 1, Acks.all);
    world.produce(batchOfSize(100), 2, Acks.leader);
    world.turn();
    const answers = world.door.takeAppends();
    assert.deepEqual(answers.map((answer) => [answer.correlation, answer.level]), [
      [1, level],
      [2, level],
    ]);
    assert.equal(waitsForSync(world.partition, Acks.all), false);
    assert.equal(world.broker.unsynced.length, level === Level.interval ? 1 : 0);
    world.close();
  });
}

test("a refused batch is answered by name, behind what came before it", () => {
  const world = new BrokerWorld({ maxMessageBytes: 500 });
  const good = batchOfSize(100);
  world.produce(good, 1);
  world.produce(batchOfSize(501), 2);
  world.produce(batchOfSize(100, 1, { crc: 5 }), 3);
  world.produce(batchOfSize(100, 1, { magic: 1 }), 4);
  world.produce(batchOfSize(100, 1, { count: 2 }), 5);
  world.produce(good, 6);
  world.turn();
  assert.deepEqual(correlations(world), [], "refusals too wait for the sync of what is before");
  world.sync();
  assert.deepEqual(
    world.door.takeAppends().map(({ correlation, error }) => [correlation, error]),
    [
      [1, ErrorCodes.none],
      [2, ErrorCodes.batch_too_large],
      [3, ErrorCodes.batch_corrupt],
      [4, ErrorCodes.unsupported_magic],
      [5, ErrorCodes.batch_invalid],
      [6, ErrorCodes.none],
    ],
  );
  world.close();
});

test("only refused batches are answered at the end of the turn", () => {
  const world = new BrokerWorld();
  world.produce(batchOfSize(100, 1, { crc: 5 }), 1);
  world.turn();
  assert.deepEqual(correlations(world), [1]);
  assert.equal(world.partition.log.needsSync, false);
  world.close();
});

test("a full disk refuses what was not written, behind what was", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new BrokerWorld({}, faulty.libc);
  world.produce(batchOfSize(100), 1);
  world.turn();
  faulty.failNth("pwritev", 1, -ENOSPC);
  world.produce(batchOfSize(100), 2);
  world.produce(batchOfSize(100), 3, Acks.leader);
  world.produce(batchOfSize(100), 4);
  world.turn();
  assert.deepEqual(
    world.door.takeAppends().map(({ correlation, error }) => [correlation, error]),
    [[3, ErrorCodes.disk_full]],
    "acks=1 waits for no sync",
  );
  world.log.store.disk.look();
  world.produce(batchOfSize(100), 5);
  world.turn();
  world.sync();
  assert.deepEqual(
    world.door.takeAppends().map(({ correlation, error }) => [correlation, error]),
    [[1, 0], [2, 61], [4, 61], [5, 0]],
  );
  assert.equal(world.partition.log.durable.offset, 2);
  world.close();
});

test("a write that fails because a segment is full refuses what it would have written", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new BrokerWorld({ durability: Level.os, segmentBytes: 1024 }, faulty.libc);
  faulty.failNth("pwritev", 1, -ENOSPC);
  world.produce(batchOfSize(900), 1);
  world.produce(batchOfSize(900), 2); // begins a segment, and so writes what is staged
  world.turn();
  const answers = () => {
    return world.door.takeAppends().map(({ correlation, error }) => [correlation, error]);
  };
  assert.deepEqual(answers(), [[1, ErrorCodes.disk_full], [2, ErrorCodes.disk_full]]);
  world.log.store.disk.look();
  world.produce(batchOfSize(500), 3);
  world.turn();
  assert.deepEqual(answers(), [[3, ErrorCodes.none]]);
  world.close();
});

test("a failed sync answers everybody who waited with storage_failed", () => {
  const world = new BrokerWorld();
  world.produce(batchOfSize(100), 1);
  world.turn();
  world.beginSync();
  world.produce(batchOfSize(100), 2);
  world.turn();
  world.endSync(-EIO);
  const failed = ErrorCodes.storage_failed;
  assert.deepEqual(
    world.door.takeAppends().map(({ correlation, error }) => [correlation, error]),
    [[1, failed], [2, failed]],
  );
  world.produce(batchOfSize(100), 3);
  world.produce(batchOfSize(100), 4, Acks.leader);
  world.turn();
  assert.deepEqual(
    world.door.takeAppends().map(({ error }) => error),
    [failed, failed],
    "nobody waits for a sync that will never be",
  );
  world.close();
});

test("a write that breaks the partition leaves nobody waiting for a sync", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new BrokerWorld({}, faulty.libc);
  world.produce(batchOfSize(100), 1);
  world.turn();
  faulty.failNth("pwritev", 1, -EIO);
  world.produce(batchOfSize(100), 2);
  world.turn();
  const failed = ErrorCodes.storage_failed;
  assert.deepEqual(
    world.door.takeAppends().map(({ correlation, error }) => [correlation, error]),
    [[1, failed], [2, failed]],
    "1 was written, and may be read after a restart, but no sync will say so",
  );
  world.produce(batchOfSize(100), 3);
  world.turn();
  assert.deepEqual(correlations(world), [3]);
  world.close();
});

test("every produce is answered once, in its order, and never before its level", () => {
  forSeeds(60, (prng) => {
    const faulty = new FaultyLibc(libcWithoutSyncs);
    const durability = prng.pick([Level.os, Level.interval, Level.fsync]);
    const config = { durability, segmentBytes: prng.pick([1024, 100000]) };
    const world = new BrokerWorld(config, faulty.libc);
    faulty.plan = (call) => call === "pwritev" && prng.chance(15) ? -ENOSPC : undefined;
    const asked = { durable: [] as number[], written: [] as number[] };
    const heard = { durable: [] as number[], written: [] as number[] };
    const hear = () => {
      for (const { correlation, error, base, level } of world.door.takeAppends()) {
        const { durable, written } = world.partition.log;
        const kind = correlation >= 100000 ? "durable" : "written";
        heard[kind].push(correlation);
        if (error !== 0) continue;
        const reached = level === Level.fsync ? durable.offset : written.offset;
        assert.ok(base < reached, "below what has reached the level");
      }
    };
    for (let step = 1; step <= 80; step += 1) {
      for (let i = prng.below(4); i > 0; i -= 1) {
        const acks = prng.pick([Acks.all, Acks.leader]);
        const kind = acks === Acks.all && durability === Level.fsync ? "durable" : "written";
        const correlation = step * 10 + i + (kind === "durable" ? 100000 : 0);
        asked[kind].push(correlation);
        const wrong = prng.chance(10);
        const batch = wrong ? batchOfSize(99, 1, { crc: 1 }) : randomBatch(prng, 3, 200);
        world.produce(batch, correlation, acks);
      }
      world.turn();
      hear();
      const { log } = world.partition;
      if (log.syncsPending > 0) {
        if (prng.chance(50)) world.endSync();
      } else if (log.needsSync && prng.chance(50)) world.beginSync();
      hear();
    }
    faulty.heal();
    for (let i = 0; i < 4; i += 1) {
      if (world.partition.log.syncsPending > 0) world.endSync();
      else if (world.partition.log.needsSync) world.sync();
    }
    world.turn();
    hear();
    assert.deepEqual(heard, asked);
    world.close();
  });
});

test("a retry is answered like its original: its offset, and not before it is durable", () => {
  const world = new BrokerWorld();
  const batch = batchOf([new Uint8Array(9)], { producerId: 7, producerEpoch: 0, baseSequence: 0 });
  world.produce(batchOfSize(100), 1);
  world.produce(batch, 2);
  world.turn();
  world.produce(batch, 3);
  world.produce(batch, 4, Acks.leader);
  world.turn();
  const early = world.door.takeAppends().map(({ correlation, base }) => [correlation, base]);
  assert.deepEqual(early, [[4, 1]], "acks=1 waits for no sync");
  world.sync();
  const late = world.door.takeAppends().map(({ correlation, base, error }) => {
    return [correlation, base, error];
  });
  assert.deepEqual(late, [[1, 0, 0], [2, 1, 0], [3, 1, 0]]);
  world.produce(batch, 5);
  world.turn();
  assert.deepEqual(correlations(world), [5], "it is durable already");
  assert.equal(world.partition.log.written.offset, 2);
  const { duplicateAppends, appends, refusedAppends } = world.broker.counters;
  assert.deepEqual([duplicateAppends, appends, refusedAppends], [3, 2, 0]);
  world.close();
});
