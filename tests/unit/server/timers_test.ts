/** How long a shard may sleep. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PUSHES_PER_TURN, SWEEP_MS } from "../../../src/limits.ts";
import { waitMs } from "../../../src/server/timers.ts";
import { batchOfSize } from "../../support/batches.ts";
import * as frames from "../../support/frames.ts";
import { NodeWorld } from "../../support/node_world.ts";

/** Milliseconds until the next look at every partition. */
function untilSweep({ node }: NodeWorld): number {
  return node.caretaker.nextDueMs - node.nowMs;
}

test("an idle shard sleeps until the next sweep", () => {
  const made = new NodeWorld();
  made.addTopic("t");
  const client = made.client();
  made.turns(2);
  assert.equal(waitMs(made.node), untilSweep(made));
  assert.ok(untilSweep(made) > 0 && untilSweep(made) <= SWEEP_MS);
  made.node.stopping = { slot: 0, generation: 0, correlation: 0, deadlineMs: Infinity };
  made.passedMs += 2 * SWEEP_MS;
  made.node.readClocks(0);
  assert.equal(waitMs(made.node), 10, "a shard that stops sweeps no more");
  made.node.stopping = null;
  assert.equal(waitMs(made.node), 0, "overdue is now");
  client.close();
  made.end();
});

test("a waiting fetch wakes it at its deadline, an interval sync when it is due", () => {
  const made = new NodeWorld();
  made.addTopic("t", 1, [
    { key: "durability", value: "interval" },
    { key: "flush.ms", value: "300" },
  ]);
  const client = made.client();
  client.send(frames.fetch(0, 0, { maxWaitMs: 300, minBytes: 1000 }, 1));
  const { waiters } = made.node.broker;
  made.until(() => waiters.deadlines.size === 1, "it waits");
  const wait = waiters.deadlines.nextMs - made.node.nowMs;
  assert.equal(waitMs(made.node), Math.min(wait, untilSweep(made)));
  made.node.nowMs = waiters.deadlines.nextMs - 1;
  assert.equal(waitMs(made.node), 1, "of two times the earlier");
  client.close();
  made.until(() => made.node.openConnections === 0, "it is gone");
  const other = made.client();
  other.ask(frames.produce(0, batchOfSize(100)));
  const due = made.node.syncer.nextDueMs();
  made.node.nowMs = due - 1;
  assert.equal(waitMs(made.node), 1);
  made.passedMs += 60000;
  made.node.readClocks(0);
  assert.equal(waitMs(made.node), 0, "overdue is now");
  made.until(() => made.node.broker.topics.partitions[0]!.log.isSynced, "it is synced");
  assert.equal(waitMs(made.node), untilSweep(made));
  other.close();
  made.end();
});

test("with something in its lists it does not sleep", () => {
  const made = new NodeWorld();
  made.addTopic("t");
  const client = made.client();
  const [connection] = made.node.connections;
  made.node.queueSend(connection!);
  assert.equal(waitMs(made.node), 0);
  made.turns(1);
  made.node.queueDispatch(connection!);
  made.node.queueDispatch(connection!);
  assert.equal(made.node.toDispatch.length, 1, "once");
  assert.equal(waitMs(made.node), 0);
  made.turns(1);
  assert.equal(waitMs(made.node), untilSweep(made));
  client.close();
  made.end();
});

test("a refused client's time to read bounds the sleep, and so does a stop", () => {
  const made = new NodeWorld();
  const client = made.connect();
  client.ask(frames.frame({ operation: 1, size: 0 }));
  const wait = waitMs(made.node);
  const linger = made.node.connections[0]!.lingerUntilMs - made.node.loopMs;
  assert.equal(wait, Math.min(linger, Math.max(0, untilSweep(made))));
  made.node.stopping = { slot: 0, generation: 0, correlation: 0, deadlineMs: Infinity };
  assert.ok(waitMs(made.node) <= 10);
  made.node.stopping = null;
  client.close();
  made.end();
});

test("a subscriber with more to push than a turn takes is not slept over", () => {
  const made = new NodeWorld();
  made.addTopic("t", 1, [{ key: "durability", value: "os" }]);
  const [consumer, producer] = [made.client(), made.client()];
  for (let i = 0; i < 3 * PUSHES_PER_TURN; i += 1) producer.ask(frames.produce(0, batchOfSize(80)));
  consumer.send(frames.subscribe(0, 0, { maxBytes: 1 }, 7));
  const { counters, pushable } = made.node.broker;
  made.until(() => counters.pushes === PUSHES_PER_TURN, "the first ones");
  assert.equal(waitMs(made.node), 0);
  made.until(() => counters.pushes === 3 * PUSHES_PER_TURN, "all of them");
  assert.equal(pushable.length, 0);
  assert.equal(waitMs(made.node), untilSweep(made));
  made.end();
});
