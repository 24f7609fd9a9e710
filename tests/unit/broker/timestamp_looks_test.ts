/**
 * Retention in a cold log: the timestamps of old segments are found with a few reads of the worker,
 * and none in the loop.
 */
import assert from "node:assert/strict";
import { AT_FDCWD } from "../../../ffi/constants.ts";
import { test } from "node:test";
import { Caretaker } from "../../../src/broker/caretaker.ts";
import { removeTopic } from "../../../src/broker/remove_topic.ts";
import { SWEEP_MS } from "../../../src/limits.ts";
import { BATCH, ColdWorld, timedBatches } from "../../support/cold_world.ts";
import { DIRECTORY } from "../../support/log_world.ts";

const DAY_MS = 86400000;
const NOW = 1700000000000;
/** The start of the first segment that is young, and of all. */
const YOUNG = 200;
const STARTS = [0, 100, YOUNG, 300];
const ALL = [".log", ".index", ".timeindex"];

/** Segments whose records are older than the topic says, but not their appends; nothing cached. */
function coldLog(isGuarding = true): { world: ColdWorld; caretaker: Caretaker } {
  const world = new ColdWorld(undefined, isGuarding);
  for (const start of STARTS) {
    if (start > 0) assert.equal(world.partition.log.roll(), 0);
    const first = start < YOUNG ? NOW - 30 * DAY_MS : NOW;
    world.append(timedBatches(Array.from({ length: 100 }, (_, i) => first + i)));
  }
  world.reopen();
  for (const segment of world.partition.log.segments) segment.lastAppendMs = NOW;
  world.evict(ALL);
  world.loopReads.length = 0;
  const caretaker = new Caretaker(world.broker, world.log.store, { clockConfirmMs: 0 });
  return { world, caretaker };
}

/** Turns, some more after retention has asked for something. Returns what it asks for. */
function keepHouse({ world, caretaker }: ReturnType<typeof coldLog>, evicts = false): number {
  for (let turn = 0; turn < 200; turn += 1) {
    world.turn();
    const isIdle = world.jobs.length === 0 && caretaker.nextDueMs > world.nowMs;
    world.nowMs += isIdle ? SWEEP_MS : 1;
    caretaker.step(world.nowMs, NOW, world.door);
    world.work();
    if (evicts) world.evict(ALL);
  }
  return world.partition.log.logStartWanted;
}

test("what is too old goes, and the loop reads nothing that is not in the cache", () => {
  const made = coldLog();
  assert.equal(keepHouse(made), YOUNG);
  const { world } = made;
  assert.deepEqual(world.loopReads, []);
  assert.deepEqual(world.partition.log.segments.map(({ unseenSize }) => unseenSize === 0), [
    true,
    true,
    true,
    false,
  ], "and no more is looked at than the first that is young");
  const { readBytes } = world.coldReads.counters;
  assert.ok(readBytes < 30 * BATCH, `${readBytes} bytes of ${300 * BATCH}`);
  world.close();
});

test("what was appended long ago goes without a look", () => {
  const made = coldLog();
  const { world } = made;
  for (const segment of world.partition.log.segments) segment.lastAppendMs = NOW - 30 * DAY_MS;
  assert.equal(keepHouse(made), 400, "the active one too, when it was rolled");
  assert.deepEqual(world.allJobs, []);
  world.close();
});

test("without time indexes the worker reads the headers", () => {
  const made = coldLog();
  const { world } = made;
  for (const start of STARTS.slice(0, 3)) {
    const name = `${String(start).padStart(20, "0")}.timeindex`;
    assert.equal(world.sim.unlinkat(AT_FDCWD, `/log/${DIRECTORY}/${name}`, 0), 0);
  }
  assert.equal(keepHouse(made), YOUNG);
  assert.deepEqual(world.loopReads, []);
  world.close();
});

test("where nothing stays in the cache, or the guard is off, it is found all the same", () => {
  const evicted = coldLog();
  assert.equal(keepHouse(evicted, true), YOUNG);
  evicted.world.close();
  const unguarded = coldLog(false);
  assert.equal(keepHouse(unguarded), YOUNG);
  assert.deepEqual(unguarded.world.allJobs, []);
  unguarded.world.close();
});

test("a segment that cannot be read stays, is not read again and again, and ends no other", () => {
  const made = coldLog();
  const { world } = made;
  let reads = 0;
  world.faulty.plan = (call) => {
    if (call !== "pread") return undefined;
    reads += 1;
    return -5;
  };
  assert.equal(keepHouse(made), 0);
  assert.ok(reads > 0 && reads < 5, `${reads} reads`);
  world.faulty.heal();
  assert.equal(keepHouse(made), 0, "it goes by its last append");
  world.partition.log.segments[0]!.lastAppendMs = NOW - 30 * DAY_MS;
  assert.equal(keepHouse(made), YOUNG);
  world.close();
});

test("a topic that is deleted while a look waits is let go", () => {
  const { world, caretaker } = coldLog();
  for (let turn = 0; world.jobs.length === 0; turn += 1) {
    assert.ok(turn < 10, "a look begins");
    world.nowMs += SWEEP_MS;
    caretaker.step(world.nowMs, NOW, world.door);
    world.turn();
  }
  assert.equal(removeTopic(world.broker, "orders", "", world.door), true);
  for (let turn = 0; turn < 10; turn += 1) {
    world.work();
    world.turn();
    world.nowMs += SWEEP_MS;
    caretaker.step(world.nowMs, NOW, world.door);
  }
  assert.deepEqual(world.jobs, []);
  assert.equal(caretaker.nextDueMs > world.nowMs, true, "nothing is left to do");
  world.coldReads.close();
});
