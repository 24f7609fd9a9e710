/**
 * Every single damage to the files beside a log: index, time index, producer snapshot, leader
 * epochs, the two checkpoint files and the catalogue. None of them is evidence about the log, so
 * none of it may cost a record: what is damaged is made anew from the log, believed only after a
 * look at it, or refused by name.
 *
 *     .index .timeindex .snapshot     repaired, same answers as a scan
 *     leader-epoch-checkpoint         no checksum (Kafka's format): epochs may differ, never fall
 *     *-offset-checkpoint             says nothing: a longer scan
 *     catalogue                       refused, and the directory stays as it was
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { At, crc32c } from "./attempt_bytes.ts";
import { setTraceSink } from "../../src/base/trace.ts";
import { ErrorCodes } from "../../src/format/errors.ts";
import { CatalogueError } from "../../src/log/catalogue.ts";
import { DirectoryError } from "../../src/log/data_directory.ts";
import { offsetForTime } from "../../src/log/time_lookup.ts";
import {
  BATCHES,
  DamageWorld,
  EPOCHS,
  LOG,
  type Opened,
  PARTITION,
  prepare,
  PRODUCER,
  sameRecords,
  type Shape,
  stage,
  syncAll,
  timestampsOf,
} from "./damage_world.ts";
import { figure } from "../support/figures.ts";

const SHAPES: readonly Shape[] = [
  prepare("a kill, recovery point after the first batch", 1, {}),
  prepare("a kill, recovery point after the second batch", 2, {}),
  prepare("a kill, recovery point at the end", 3, {}),
  prepare("a clean stop", 3, { clean: true }),
  prepare("a kill, a sealed segment", 4, { sealed: true }),
  prepare("a clean stop, a sealed segment", 4, { sealed: true, clean: true }),
];

const tally = { flips: 0, lengths: 0 };

/** Every damage to one file. */
function* damages(shape: Shape, path: string): Generator<[world: DamageWorld, label: string]> {
  const whole = shape.files.get(path)!;
  const made = (bytes: Uint8Array) => new DamageWorld(new Map([...shape.files, [path, bytes]]));
  for (let bit = 0; bit < whole.length * 8; bit += 1) {
    const bytes = whole.slice();
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    tally.flips += 1;
    yield [made(bytes), `${shape.name}: ${path}: bit ${bit & 7} of byte ${bit >> 3}`];
  }
  for (let length = 0; length < whole.length; length += 1) {
    tally.lengths += 1;
    yield [made(whole.slice(0, length)), `${shape.name}: ${path}: cut to ${length}`];
  }
}

function pointOf({ known }: Shape): number {
  return BATCHES[known - 1]?.end ?? -1;
}

function open(world: DamageWorld, shape: Shape): Opened {
  return world.open({ clean: shape.clean, recoveryPoint: pointOf(shape) });
}

/** The log is what it was, all of it is served, and lookups say what a scan says. */
function checkLog(world: DamageWorld, shape: Shape, opened: Opened, label: string): void {
  const { partition } = opened;
  assert.equal(partition.degraded, "", label);
  assert.deepEqual(world.files().get(LOG), shape.files.get(LOG), `${label}: the log`);
  const batches = BATCHES.slice(0, shape.batches);
  assert.equal(partition.written.offset, batches[batches.length - 1]!.end, label);
  for (const { base, end, bytes } of batches) {
    for (let offset = base; offset < end; offset += 1) {
      const read = world.read(opened, offset, 1);
      assert.ok(typeof read !== "number", `${label}: offset ${offset}: ${read}`);
      assert.ok(sameRecords(read, bytes), `${label}: offset ${offset}`);
    }
  }
  const times = batches.flatMap(timestampsOf);
  for (const time of [0, 1000, 1001, 1002, 2001, 3000, 3001, 3002, 3003, 4000, 4001]) {
    const offset = times.findIndex((timestamp) => timestamp >= time);
    const expected = offset < 0 ? null : { offset, timestamp: times[offset] };
    assert.deepEqual(offsetForTime(partition, time), expected, `${label}: time ${time}`);
  }
}

/** A producer's retries get their old offsets, its next batch is accepted. */
function checkProducers({ partition }: Opened, shape: Shape, label: string): void {
  const { producers } = partition;
  for (const { sequence, base, end } of BATCHES.slice(0, shape.batches)) {
    const code = producers.check(PRODUCER, 2, sequence, sequence + end - base - 1);
    assert.equal(code, ErrorCodes.duplicate_sequence, `${label}: sequence ${sequence}`);
    assert.equal(producers.duplicateOffset, base, label);
  }
  const next = BATCHES[shape.batches - 1]!.end;
  assert.equal(producers.check(PRODUCER, 2, next, next), ErrorCodes.none, label);
  const gap = producers.check(PRODUCER, 2, next + 1, next + 1);
  assert.equal(gap, ErrorCodes.out_of_order_sequence, label);
}

for (const suffix of [".index", ".timeindex", ".snapshot"]) {
  test(`${suffix}: repaired, with the same answers as a scan`, () => {
    for (const shape of SHAPES) {
      for (const path of shape.files.keys()) {
        if (!path.endsWith(suffix)) continue;
        for (const [world, label] of damages(shape, path)) {
          const opened = open(world, shape);
          checkProducers(opened, shape, label);
          checkLog(world, shape, opened, label);
          checkGoesOn(world, shape, opened, label);
          world.end();
        }
      }
    }
  });
}

/** It takes another batch, and the next start finds all of it. */
function checkGoesOn(world: DamageWorld, shape: Shape, opened: Opened, label: string): void {
  const { partition } = opened;
  const before = partition.written.offset;
  const { bytes } = BATCHES[shape.batches - 1]!;
  const batch = bytes.slice();
  const view = new DataView(batch.buffer);
  batch.fill(255, At.producerId, At.count); // no producer
  view.setUint32(At.crc, crc32c(batch, At.attributes, batch.length));
  assert.equal(stage(opened, world.libc, batch), before, label);
  assert.equal(partition.flush(), 0, label);
  syncAll(opened, world.libc);
  assert.ok(partition.epochs.latest >= EPOCHS[shape.batches - 1]!, `${label}: epochs never fall`);
  partition.close();
  opened.store.closeAll();
  const { recoveryPoint } = partition;
  assert.equal(recoveryPoint, partition.written.offset, label);
  const again = world.open({ clean: true, recoveryPoint });
  assert.equal(again.partition.written.offset, recoveryPoint, label);
  const read = world.read(again, before, 1);
  assert.ok(typeof read !== "number" && sameRecords(read, batch), label);
  for (const { base, bytes: old } of BATCHES.slice(0, shape.batches)) {
    const found = world.read(again, base, 1);
    assert.ok(typeof found !== "number" && sameRecords(found, old), `${label}: offset ${base}`);
  }
}

test("leader-epoch-checkpoint: the log is as it was, and epochs never fall", () => {
  for (const shape of SHAPES) {
    const path = `${PARTITION}/leader-epoch-checkpoint`;
    for (const [world, label] of damages(shape, path)) {
      const opened = open(world, shape);
      checkProducers(opened, shape, label);
      checkLog(world, shape, opened, label);
      checkGoesOn(world, shape, opened, label);
      world.end();
    }
  }
});

for (const name of ["recovery-point-offset-checkpoint", "log-start-offset-checkpoint"]) {
  test(`${name}: a longer scan, and nothing is lost`, () => {
    setTraceSink(() => {});
    for (const shape of SHAPES) {
      for (const [world, label] of damages(shape, name)) {
        const opened = world.start();
        checkLog(world, shape, opened, label);
        checkProducers(opened, shape, label);
        world.end();
      }
    }
  });
}

test("catalogue: refused by name, and nothing in the directory is changed", () => {
  for (const shape of SHAPES.slice(2, 4)) {
    for (const [world, label] of damages(shape, "catalogue")) {
      const before = world.files();
      assert.throws(() => world.start(), (error: Error) => {
        const isNewer = error instanceof DirectoryError && / catalogue is of /.test(error.message);
        const isDamaged = error instanceof CatalogueError && /^the catalogue /.test(error.message);
        assert.ok(isNewer || isDamaged, `${label}: ${error.name} ${error.message}`);
        return true;
      });
      assert.deepEqual(world.files(), before, label);
      world.end();
    }
  }
});

test("all of that was met", () => {
  figure(`other files: ${tally.flips} single bits, ${tally.lengths} lengths`);
  assert.ok(tally.flips > 14000, JSON.stringify(tally));
  assert.ok(tally.lengths > 1700, JSON.stringify(tally));
});
