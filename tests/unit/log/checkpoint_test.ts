/** Checkpoints of a partition: held at the written end, finished when that is durable. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ENOSPC } from "../../../ffi/constants.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Level } from "../../../src/format/levels.ts";
import { batchOf, batchOfSize } from "../../support/batches.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { LogWorld } from "../../support/log_world.ts";

function numbered(sequence: number): Uint8Array {
  const shape = { producerId: 7, producerEpoch: 0, baseSequence: sequence };
  return batchOf([new Uint8Array(200)], shape);
}

test("a checkpoint is finished when what it holds is durable, and not before", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  assert.equal(partition.beginCheckpoint(), false, "nothing is new");
  world.append(partition, numbered(0), numbered(1));
  assert.equal(partition.beginCheckpoint(), true);
  assert.equal(partition.checkpointReady, false);
  world.append(partition, numbered(2)); // while it is held
  world.sync(partition);
  assert.equal(partition.checkpointReady, true);
  assert.equal(partition.recoveryPoint, 0);
  assert.equal(partition.finishCheckpoint(), 0);
  assert.equal(partition.recoveryPoint, 2, "what was held, not what was written since");
  assert.equal(partition.checkpointReady, false);
  assert.deepEqual(world.names(".snapshot"), ["00000000000000000002.snapshot"]);
  world.sync(partition);
  world.close(partition);
  assert.equal(partition.recoveryPoint, 3);
  assert.deepEqual(world.names(".snapshot").length, 2);
});

test("a snapshot never knows more than the log below it", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  world.append(partition, numbered(0));
  partition.beginCheckpoint();
  world.append(partition, numbered(1));
  world.sync(partition);
  partition.finishCheckpoint();
  world.end(); // a kill, and of the log only the first batch was on disk
  const name = "00000000000000000000.log";
  world.write(name, world.file(name).slice(0, numbered(0).length));
  const again = new LogWorld({ root: world.root });
  const { partition: next } = again.open({}, { recoveryPoint: 1, logStart: 0 });
  assert.equal(next.written.offset, 1);
  assert.equal(next.producers.check(7, 0, 0, 0), ErrorCodes.duplicate_sequence);
  assert.equal(next.producers.check(7, 0, 1, 1), ErrorCodes.none);
  again.close(next);
});

test("at level os a checkpoint has the log synced up to it", () => {
  const world = new LogWorld();
  const { partition } = world.open({ durability: Level.os });
  world.append(partition, batchOfSize(100));
  assert.equal(partition.needsSync, false);
  partition.beginCheckpoint();
  assert.equal(partition.needsSync, true);
  world.sync(partition);
  assert.equal(partition.checkpointReady, true);
  partition.finishCheckpoint();
  assert.equal(partition.recoveryPoint, 1);
  world.sync(partition);
  assert.equal(partition.needsSync, false);
  world.close(partition);
});

test("a snapshot that finds no room moves nothing, and the next checkpoint tries again", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc });
  const { partition } = world.open();
  world.append(partition, numbered(0));
  world.sync(partition);
  const { bytesSince } = partition.checkpoint;
  assert.equal(bytesSince, numbered(0).length);
  partition.beginCheckpoint();
  faulty.plan = (call, args) => {
    return call === "openat" && String(args[1]).endsWith(".snapshot") ? -ENOSPC : undefined;
  };
  assert.equal(partition.finishCheckpoint(), -ENOSPC);
  assert.deepEqual([partition.recoveryPoint, partition.broken], [0, false]);
  assert.equal(partition.checkpoint.bytesSince, bytesSince);
  faulty.heal();
  assert.equal(partition.beginCheckpoint(), true);
  assert.equal(partition.finishCheckpoint(), 0);
  assert.deepEqual([partition.recoveryPoint, partition.checkpoint.bytesSince], [1, 0]);
  world.sync(partition);
  world.close(partition);
});

test("bytes written while a checkpoint is held count for the next one", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  world.append(partition, batchOfSize(300));
  partition.beginCheckpoint();
  world.append(partition, batchOfSize(200));
  world.sync(partition);
  partition.finishCheckpoint();
  assert.equal(partition.checkpoint.bytesSince, 200);
  world.sync(partition);
  world.close(partition);
});

test("a roll holds a checkpoint at its end; a broken or abandoned partition makes none", () => {
  const world = new LogWorld();
  const { partition } = world.open({ segmentBytes: 1024 });
  world.append(partition, batchOfSize(700), batchOfSize(700));
  assert.equal(partition.checkpoint.isHeld, true);
  assert.equal(partition.checkpointReady, false);
  world.sync(partition);
  assert.equal(partition.checkpointReady, true);
  assert.equal(partition.finishCheckpoint(), 0);
  assert.equal(partition.recoveryPoint, 1);
  partition.abandon();
  assert.equal(partition.beginCheckpoint(), false);
  assert.equal(partition.checkpointReady, false);
  world.end();
});
