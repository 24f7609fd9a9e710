/** When a collection is asked for; what it does for memory is measured by the soak. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { collectGarbage } from "../../../src/server/garbage.ts";
import { batchOfSize } from "../../support/batches.ts";
import * as frames from "../../support/frames.ts";
import { NodeWorld } from "../../support/node_world.ts";

test("a thousand pieces are a reason to collect, fewer are counted on", () => {
  assert.equal(collectGarbage(0), 0);
  assert.equal(collectGarbage(999), 999);
  assert.equal(collectGarbage(1000), 0);
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
