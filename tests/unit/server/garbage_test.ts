/** When a collection is asked for; what it does for memory is measured by the soak. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { collectGarbage } from "../../../src/server/garbage.ts";
import { batchOfSize } from "../../support/batches.ts";
import * as frames from "../../support/frames.ts";
import { NodeWorld } from "../../support/node_world.ts";
import { currentRuntime } from "../../support/runtimes.ts";
import { pause } from "../../support/until.ts";

/** What is left of so many pieces, in a shard of so many partitions. */
function left(ofDoor: number, ofStore: number, partitions: number): [number, number] {
  const door = { garbage: ofDoor };
  const store = { garbage: ofStore };
  collectGarbage(door, store, partitions);
  return [door.garbage, store.garbage];
}

test("a thousand pieces are a reason to collect, fewer are counted on", () => {
  assert.deepEqual(left(0, 0, 0), [0, 0]);
  assert.deepEqual(left(600, 399, 1), [600, 399]);
  assert.deepEqual(left(600, 400, 1), [0, 0]);
  assert.deepEqual(left(0, 1000, 4000), [0, 0]);
});

test("a shard of very many partitions collects after a piece for each four of them", () => {
  assert.deepEqual(left(1000, 999, 8000), [1000, 999]);
  assert.deepEqual(left(1000, 1000, 8000), [0, 0]);
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
  collectGarbage({ garbage: 1000 }, { garbage: 0 }, 1);
  held.clear();
  collectGarbage({ garbage: 1000 }, { garbage: 0 }, 1);
  const kept = seen.filter((ref) => ref.deref() !== undefined).length;
  // A few may still be seen on the stack. Deno collects when it wants to.
  if (currentRuntime() === "bun") assert.ok(kept < 10, "pieces are left: " + kept);
  assert.equal(fast.length, 67108864);
});

test("requests of the data path leave nothing; others, refusals and connections do", () => {
  const made = new NodeWorld();
  made.addTopic("t");
  const client = made.client();
  const before = made.node.door.garbage;
  for (let i = 0; i < 5; i += 1) client.ask(frames.produce(0, batchOfSize(100), i));
  for (let i = 0; i < 5; i += 1) client.ask(frames.fetch(0, i));
  assert.equal(made.node.door.garbage, before);
  client.ask(frames.produce(7, batchOfSize(100)));
  client.ask(frames.request("stats", {}));
  assert.equal(made.node.door.garbage, before + 2);
  made.client();
  assert.ok(made.node.door.garbage > before + 2);
  for (let i = 0; i < 1100; i += 1) client.ask(frames.request("stats", {}));
  assert.ok(made.node.door.garbage < 1000);
  made.end();
});
