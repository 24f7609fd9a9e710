/** When records were made, in a log that is not in the page cache: the loop reads nothing of it. */
import assert from "node:assert/strict";
import { AT_FDCWD } from "../../../ffi/constants.ts";
import { test } from "node:test";
import { timeIn } from "../../../src/broker/cold_times.ts";
import { lagsOf } from "../../../src/broker/group_lags.ts";
import { findOffsetTime } from "../../../src/broker/offset_times.ts";
import { removeTopic } from "../../../src/broker/remove_topic.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { OFFSET_TIMES_MAX } from "../../../src/limits.ts";
import { NO_TIME } from "../../../src/log/offset_time.ts";
import { openPartitions } from "../../../src/log/open_partitions.ts";
import { PartitionKind, UNKNOWN } from "../../../src/log/opened_log.ts";
import { BATCH, ColdWorld, timedBatches } from "../../support/cold_world.ts";
import { DIRECTORY } from "../../support/log_world.ts";

const TIME = 1700000000000;
const ALL = [".log", ".index", ".timeindex"];
const RECORDS = 300;
const COLD = ErrorCodes.storage_slow;

/** Two sealed segments and an active one, a second between records of 64 KiB. */
function resident(isGuarding: boolean = true): ColdWorld {
  const world = new ColdWorld(undefined, isGuarding);
  for (const first of [0, 100, 200]) {
    if (first > 0) assert.equal(world.partition.log.roll(), 0);
    world.append(timedBatches(Array.from({ length: 100 }, (_, i) => TIME + 1000 * (first + i))));
  }
  return world;
}

/** The same after a restart, and nothing of it in the page cache. */
function cold(isGuarding?: boolean): ColdWorld {
  const world = resident(isGuarding);
  world.reopen();
  world.evict(ALL);
  world.loopReads.length = 0;
  return world;
}

/** A time, or an error code. */
function ask(world: ColdWorld, offset: number): number {
  const found = timeIn(world.broker, world.partition, offset);
  return typeof found === "number" ? found : found.timestampMs;
}

function timeOf(offset: number): number {
  return TIME + 1000 * offset;
}

test("what is resident is known at once, and the worker has nothing to do", () => {
  const world = resident();
  for (const offset of [0, 57, 99, 100, 299]) assert.equal(ask(world, offset), timeOf(offset));
  assert.equal(ask(world, RECORDS), NO_TIME);
  world.turn();
  assert.deepEqual([world.jobs, world.loopReads], [[], []]);
  world.close();
});

test("what is cold is not read by the loop; the worker reads it, and then it is known", () => {
  for (const offset of [0, 57, 99, 100, 150, 299]) {
    const world = cold();
    assert.equal(ask(world, offset), COLD);
    assert.equal(ask(world, offset), COLD, "not yet");
    world.settle();
    assert.equal(ask(world, offset), timeOf(offset));
    const { readBytes } = world.coldReads.counters;
    assert.ok(readBytes > 0 && readBytes < BATCH, `${readBytes} bytes: headers and an index`);
    world.evict(ALL);
    assert.equal(ask(world, offset), timeOf(offset), "remembered");
    assert.deepEqual(world.loopReads, []);
    world.close();
  }
});

test("of many places one at a time is read for, each once", () => {
  const world = cold();
  const offsets = Array.from({ length: RECORDS }, (_, i) => (i * 7) % RECORDS);
  for (const offset of offsets) {
    assert.deepEqual([ask(world, offset), ask(world, offset)], [COLD, COLD]);
  }
  assert.equal(ask(world, RECORDS), NO_TIME);
  for (let turns = 0; world.jobs.length > 0 || turns === 0; turns += 1) {
    world.work();
    world.turn();
    assert.ok(world.jobs.filter(({ kind }) => kind === "read").length <= 1, "the others wait");
  }
  const known = offsets.map((offset) => ask(world, offset) === timeOf(offset));
  assert.equal(known.lastIndexOf(true), OFFSET_TIMES_MAX - 1, "so many places wait at the most");
  assert.equal(known.indexOf(false), OFFSET_TIMES_MAX);
  assert.deepEqual(world.loopReads, []);
  world.close();
});

test("indexes that are gone are made anew from cold headers, a piece after another", () => {
  const world = cold();
  for (const kind of ["index", "timeindex"]) {
    const name = `${"0".repeat(20)}.${kind}`;
    assert.equal(world.sim.unlinkat(AT_FDCWD, `/log/${DIRECTORY}/${name}`, 0), 0);
  }
  assert.equal(ask(world, 299), COLD, "of another segment, and further on in its file");
  assert.equal(ask(world, 57), COLD);
  world.settle();
  assert.equal(ask(world, 57), timeOf(57));
  assert.deepEqual(world.loopReads, []);
  assert.ok(world.coldReads.counters.waits > 4, "many steps");
  assert.equal(world.partition.log.segments[0]!.rebuild, null);
  world.close();
});

test("a place that cannot be read is given up until it is asked for again", () => {
  const world = cold();
  const read = (offset: number) => [ask(world, offset), world.settle(), ask(world, offset)];
  let failures = 0;
  world.faulty.plan = (call) => call === "pread" && (failures += 1) === 1 ? -5 : undefined;
  assert.equal(ask(world, 57), COLD);
  assert.equal(ask(world, 150), COLD);
  world.settle();
  assert.equal(failures > 1, true, "the other one is read for");
  assert.equal(ask(world, 150), timeOf(150));
  world.faulty.heal();
  assert.deepEqual(read(57), [COLD, undefined, timeOf(57)]);
  assert.deepEqual(world.loopReads, []);
  world.close();
});

test("where the cache is emptied faster than it is read, the place is given up", () => {
  const world = cold();
  assert.equal(ask(world, 57), COLD);
  let turns = 0;
  for (; turns === 0 || world.jobs.length > 0; turns += 1) {
    assert.ok(turns < 100, "it ends");
    world.work();
    world.evict(ALL);
    world.turn();
  }
  assert.ok(turns > 2, "after a few tries");
  assert.deepEqual(world.loopReads, []);
  assert.equal(ask(world, 57), COLD);
  world.settle();
  assert.equal(ask(world, 57), timeOf(57));
  world.close();
});

test("a topic that goes meanwhile, or records that go, hold nothing up", () => {
  const world = cold();
  assert.equal(ask(world, 57), COLD);
  assert.equal(ask(world, 150), COLD);
  world.partition.log.logStart = 120;
  world.settle();
  assert.deepEqual([ask(world, 57), ask(world, 150)], [NO_TIME, timeOf(150)]);
  assert.equal(ask(world, 299), COLD);
  assert.equal(removeTopic(world.broker, "orders", "", world.door), true);
  const opens = world.faulty.count("openat");
  world.settle();
  assert.equal(world.faulty.count("openat"), opens, "nothing is looked for in it any more");
  assert.deepEqual(world.loopReads, []);
  world.coldReads.close();
});

test("with the guard off the loop waits for the disk", () => {
  const world = cold(false);
  assert.equal(ask(world, 57), timeOf(57));
  assert.ok(world.loopReads.length > 0);
  world.turn();
  assert.deepEqual(world.jobs, []);
  world.close();
});

test("a place of offset_times is storage_slow, and only the lag in time is not known", () => {
  const world = cold();
  const { broker } = world;
  const commit = { offset: 57, leaderEpoch: -1, metadata: "", timestampMs: 0, topicId: "" };
  broker.offsets.store.load({ group: "g", topic: "orders", partition: 0, commit });
  const lags = () => lagsOf(broker, broker.offsets.group("g")!, { partitions: 10 });
  const place = () => findOffsetTime(broker, { topic: "orders", partition: 0, offset: 57 });
  const lag = { topic: "orders", lagRecords: 243 };
  assert.deepEqual(place(), { error: COLD, timestamp: -1 });
  assert.deepEqual(lags(), [{ ...lag, lagMs: NO_TIME }]);
  world.settle();
  assert.deepEqual(lags(), [{ ...lag, lagMs: 242000 }]);
  assert.deepEqual(place(), { error: 0, timestamp: timeOf(57) });
  assert.deepEqual(world.loopReads, []);
  world.close();
});

test("the lag of a topic is not known where one of its partitions is cold", () => {
  const world = cold();
  const { broker, partition } = world;
  const { config } = partition.log;
  const how = { kind: PartitionKind.own, leaderEpoch: 0, clean: false, progress: () => {} };
  const unknown = { recoveryPoint: UNKNOWN, logStart: UNKNOWN };
  const options = { directory: "orders-1", config, ...how, ...unknown };
  const [opened] = openPartitions(world.log.store, [options]);
  world.partition = broker.topics.addPartition(partition.topic, opened!.partition);
  world.append(timedBatches([TIME, TIME + 5000]));
  for (const index of [0, 1]) {
    const commit = { offset: 0, leaderEpoch: -1, metadata: "", timestampMs: 0, topicId: "" };
    broker.offsets.store.load({ group: "g", topic: "orders", partition: index, commit });
  }
  const lags = () => lagsOf(broker, broker.offsets.group("g")!, { partitions: 10 });
  assert.deepEqual(lags(), [{ topic: "orders", lagRecords: 302, lagMs: NO_TIME }]);
  world.settle();
  assert.deepEqual(lags(), [{ topic: "orders", lagRecords: 302, lagMs: 299000 }]);
  world.close();
  partition.log.close();
});
