/** The time of the batch that holds an offset, against a walk over all of them. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EIO } from "../../../ffi/constants.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { type BatchTime, NO_TIME, timeOfOffset } from "../../../src/log/offset_time.ts";
import { type DamagedRange, PartitionKind } from "../../../src/log/opened_log.ts";
import { COLD } from "../../../src/log/read.ts";
import { batchOf, concat, HEADER_SIZE, stamped } from "../../support/batches.ts";
import { BATCH, ColdWorld, timedBatches } from "../../support/cold_world.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { LogWorld } from "../../support/log_world.ts";
import { forSeeds } from "../../support/prng.ts";

const START = 1700000000000;

test("every visible offset has the highest time of its batch, and no other has one", () => {
  forSeeds(20, (prng) => {
    const world = new LogWorld();
    const { partition } = world.open({ segmentBytes: 20 * HEADER_SIZE });
    const times: BatchTime[] = [];
    for (let batch = 0; batch < 40; batch += 1) {
      const count = prng.between(1, 5);
      const maxTimestamp = START + prng.below(1_000_000);
      const values = Array.from({ length: count }, () => prng.bytes(prng.below(50)));
      world.append(partition, batchOf(values, { baseTimestamp: maxTimestamp, maxTimestamp }));
      const baseOffset = times.length;
      const of = { timestampMs: maxTimestamp, baseOffset, lastOffset: baseOffset + count - 1 };
      for (let i = 0; i < count; i += 1) times.push(of);
    }
    world.sync(partition);
    assert.ok(partition.segments.length > 2, "over several segments");
    for (const [offset, { timestampMs, baseOffset, lastOffset }] of times.entries()) {
      const expected = { timestampMs, baseOffset, lastOffset };
      assert.deepEqual(timeOfOffset(world.reader, partition, offset), expected, String(offset));
    }
    for (const none of [times.length, times.length + 1000]) {
      const found = timeOfOffset(world.reader, partition, none);
      assert.ok(typeof found !== "number" && found.timestampMs === NO_TIME);
    }
    world.end();
  });
});

test("what cannot be read is an error", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc });
  const { partition } = world.open();
  world.append(partition, batchOf([new Uint8Array(1)], { maxTimestamp: START }));
  world.sync(partition);
  faulty.failNth("pread", faulty.count("pread") + 1, -EIO);
  assert.equal(timeOfOffset(world.reader, partition, 0), ErrorCodes.storage_failed);
  world.end();
});

test("with the guard on nothing cold is read, and the reader says what is missing", () => {
  const world = new ColdWorld();
  world.append(timedBatches([START, START + 1, START + 2]));
  const { reader } = world.log;
  const { log } = world.partition;
  reader.guard(world.coldReads.residency);
  const second = { timestampMs: START + 1, baseOffset: 1, lastOffset: 1 };
  assert.deepEqual(timeOfOffset(reader, log, 1), second);
  world.evict();
  world.loopReads.length = 0;
  assert.equal(timeOfOffset(reader, log, 1), COLD);
  assert.deepEqual(world.loopReads, []);
  const { file, size } = reader.reads.missing;
  assert.ok(file === log.active.file && size > 0 && size < BATCH, "headers, and no records");
  reader.reads.forgetMissing();
  reader.guard(null);
  assert.deepEqual(timeOfOffset(reader, log, 1), second);
  assert.ok(world.loopReads.length > 0, "who may wait reads it");
  world.close();
});

test("in the gap of a compacted log the next batch has the time, or none where nothing is", () => {
  const world = new LogWorld();
  mkdirSync(join(world.root, world.directory));
  const at = (offset: number) => {
    const times = { baseTimestamp: START + offset, maxTimestamp: START + offset };
    return stamped(batchOf([new Uint8Array(1)], times), offset, 1);
  };
  world.write("00000000000000000000.log", concat([at(2), at(5)]));
  world.write("00000000000000000010.log", at(12));
  world.write("00000000000000000020.log", new Uint8Array());
  const how = { kind: PartitionKind.cleaned, recoveryPoint: 20, logStart: 0 };
  const { partition } = world.open({}, how);
  const next = [2, 2, 2, 5, 5, 5, 12, 12, 12, 12, 12, 12, 12];
  const times = [...next.map((offset) => START + offset), ...Array(7).fill(NO_TIME)];
  for (const [offset, timestampMs] of times.entries()) {
    const found = timeOfOffset(world.reader, partition, offset);
    assert.ok(typeof found !== "number");
    assert.equal(found.timestampMs, timestampMs, String(offset));
  }
  world.close(partition);
});

test("an offset in a damaged range has no time, but says why", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  for (let i = 0; i < 3; i += 1) {
    world.append(partition, batchOf([new Uint8Array(1)], { maxTimestamp: START }));
  }
  world.sync(partition);
  (partition as { damage: readonly DamagedRange[] }).damage = [{ from: 1, to: 2 }];
  const at = (offset: number) => timeOfOffset(world.reader, partition, offset);
  assert.equal(at(1), ErrorCodes.partition_degraded);
  for (const offset of [0, 2]) assert.notEqual(at(offset), ErrorCodes.partition_degraded);
  world.end();
});
