/** What one turn makes of what came in: one write, one submission, one send. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { batchOfSize, concat } from "../../support/batches.ts";
import * as frames from "../../support/frames.ts";
import { NodeWorld } from "../../support/node_world.ts";

test("a turn's appends to a partition are one write, and its replies one send", () => {
  const made = new NodeWorld();
  made.addTopic("t", 1, [{ key: "durability", value: "os" }]);
  const clients = [made.client(), made.client()];
  const { store, sendCounters } = made.node;
  made.turns(2);
  const before = { writes: store.counters.writes, sends: sendCounters.sends };
  for (const client of clients) {
    client.send(
      concat(Array.from({ length: 10 }, (_, i) => frames.produce(0, batchOfSize(100), i))),
    );
  }
  made.until(() => made.node.broker.counters.appends === 20, "all are taken");
  const writes = store.counters.writes - before.writes;
  assert.ok(writes <= 2, "one write a turn, and at most a turn per client");
  for (const client of clients) assert.equal(client.receive(10).length, 10);
  assert.ok(sendCounters.sends - before.sends <= 2, "one send per connection");
  made.end();
});

test("a consumer at the tail gets what a producer appends, batch by batch", () => {
  const made = new NodeWorld();
  made.addTopic("t");
  const [producer, consumer] = [made.client(), made.client()];
  for (let i = 0; i < 20; i += 1) {
    consumer.send(frames.fetch(0, i, { maxWaitMs: 60000 }, i));
    const { body } = producer.ask(frames.produce(0, batchOfSize(200, i), 100 + i));
    assert.equal(new DataView(body.buffer).getUint32(4), i);
    const [reply] = consumer.receive(1);
    assert.deepEqual([reply!.correlation, reply!.code], [i, 0]);
    assert.equal(reply!.body.length, 16 + 200);
  }
  assert.equal(made.node.broker.counters.parkedFetches > 0, true);
  made.end();
});

test("a subscriber's push is sent in the turn in which the sync's completion was taken", () => {
  const made = new NodeWorld();
  made.addTopic("t");
  const [producer, consumer] = [made.client(), made.client()];
  consumer.ask(frames.subscribe(0, 0, {}, 7));
  const { syncer, broker, sendCounters } = made.node;
  for (let i = 0; i < 50; i += 1) {
    const before = { groups: syncer.counters.groups, pushes: broker.counters.pushes };
    producer.send(frames.produce(0, batchOfSize(200, i), 100 + i));
    for (;;) {
      const sent = sendCounters.sendfiles;
      made.turns(1);
      assert.equal(broker.counters.pushes - before.pushes, syncer.counters.groups - before.groups);
      if (syncer.counters.groups === before.groups) continue;
      assert.equal(sendCounters.sendfiles - sent, 1, "it left by sendfile in this very turn");
      break;
    }
    const [push] = consumer.receive(1);
    assert.deepEqual([push!.correlation, push!.flags, push!.body.length], [7, 128, 16 + 200]);
    assert.equal(producer.receive(1)[0]!.correlation, 100 + i);
  }
  made.end();
});

test("create_topic goes to the main thread and comes back by add_topic and answer", () => {
  const made = new NodeWorld();
  const asker = made.connect();
  asker.ask(frames.hello());
  asker.send(frames.request("create_topic", { name: "n", partitions: 2, config: [] }, 9));
  made.until(() => made.messages.length === 1, "main is told");
  const [message] = made.messages;
  assert.ok(message?.kind === "create_topic");
  const topicId = "01234567-89ab-4cde-8f01-23456789abcd";
  const main = made.connect(true);
  main.ask(frames.hello());
  const added = { name: "n", topicId, partitions: 2, config: [], points: [] };
  assert.equal(main.ask(frames.control("add_topic", added)).code, 0);
  const answer = { token: message.token, error: 0, message: "", topicId };
  assert.equal(main.ask(frames.control("answer", answer)).code, 0);
  const [reply] = asker.receive(1);
  assert.deepEqual([reply!.correlation, reply!.code], [9, 0]);
  assert.equal(made.node.broker.topics.get("n")!.partitions.length, 2);
  made.end();
});

test("the counters of stats add up", () => {
  const made = new NodeWorld();
  made.addTopic("t");
  const client = made.client();
  client.ask(frames.produce(0, batchOfSize(150)));
  client.ask(frames.fetch(0, 0));
  const counters = new Map(
    made.node.door.server.counters().map(({ name, value }) => [name, value]),
  );
  const expected: [string, number][] = [
    ["connections", 1],
    ["connections_accepted_total", 1],
    ["partitions", 1],
    ["appended_batches_total", 1],
    ["appended_records_total", 1],
    ["appended_bytes_total", 150],
    ["write_calls_total", 1],
    ["sync_groups_total", 1],
    ["fetches_total", 1],
    ["fetched_bytes_total", 150],
    ["fetched_records_total", 1],
    ["sent_file_bytes_total", 150],
    ["pool_lent_bytes", 0],
  ];
  for (const [name, value] of expected) assert.equal(counters.get(name), value, name);
  const health = made.node.door.server.health();
  assert.deepEqual(health, {
    partitions: 1,
    degraded: counters.get("partitions_degraded"),
    failed: counters.get("partitions_failed"),
    diskState: counters.get("disk_state"),
    diskFreeBytes: counters.get("disk_free_bytes"),
    diskTotalBytes: counters.get("disk_total_bytes"),
  });
  const timed = made.node.door.server.histograms();
  const counts = timed.map(({ name, listener, operation, values }) => {
    return [[name, listener, operation].join(" ").trim(), values.count];
  });
  const requests = counts.filter(([name]) => String(name).startsWith("request_us"));
  assert.deepEqual(requests, [
    ["request_us native hello", 1],
    ["request_us native open_partition", 1],
    ["request_us native produce", 1],
    ["request_us native fetch", 1],
  ]);
  assert.ok(counts.some(([name, count]) => name === "sync_latency_us" && count === 1));
  for (const { name, values } of timed) {
    assert.equal(values.buckets().reduce((sum, { count }) => sum + count, 0), values.count, name);
  }
  for (const [name, value] of counters) assert.ok(Number.isSafeInteger(value) && value >= 0, name);
  made.end();
});
