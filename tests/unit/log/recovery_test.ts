/** Recovery: whatever lies at the end of a log, what is whole is kept, nothing is resurrected. */
import assert from "node:assert/strict";
import { unlinkSync } from "node:fs";
import { test } from "node:test";
import { EIO, EMFILE } from "../../../ffi/constants.ts";
import type { TopicConfig } from "../../../src/format/topic_config.ts";
import {
  batchOf,
  batchOfSize,
  concat,
  encodeBatch,
  randomBatch,
  sameBytes,
  stamped,
  walkBatches,
} from "../../support/batches.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { endOf, LogWorld } from "../../support/log_world.ts";
import { Prng } from "../../support/prng.ts";

const FIRST = "00000000000000000000.log";

/** Writes batches of these record counts as one segment file. Returns them as stored. */
function plant(
  world: LogWorld,
  counts: readonly number[],
  epochs: readonly number[] = [],
): { batches: Uint8Array[] } {
  const batches: Uint8Array[] = [];
  let offset = 0;
  counts.forEach((count, index) => {
    const values = Array.from({ length: count }, (_, i) => new Uint8Array(5 + index + i));
    batches.push(stamped(batchOf(values), offset, epochs[index] ?? 1));
    offset += count;
  });
  openOnce(world);
  world.write(FIRST, concat(batches));
  return { batches };
}

/** Makes the partition's directory. */
function openOnce(world: LogWorld): void {
  const { partition } = world.open();
  world.close(partition);
}

/**
 * Recovers `bytes` as the only segment: what is kept is `kept`, a second recovery changes
 * nothing, and the log goes on behind it.
 */
function recovers(root: string, bytes: Uint8Array, kept: Uint8Array, label: string): void {
  const first = new LogWorld({ root });
  for (const name of first.names(".log")) if (name !== FIRST) unlinkSync(first.path(name));
  first.write(FIRST, bytes);
  const { partition, report } = first.open({}, { epoch: 9 });
  const end = kept.length === 0 ? 0 : endOf(kept);
  sameBytes(first.file(FIRST), kept, `${label}: what is kept`);
  assert.equal(partition.written.offset, end, `${label}: the end`);
  assert.equal(partition.visible.offset, end, `${label}: what is kept is visible`);
  assert.equal(partition.durable.offset, end, `${label}: what is kept is durable`);
  assert.equal(report.bytesDropped, bytes.length - kept.length, `${label}: what is told`);
  assert.equal(report.stoppedAt !== "", bytes.length > kept.length, `${label}: why`);
  first.end();
  partition.active.file!.release();
  const second = new LogWorld({ root });
  const again = second.open({}, { epoch: 10 });
  sameBytes(second.file(FIRST), kept, `${label}: a second recovery changes nothing`);
  assert.equal(again.report.bytesDropped, 0, `${label}: nothing is left to drop`);
  const next = batchOf([new Uint8Array(4)]);
  second.append(again.partition, next);
  second.sync(again.partition);
  sameBytes(
    concat(second.readAll(again.partition)),
    concat([kept, stamped(next, end, 10)]),
    `${label}: it goes on`,
  );
  second.close(again.partition);
}

test("a log cut at every byte of its last three batches keeps what is whole", () => {
  const world = new LogWorld();
  const { batches } = plant(world, [2, 1, 3, 1, 2]);
  const whole = concat(batches);
  const ends = batches.map((_, i) => concat(batches.slice(0, i + 1)).length);
  for (let cut = ends[1]!; cut <= whole.length; cut += 1) {
    const keeps = Math.max(...ends.filter((end) => end <= cut));
    recovers(world.root, whole.slice(0, cut), whole.slice(0, keeps), `cut at ${cut}`);
  }
});

test("zeros and garbage behind the last batch are dropped", () => {
  const world = new LogWorld();
  const whole = concat(plant(world, [1, 2, 3]).batches);
  const prng = new Prng(1);
  for (const size of [1, 8, 12, 60, 61, 62, 4096]) {
    recovers(world.root, concat([whole, new Uint8Array(size)]), whole, `${size} zeros`);
    recovers(world.root, concat([whole, prng.bytes(size)]), whole, `${size} random bytes`);
    recovers(world.root, concat([whole, new Uint8Array(size).fill(255)]), whole, `${size} of 255`);
  }
  recovers(world.root, new Uint8Array(500), new Uint8Array(0), "zeros only");
});

test("nothing behind a bad batch is believed", () => {
  const world = new LogWorld();
  const { batches } = plant(world, [1, 1, 1, 1]);
  const [a, b, c, d] = batches as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const hole = concat([a, new Uint8Array(b.length), c, d]);
  recovers(world.root, hole, a, "a hole of zeros");
  recovers(world.root, concat([a, b, b, c]), concat([a, b]), "a batch twice");
  recovers(world.root, concat([a, c, b, d]), a, "swapped batches");
  recovers(world.root, concat([a, c, d]), a, "a batch is missing");
});

test("a batch of a lower epoch than the one before it is stale", () => {
  const world = new LogWorld();
  const { batches } = plant(world, [1, 1, 1, 1], [3, 5, 4, 6]);
  recovers(world.root, concat(batches), concat(batches.slice(0, 2)), "an older epoch");
});

test("a batch whose counts contradict each other is dropped", () => {
  const world = new LogWorld();
  const [a] = plant(world, [1]).batches as [Uint8Array];
  const record = Array.from(batchOf([new Uint8Array(3)]).slice(61));
  for (const shape of [{ count: 0 }, { count: 2, lastOffsetDelta: 0 }, { lastOffsetDelta: -1 }]) {
    const wrong = encodeBatch(record, 1, { baseOffset: 1, epoch: 1, ...shape });
    recovers(world.root, concat([a, wrong]), a, JSON.stringify(shape));
  }
});

test("segments: a gap, a wrong name, and a cut in the middle remove what follows", () => {
  const config = { segmentBytes: 1024 };
  for (const damage of ["gap", "cut", "flip"] as const) {
    const world = new LogWorld();
    const { partition } = world.open(config);
    for (let i = 0; i < 8; i += 1) world.append(partition, batchOfSize(500, i));
    world.close(partition);
    const names = world.names(".log");
    assert.equal(names.length, 4);
    const second = world.file(names[1]!);
    if (damage === "gap") {
      unlinkSync(world.path(names[1]!));
      unlinkSync(world.path(names[1]!.replace(".log", ".index")));
    }
    if (damage === "cut") world.write(names[1]!, second.slice(0, 700));
    if (damage === "flip") world.write(names[1]!, second.with(900, second[900]! ^ 4));
    const again = new LogWorld({ root: world.root });
    const opened = again.open(config);
    const kept = damage === "gap" ? names.slice(0, 1) : names.slice(0, 2);
    assert.deepEqual(again.names(".log"), kept, damage);
    assert.equal(opened.partition.written.offset, damage === "gap" ? 2 : 3, damage);
    for (const index of again.names(".index")) {
      const log = index.replace(".index", ".log");
      assert.ok(kept.includes(log), `${damage}: no index outlives its segment: ${index}`);
    }
    again.append(opened.partition, batchOfSize(500, 9), batchOfSize(500, 9));
    again.sync(opened.partition);
    const bytes = concat(again.readAll(opened.partition));
    assert.equal(walkBatches(bytes).length, opened.partition.written.offset, damage);
    again.close(opened.partition);
  }
});

test("a log that begins above 0 keeps its beginning", () => {
  const world = new LogWorld();
  openOnce(world);
  unlinkSync(world.path(FIRST));
  const name = "00000000000000001000.log";
  world.write(
    name,
    concat([stamped(batchOfSize(100), 1000, 0), stamped(batchOfSize(90), 1001, 0)]),
  );
  const again = new LogWorld({ root: world.root });
  const { partition } = again.open();
  assert.equal(partition.logStart, 1000);
  assert.equal(partition.written.offset, 1002);
  assert.deepEqual(again.names(".log"), [name]);
  again.close(partition);
});

test("other names in the directory are left alone", () => {
  const world = new LogWorld();
  openOnce(world);
  const foreign = [
    "notes.txt",
    "1.log",
    "00000000000000000007.log.bak",
    "99999999999999999999.log",
  ];
  for (const name of foreign) world.write(name, new Uint8Array([1, 2, 3]));
  const again = new LogWorld({ root: world.root });
  const { partition } = again.open();
  for (const name of foreign) assert.deepEqual(again.file(name), new Uint8Array([1, 2, 3]), name);
  again.close(partition);
});

test("batches larger than what recovery reads at once", () => {
  const world = new LogWorld();
  openOnce(world);
  const MiB = 1048576;
  const sizes = [100, 5 * MiB, 3 * MiB, 3 * MiB, 200, 4 * MiB, 4 * MiB + 1, 61 + 20, 9 * MiB, 77];
  let offset = 0;
  const batches = sizes.map((size) => stamped(batchOfSize(size), offset++, 1));
  const whole = concat(batches);
  world.write(FIRST, concat([whole, new Uint8Array(3)]));
  const again = new LogWorld({ root: world.root });
  const { partition, report } = again.open();
  assert.equal(partition.written.offset, sizes.length);
  assert.equal(report.bytesDropped, 3);
  assert.equal(partition.written.position, whole.length);
  const read = again.readAll(partition, 2 * MiB).map((bytes) => bytes.length);
  assert.equal(read.reduce((sum, size) => sum + size, 0), whole.length);
  again.close(partition);
});

test("a clean open finds what an unclean one finds", () => {
  const prng = new Prng(5);
  for (let round = 0; round < 30; round += 1) {
    const world = new LogWorld();
    const config: Partial<TopicConfig> = { segmentBytes: prng.between(1024, 9000) };
    const { partition } = world.open(config);
    for (let i = prng.below(40); i > 0; i -= 1) {
      world.append(partition, randomBatch(prng, 5, prng.pick([10, 300, 3000])));
    }
    for (let i = 0; i < 3; i += 1) if (!partition.isSynced) world.sync(partition);
    const { offset } = partition.written;
    world.close(partition);
    const logs = world.logs();
    for (const clean of [true, false, true]) {
      const again = new LogWorld({ root: world.root });
      const opened = again.open(config, { clean });
      assert.equal(opened.partition.written.offset, offset);
      assert.equal(opened.report.bytesScanned > 0, !clean && offset > 0);
      assert.deepEqual(again.logs(), logs);
      sameBytes(concat(again.readAll(opened.partition)), concat([...logs.values()]), "all");
      again.close(opened.partition);
    }
  }
});

test("an unclean open with more segments than may be open at once", () => {
  const world = new LogWorld();
  const { partition } = world.open({ segmentBytes: 1024 });
  for (let i = 0; i < 40; i += 1) world.append(partition, batchOfSize(1000, i));
  world.sync(partition);
  world.close(partition);
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const openAtOnce = () => faulty.count("openat") - faulty.count("close");
  faulty.plan = (call) => call === "openat" && openAtOnce() > 10 ? -EMFILE : undefined;
  const again = new LogWorld({ root: world.root, libc: faulty.libc, openSealedMax: 4 });
  const opened = again.open({ segmentBytes: 1024 });
  const open = opened.partition.segments.filter(({ file }) => file !== null);
  assert.ok(open.length <= 5, "four sealed ones and the active one");
  assert.ok(again.closed.length >= 35, "the others were closed");
  assert.equal(walkBatches(concat(again.readAll(opened.partition))).length, 40);
  again.close(opened.partition);
});

test("a directory that is said to be clean and ends in a torn batch is scanned as well", () => {
  const world = new LogWorld();
  const { batches } = plant(world, [1, 2, 1]);
  const whole = concat(batches);
  const torn = [
    new Uint8Array(1),
    new Uint8Array(60),
    new Uint8Array(100),
    batches[1]!.slice(0, 80),
  ];
  for (const tail of [...torn, negativeLength(batches[1]!), negativeLength(batches[1]!, -12)]) {
    world.write(FIRST, concat([whole, tail]));
    const again = new LogWorld({ root: world.root });
    const { partition, report } = again.open({}, { clean: true });
    assert.equal(partition.written.offset, 4);
    assert.equal(report.bytesDropped, tail.length);
    sameBytes(again.file(FIRST), whole, `a tail of ${tail.length}`);
    again.close(partition);
  }
});

function negativeLength(batch: Uint8Array, length: number = -1): Uint8Array {
  const copy = batch.slice();
  new DataView(copy.buffer).setInt32(8, length);
  return copy;
}

test("what the disk refuses names the partition", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  world.append(partition, batchOfSize(100));
  world.end();
  const faulty = new FaultyLibc(libcWithoutSyncs);
  for (const call of ["fsync", "pread"] as const) {
    const again = new LogWorld({ root: world.root, libc: faulty.libc });
    faulty.failNth(call, 1, -EIO);
    assert.throws(() => again.open(), /orders-0.*EIO/, call);
    faulty.heal();
    again.end();
  }
});
