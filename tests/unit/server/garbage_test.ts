/** When a collection is asked for; what it does for memory is measured by the soak. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Collector } from "../../../src/server/garbage.ts";
import { batchOfSize } from "../../support/batches.ts";
import * as frames from "../../support/frames.ts";
import { NodeWorld } from "../../support/node_world.ts";
import { currentRuntime } from "../../support/runtimes.ts";
import { pause } from "../../support/until.ts";

const START_MS = 1_000_000;

/** A shard that only counts, and what it collected: "all" or "young". */
function counting() {
  const collected: string[] = [];
  const collector = new Collector((whole) => collected.push(whole ? "all" : "young"));
  const door = { garbage: 0, fleeting: 0 };
  const store = { garbage: 0 };
  /** What is collected when so many questions were asked until this second. */
  const ask = (questions: number, second: number): string => {
    door.fleeting += questions;
    return add(0, 0, second);
  };
  /** What is collected when so many pieces are added at this second. */
  const add = (ofDoor: number, ofStore: number, second: number, partitions = 1): string => {
    door.garbage += ofDoor;
    store.garbage += ofStore;
    const before = collected.length;
    collector.step(door, store, partitions, START_MS + second * 1000);
    return collected.slice(before).join(" ");
  };
  return { add, ask, collector, pieces: () => door.garbage + store.garbage };
}

test("a thousand pieces are a reason to collect, fewer are counted on", () => {
  const { add, collector, pieces } = counting();
  assert.equal(add(0, 0, 0), "");
  assert.equal(add(600, 399, 0), "");
  assert.equal(pieces(), 999);
  assert.equal(add(0, 1, 0), "all");
  assert.equal(pieces(), 0);
  assert.equal(add(0, 1000, 20, 4000), "all");
  assert.equal(add(1000, 0, 21), "young");
  assert.deepEqual([collector.whole, collector.young], [2, 1], "and they are counted");
});

test("a shard of very many partitions collects after a piece for each four of them", () => {
  const { add } = counting();
  assert.equal(add(1000, 999, 0, 8000), "");
  assert.equal(add(0, 1, 0, 8000), "all");
});

test("soon after a collection of all only young objects are collected", () => {
  const { add } = counting();
  assert.equal(add(1000, 0, 0), "all");
  assert.equal(add(1000, 0, 1), "young");
  assert.equal(add(999, 0, 2), "");
  assert.equal(add(1, 0, 9.9), "young");
  assert.equal(add(1000, 0, 10), "all");
});

test("what a collection of young objects may have left is collected without new pieces", () => {
  const { add } = counting();
  assert.equal(add(1000, 0, 0), "all");
  assert.equal(add(1000, 0, 5), "young");
  assert.equal(add(0, 0, 9.9), "");
  assert.equal(add(0, 0, 10), "all");
  assert.equal(add(0, 0, 30), "", "nothing has come since");
});

test("questions alone have young objects collected, and all only when they were very many", () => {
  const { add, ask, collector } = counting();
  assert.equal(add(1000, 0, 0), "all");
  assert.equal(ask(999, 20), "");
  assert.equal(ask(1, 20), "young");
  for (let thousand = 1; thousand < 499; thousand += 1) assert.equal(ask(1000, 20), "young");
  assert.equal(ask(1000, 20), "all");
  assert.deepEqual([collector.whole, collector.young], [2, 499]);
  assert.equal(ask(250_000, 40), "young");
  assert.equal(add(500, 0, 40), "all", "half of either");
});

test("what lived through a collection of young objects is collected", async () => {
  // Like a shard: so much memory of WebAssembly that Bun takes any other heap for a small one.
  const fast = new Uint8Array(new WebAssembly.Memory({ initial: 1024, maximum: 1024 }).buffer);
  const held: Set<object> = new Set();
  const seen = Array.from({ length: 100 }, () => {
    const object = { piece: new Float64Array(64) };
    held.add(object);
    return new WeakRef(object);
  });
  await pause(0); // a WeakRef keeps its object until here
  const collector = new Collector();
  collector.step({ garbage: 1000, fleeting: 0 }, { garbage: 0 }, 1, START_MS);
  held.clear();
  collector.step({ garbage: 1000, fleeting: 0 }, { garbage: 0 }, 1, START_MS + 20_000);
  const kept = seen.filter((ref) => ref.deref() !== undefined).length;
  // A few may still be seen on the stack. Deno collects when it wants to.
  if (currentRuntime() === "bun") assert.ok(kept < 10, "pieces are left: " + kept);
  assert.equal(fast.length, 67108864);
});

test("requests of the data path leave nothing; others, refusals and connections do", () => {
  const made = new NodeWorld();
  made.addTopic("t");
  const client = made.client();
  const { door } = made.node;
  const counted = (): number[] => [door.garbage, door.fleeting];
  const [pieces, questions] = counted() as [number, number];
  for (let i = 0; i < 5; i += 1) client.ask(frames.produce(0, batchOfSize(100), i));
  for (let i = 0; i < 5; i += 1) client.ask(frames.fetch(0, i));
  assert.deepEqual(counted(), [pieces, questions]);
  client.ask(frames.produce(7, batchOfSize(100)));
  client.ask(frames.request("stats", {}));
  assert.deepEqual(counted(), [pieces, questions + 2], "neither lives");
  client.ask(frames.request("open_partition", { topic: "t", partition: 0 }));
  assert.deepEqual(counted(), [pieces + 1, questions + 2], "a handle does");
  made.client();
  assert.ok(door.garbage > pieces + 1);
  for (let i = 0; i < 1100; i += 1) client.ask(frames.request("stats", {}));
  assert.ok(door.fleeting < 1000);
  made.end();
});
