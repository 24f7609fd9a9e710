/** Many whose bytes come from the disk in one turn. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ColdWorld } from "../../support/cold_world.ts";

const BATCH = 65536;
const FETCHES = 8;

test("whoever is ready in the same turn is answered in it", () => {
  const world = new ColdWorld();
  world.fill(FETCHES * 40, BATCH);
  world.evict();
  for (let i = 0; i < FETCHES; i += 1) assert.notEqual(world.fetch(40 * i, i), null);
  while (world.coldReads.ready.length < FETCHES) { // the budget has them read one after another
    world.coldReads.pump(0);
    assert.ok(world.jobs.length > 0, "something is left to read");
    world.work();
  }
  assert.deepEqual(world.door.takeFetches(), []);
  world.turn();
  const answered = world.door.takeFetches().map(({ correlation }) => correlation);
  assert.deepEqual(answered.sort(), [...Array(FETCHES).keys()]);
  world.close();
});

test("one that leaves the list while it is ready leaves nobody else behind", () => {
  const world = new ColdWorld();
  world.fill(120, BATCH);
  world.evict();
  const waiters = [0, 40, 80].map((offset, i) => world.fetch(offset, i)!);
  world.coldReads.pump(0);
  while (world.coldReads.ready.length < 3) {
    world.work();
    world.coldReads.pump(0);
  }
  world.broker.cancel(waiters[0]!);
  world.turn();
  assert.deepEqual(world.door.takeFetches().map(({ correlation }) => correlation), [1, 2]);
  world.close();
});
