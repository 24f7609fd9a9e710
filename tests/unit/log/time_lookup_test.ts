/**
 * Times to offsets, against a list of all records: whatever the order of the timestamps, the
 * codecs and the log start, and whatever has become of the index files.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO } from "../../../ffi/constants.ts";
import type { Codec } from "../../../src/codec/codec.ts";
import { compress } from "../../../src/codec/compress.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { Level } from "../../../src/format/levels.ts";
import type { TopicConfig } from "../../../src/format/topic_config.ts";
import type { Partition } from "../../../src/log/partition.ts";
import { offsetForTime } from "../../../src/log/time_lookup.ts";
import { batchOf, type BatchShape, encodeBatch, encodeRecord } from "../../support/batches.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { LogWorld } from "../../support/log_world.ts";
import { forSeeds, type Prng } from "../../support/prng.ts";
import { publishLogStart, wantLogStart } from "../../../src/log/log_start.ts";

interface Timed {
  offset: number;
  timestamp: number;
}

const START = 1700000000000;
const APPEND_TIME = 8;
/** Values of so many bytes, eight of them: an entry of the index for every other batch. */
const VALUE_SIZE = 300;

/** Timestamps as a log may have them, one kind for each log. */
function clockOf(prng: Prng): () => number {
  const kind = prng.pick(["rising", "equal", "jitter", "falling", "wild", "steps", "early"]);
  let now = START;
  return () => {
    if (kind === "rising") now += prng.below(20);
    if (kind === "falling") now -= prng.below(20);
    if (kind === "steps" && prng.chance(5)) now += 100;
    if (kind === "jitter") return (now += 10) + prng.between(-200, 200);
    if (kind === "wild") return START + prng.between(-500, 500);
    if (kind === "early") return START + prng.pick([-START - 1, 0, -3, 7, prng.below(900)]);
    return now;
  };
}

/** A batch of 1 to 8 records and what a plain scan of them would give. */
function timedBatch(prng: Prng, clock: () => number): { bytes: Uint8Array; timestamps: number[] } {
  const count = prng.between(1, 8);
  const timestamps = Array.from({ length: count }, clock);
  const baseTimestamp = timestamps[0]! + prng.pick([0, 0, 0, -100, 100]);
  const maxTimestamp = Math.max(...timestamps);
  const isAppendTime = prng.chance(10);
  const codec = prng.pick([0, 0, 1, 2, 3, 4]) as Codec;
  const records = timestamps.flatMap((timestamp, i) => {
    const value = prng.bytes(prng.below(VALUE_SIZE));
    return encodeRecord({ value, timestampDelta: timestamp - baseTimestamp }, i);
  });
  const body = compress(codec, Uint8Array.from(records));
  const attributes = codec | (isAppendTime ? APPEND_TIME : 0);
  const bytes = encodeBatch(body, count, { attributes, baseTimestamp, maxTimestamp });
  return { bytes, timestamps: isAppendTime ? timestamps.map(() => maxTimestamp) : timestamps };
}

/** Appends batches and gives back their records. */
function fill(world: LogWorld, partition: Partition, prng: Prng, batches: number): Timed[] {
  const clock = clockOf(prng);
  const records: Timed[] = [];
  for (let i = 0; i < batches; i += 1) {
    const { bytes, timestamps } = timedBatch(prng, clock);
    const base = partition.stagedEnd;
    world.append(partition, bytes);
    timestamps.forEach((timestamp, delta) => records.push({ offset: base + delta, timestamp }));
  }
  return records;
}

function syncAll(world: LogWorld, partition: Partition): void {
  while (!partition.isSynced) world.sync(partition, true);
}

/** Times around those of the records, and far from them. */
function probesOf(records: readonly Timed[], step = 1): number[] {
  const times = records.filter((_, i) => i % step === 0).map(({ timestamp }) => timestamp);
  const around = times.flatMap((time) => [time - 1, time, time + 1]);
  return [...new Set([-(2 ** 50), -2, -1, 0, 1, START, 2 ** 50, ...around])];
}

function check(partition: Partition, records: readonly Timed[], probes: readonly number[]): void {
  const { logStart, visible } = partition;
  const seen = records.filter(({ offset }) => offset >= logStart && offset < visible.offset);
  for (const time of probes) {
    const expected = seen.find(({ timestamp }) => timestamp >= time) ?? null;
    assert.deepEqual(offsetForTime(partition, time), expected, `time ${time}`);
  }
}

test("every time finds the first record that is as new, in every state of the log", () => {
  forSeeds(60, (prng) => {
    const config: Partial<TopicConfig> = {
      durability: prng.pick([Level.os, Level.fsync]),
      segmentBytes: prng.pick([2000, 12000, 40000, 10 ** 9]),
    };
    const options = { openSealedMax: prng.pick([1, 2, 256]) };
    const world = new LogWorld(options);
    const { partition } = world.open(config);
    const records = fill(world, partition, prng, prng.between(1, 70));
    check(partition, records, probesOf(records, 3));
    syncAll(world, partition);
    const logStart = prng.below(partition.durable.offset + 1);
    if (prng.chance(60)) {
      assert.equal(wantLogStart(partition, logStart), 0);
      publishLogStart(partition, logStart);
    }
    check(partition, records, probesOf(records, 3));
    const how = { clean: true, logStart: partition.logStart };
    world.close(partition);
    const again = new LogWorld({ ...options, root: world.root });
    const { partition: reopened } = again.open(config, how);
    check(reopened, records, probesOf(records));
    records.push(...fill(again, reopened, prng, prng.between(1, 20)));
    if (prng.chance(50)) syncAll(again, reopened);
    check(reopened, records, probesOf(records));
    again.close(reopened);
  });
});

test("only what is visible is found, also while batches are staged", () => {
  forSeeds(30, (prng) => {
    const world = new LogWorld();
    const { partition } = world.open({ durability: Level.fsync, segmentBytes: 12000 });
    const records = fill(world, partition, prng, prng.between(1, 30));
    syncAll(world, partition);
    records.push(...fill(world, partition, prng, prng.between(1, 30)));
    const probes = probesOf(records, 2);
    check(partition, records, probes);
    for (let i = prng.between(1, 9); i > 0; i -= 1) {
      const maxTimestamp = START + prng.between(-500, 500);
      world.stage(partition, batchOf([new Uint8Array(900)], { maxTimestamp }));
      check(partition, records, probes);
    }
    assert.equal(partition.flush(), 0);
    check(partition, records, probes);
    world.sync(partition);
    world.close(partition);
  });
});

interface ClosedLog {
  world: LogWorld;
  /** The index files. */
  files: Map<string, Uint8Array>;
  records: Timed[];
}

/** Three segments, or one, closed as a clean stop closes them. */
function closedLog(prng: Prng, segmentBytes: number): ClosedLog {
  const world = new LogWorld();
  const { partition } = world.open({ segmentBytes });
  const records: Timed[] = [];
  while (partition.segments.length < 3 && records.length < 250) {
    records.push(...fill(world, partition, prng, prng.between(1, 12)));
  }
  syncAll(world, partition);
  world.close(partition);
  const files = new Map(world.names("index").map((name) => [name, world.file(name)]));
  return { world, files, records };
}

/** Every index file with one bit turned over, and cut at every length. */
function* damages(files: Map<string, Uint8Array>): Generator<[string, Uint8Array, string]> {
  for (const [name, bytes] of files) {
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const at = bit >> 3;
      yield [name, bytes.with(at, bytes[at]! ^ (1 << (bit & 7))), `bit ${bit}`];
    }
    for (let size = 0; size < bytes.length; size += 1) {
      yield [name, bytes.slice(0, size), `${size} bytes`];
    }
  }
}

test("no bit of an index file, and no end of it, changes an answer", () => {
  forSeeds(3, (prng, seed) => {
    const { world, files, records } = closedLog(prng, prng.pick([26000, 10 ** 9]));
    const probes = probesOf(records, 9).filter((_, i) => i % 3 === seed % 3);
    for (const [name, bytes, what] of damages(files)) {
      for (const [file, right] of files) world.write(file, file === name ? bytes : right);
      const again = new LogWorld({ root: world.root });
      const { partition } = again.open({ segmentBytes: 26000 }, { clean: true });
      try {
        check(partition, records, probes);
      } catch (error) {
        throw new Error(`${name}, ${what}: ${String(error)}`);
      }
      again.end();
    }
  });
});

test("a log goes on with a damaged index file, and answers as before", () => {
  forSeeds(80, (prng) => {
    const { world, files, records } = closedLog(prng, prng.pick([26000, 10 ** 9, 10 ** 9]));
    const list = [...damages(files)];
    const cuts = list.filter(([name, bytes, what]) =>
      what.includes("bytes") && name.endsWith(".timeindex") && bytes.length % 12 === 0
    );
    const [name, bytes] = prng.pick(prng.chance(50) ? cuts : list);
    world.write(name, bytes);
    const config = { durability: Level.os, segmentBytes: 10 ** 9 };
    const again = new LogWorld({ root: world.root });
    const { partition } = again.open(config, { clean: prng.chance(50) });
    records.push(...fill(again, partition, prng, prng.between(1, 60)));
    check(partition, records, probesOf(records, 2));
    syncAll(again, partition);
    again.close(partition);
    const last = new LogWorld({ root: world.root });
    const { partition: reopened } = last.open(config, { clean: true });
    check(reopened, records, probesOf(records, 2));
    last.close(reopened);
  });
});

test("a batch that nobody can open answers with its first offset", () => {
  const world = new LogWorld();
  const { partition } = world.open({ durability: Level.os });
  const odd = (bytes: readonly number[], shape: BatchShape) => {
    const times = { baseTimestamp: START, maxTimestamp: START + 50 };
    return encodeBatch(Uint8Array.from(bytes), 4, { ...times, ...shape });
  };
  const bomb = compress(4, new Uint8Array(70000000));
  world.append(
    partition,
    batchOf([new Uint8Array(1)], { baseTimestamp: 5, maxTimestamp: 5 }), // 0
    odd([1, 2, 3], { attributes: 1, maxTimestamp: START + 10 }), // 1 to 4
    odd([1, 2, 3], { maxTimestamp: START + 20 }), // 5 to 8
    odd([...bomb], { attributes: 4, maxTimestamp: START + 30 }), // 9 to 12
    odd([...encodeRecord({}, 0)], { maxTimestamp: START + 40 }), // 13 to 16: one of four
    odd([...encodeRecord({}, 0)], { crc: 1 }), // 17 to 20
  );
  const at = (time: number) => offsetForTime(partition, time);
  assert.deepEqual(at(5), { offset: 0, timestamp: 5 });
  assert.deepEqual(at(6), { offset: 1, timestamp: START + 10 });
  assert.deepEqual(at(START + 11), { offset: 5, timestamp: START + 20 });
  assert.deepEqual(at(START + 21), { offset: 9, timestamp: START + 30 });
  assert.deepEqual(at(START + 31), { offset: 13, timestamp: START + 40 });
  assert.deepEqual(at(START + 50), { offset: 17, timestamp: START + 50 });
  assert.equal(at(START + 51), null);
  syncAll(world, partition);
  assert.equal(wantLogStart(partition, 3), 0);
  publishLogStart(partition, 3);
  assert.deepEqual(at(6), { offset: 3, timestamp: START + 10 }, "not below the log start");
  world.close(partition);
});

test("a header that says too much is passed by", () => {
  const world = new LogWorld();
  const { partition } = world.open({ durability: Level.os });
  const block = compress(1, Uint8Array.from(encodeRecord({ timestampDelta: 3 }, 0)));
  const shape = { attributes: 1, baseTimestamp: START };
  world.append(partition, encodeBatch(block, 1, { ...shape, maxTimestamp: START + 900 }));
  world.append(partition, encodeBatch(block, 1, { ...shape, maxTimestamp: START + 3 }));
  assert.deepEqual(offsetForTime(partition, START + 3), { offset: 0, timestamp: START + 3 });
  assert.equal(offsetForTime(partition, START + 4), null);
  world.close(partition);
});

test("a log that cannot be read is an error, an empty one has no answer", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc });
  const { partition } = world.open({ durability: Level.os });
  assert.equal(offsetForTime(partition, 0), null);
  world.append(partition, batchOf([new Uint8Array(9)], { maxTimestamp: START }));
  for (let nth = 1; nth <= 2; nth += 1) {
    faulty.failNth("pread", nth, -EIO);
    assert.equal(offsetForTime(partition, START), ErrorCodes.storage_failed, `read ${nth}`);
    faulty.heal();
  }
  assert.deepEqual(offsetForTime(partition, START), { offset: 0, timestamp: START });
  world.close(partition);
});

test("segments that are known to be older are not opened", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc, openSealedMax: 1 });
  const { partition } = world.open({ durability: Level.os, segmentBytes: 1000 });
  for (let i = 0; i < 20; i += 1) {
    const times = { baseTimestamp: START + i, maxTimestamp: START + i };
    world.append(partition, batchOf([new Uint8Array(900)], times));
  }
  syncAll(world, partition);
  const before = faulty.count("openat");
  assert.deepEqual(offsetForTime(partition, START + 19), { offset: 19, timestamp: START + 19 });
  assert.equal(faulty.count("openat"), before);
  world.close(partition);
  const again = new LogWorld({ libc: faulty.libc, root: world.root, openSealedMax: 1 });
  const { partition: reopened } = again.open({ segmentBytes: 1000 }, { clean: true });
  assert.equal(offsetForTime(reopened, START + 20), null);
  const known = faulty.count("openat");
  assert.equal(offsetForTime(reopened, START + 20), null);
  assert.equal(faulty.count("openat"), known, "what was seen once is remembered");
  again.close(reopened);
});
