/** When a segment is followed by a new one: size, relative offsets, and age with its jitter. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ENOSPC } from "../../../ffi/constants.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { defaultTopicConfig } from "../../../src/format/topic_config.ts";
import { createSegment, isRollDue, mustRoll, rollIfDue } from "../../../src/log/roll.ts";
import { Segment } from "../../../src/log/segment.ts";
import { Unsynced } from "../../../src/log/unsynced.ts";
import { batchOf, batchOfSize } from "../../support/batches.ts";
import { FaultyLibc, libcWithoutSyncs } from "../../support/faulty_libc.ts";
import { DIRECTORY, LogWorld } from "../../support/log_world.ts";

const FIRST = "00000000000000000000.log";
const HOUR_MS = 3600000;

test("a batch that does not fit begins a segment named by its offset", () => {
  const world = new LogWorld();
  const { partition } = world.open({ segmentBytes: 1024 });
  for (let i = 0; i < 5; i += 1) world.append(partition, batchOfSize(500, i));
  assert.deepEqual(world.names(".log"), [
    FIRST,
    "00000000000000000002.log",
    "00000000000000000004.log",
  ]);
  assert.deepEqual(partition.segments.map(({ size }) => size), [1000, 1000, 500]);
  assert.equal(partition.active, partition.segments[2]);
  assert.equal(world.store.counters.rolls, 2);
  const fds: number[] = [];
  // Two sealed segments, their four indexes, the directory with the new names, the active one.
  assert.equal(partition.beginSync(fds, false), 8);
  assert.equal(new Set(fds).size, 8);
  for (let i = 0; i < 7; i += 1) assert.equal(partition.endSync(0), false);
  assert.equal(partition.visible.offset, 0, "all eight must have reported");
  assert.equal(partition.endSync(0), true);
  assert.equal(partition.visible.offset, 5);
  assert.equal(world.closed.length, 0, "the directory is closed by the partition itself");
  world.close(partition);
});

test("a batch as large as a segment, or larger, gets one of its own", () => {
  const world = new LogWorld();
  const { partition } = world.open({ segmentBytes: 1024 });
  world.append(partition, batchOfSize(1024), batchOfSize(3000), batchOfSize(100));
  assert.deepEqual(partition.segments.map(({ size }) => size), [1024, 3000, 100]);
  world.close(partition);
});

test("offsets relative to a segment stay within an int32", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  const huge = batchOf([new Uint8Array(1)], { count: 2147483647 });
  const base = world.stage(partition, huge);
  assert.equal(base, 0);
  assert.equal(world.stage(partition, batchOfSize(100)), 2147483647);
  assert.equal(world.stage(partition, batchOfSize(100)), 2147483648);
  assert.equal(partition.flush(), 0);
  assert.deepEqual(partition.segments.map(({ baseOffset }) => baseOffset), [0, 2147483648]);
  world.close(partition);
});

test("a segment takes what fits, and the first batch of any size", () => {
  const config = { ...defaultTopicConfig(), segmentBytes: 1000 };
  const segment = new Segment(100, 0, null);
  const cases: [staged: number, size: number, last: number, isFull: boolean][] = [
    [0, 5000, 100, false],
    [1, 999, 100, false],
    [1, 1000, 100, true],
    [1000, 61, 100, true],
    [0, 61, 100 + 2147483647, false],
    [0, 61, 101 + 2147483647, true],
  ];
  for (const [staged, size, last, isFull] of cases) {
    assert.equal(
      mustRoll(config, segment, staged, size, last),
      isFull,
      `${staged} ${size} ${last}`,
    );
  }
});

test("a segment is old at segment.ms or up to the jitter before, at every start alike", () => {
  const config = { ...defaultTopicConfig(), segmentMs: HOUR_MS, segmentJitterMs: 0 };
  const at = (base: number) => {
    const segment = new Segment(base, 100, null);
    segment.firstAppendMs = 5000;
    return segment;
  };
  assert.equal(isRollDue(config, DIRECTORY, at(0), 5000 + HOUR_MS - 1), false);
  assert.equal(isRollDue(config, DIRECTORY, at(0), 5000 + HOUR_MS), true);
  const jittered = { ...config, segmentJitterMs: HOUR_MS / 2 };
  const ages = Array.from({ length: 40 }, (_, base) => {
    let [young, old] = [0, HOUR_MS];
    while (old - young > 1) {
      const age = Math.floor((young + old) / 2);
      if (isRollDue(jittered, DIRECTORY, at(base), 5000 + age)) old = age;
      else young = age;
    }
    assert.equal(isRollDue(jittered, DIRECTORY, at(base), 5000 + old), true, "again the same");
    return old;
  });
  for (const age of ages) assert.ok(age > HOUR_MS / 2 && age <= HOUR_MS, `${age}`);
  assert.ok(new Set(ages).size > 30, "partitions do not roll all at once");
  assert.ok(Math.max(...ages) - Math.min(...ages) > HOUR_MS / 4, "it spreads");
});

test("jitter above segment.ms takes no more than that: no segment is old as it begins", () => {
  const config = { ...defaultTopicConfig(), segmentMs: 1000, segmentJitterMs: HOUR_MS };
  for (let base = 0; base < 100; base += 1) {
    const segment = new Segment(base, 10, null);
    segment.firstAppendMs = 5000;
    assert.equal(isRollDue(config, DIRECTORY, segment, 5000), false, String(base));
    assert.equal(isRollDue(config, DIRECTORY, segment, 6000), true);
  }
});

test("an old segment is rolled by the next batch or when it is idle, an empty one never", () => {
  const world = new LogWorld();
  world.store.wallMs = 1000000;
  const { partition } = world.open({ segmentMs: HOUR_MS });
  rollIfDue(partition, world.store.wallMs + 10 * HOUR_MS);
  assert.equal(partition.segments.length, 1, "empty");
  world.append(partition, batchOfSize(100, 1));
  world.store.wallMs += HOUR_MS - 1;
  world.append(partition, batchOfSize(100, 2));
  assert.equal(partition.segments.length, 1, "young");
  world.store.wallMs += 1;
  world.append(partition, batchOfSize(100, 3));
  assert.deepEqual(partition.segments.map(({ baseOffset }) => baseOffset), [0, 2]);
  rollIfDue(partition, world.store.wallMs + HOUR_MS - 1);
  assert.equal(partition.segments.length, 2);
  rollIfDue(partition, world.store.wallMs + HOUR_MS);
  assert.deepEqual(partition.segments.map(({ baseOffset }) => baseOffset), [0, 2, 3]);
  rollIfDue(partition, world.store.wallMs + 9 * HOUR_MS);
  assert.equal(partition.segments.length, 3, "the new one is empty");
  world.sync(partition);
  world.close(partition);
});

test("several segments of one turn have one directory to sync", () => {
  const world = new LogWorld();
  const { partition } = world.open();
  const unsynced = new Unsynced();
  for (const base of [10, 20, 30]) {
    const made = createSegment(world.store, DIRECTORY, base, unsynced);
    assert.ok(typeof made !== "number");
    assert.deepEqual([made.baseOffset, made.size], [base, 0]);
    made.file!.release();
  }
  const fds: number[] = [];
  unsynced.begin(fds);
  assert.equal(fds.length, 1);
  unsynced.end(world.store, true);
  assert.equal(unsynced.isEmpty, true);
  assert.ok(createSegment(world.store, DIRECTORY, 10, unsynced) as number < 0, "it is there");
  assert.equal(unsynced.isEmpty, true, "what was opened for it is closed");
  world.close(partition);
});

test("a roll that fails leaves nothing open, and the segment goes on", () => {
  const faulty = new FaultyLibc(libcWithoutSyncs);
  const world = new LogWorld({ libc: faulty.libc });
  const { partition } = world.open({ segmentBytes: 1024 });
  world.append(partition, batchOfSize(900, 1));
  for (const nth of [1, 2]) {
    const before = faulty.opened - faulty.count("close");
    faulty.failNth("openat", nth, -ENOSPC);
    assert.equal(world.stage(partition, batchOfSize(900, 2)), -ErrorCodes.disk_full);
    assert.equal(faulty.opened - faulty.count("close"), before, `openat ${nth}`);
    partition.turnDone();
    faulty.heal();
    world.store.disk.look();
  }
  world.append(partition, batchOfSize(900, 2));
  assert.equal(partition.segments.length, 2);
  world.sync(partition);
  world.close(partition);
});
