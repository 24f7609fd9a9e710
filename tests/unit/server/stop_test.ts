/** Stopping a shard: everything written is synced and answered before the request to stop is. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { AF_INET, EIO, SOCK_STREAM } from "../../../ffi/constants.ts";
import { batchOfSize } from "../../support/batches.ts";
import * as frames from "../../support/frames.ts";
import { isClean } from "../../../src/server/stop.ts";
import { type NodeClient, NodeWorld } from "../../support/node_world.ts";

const OS = [{ key: "durability", value: "os" }];

/** A control connection that has said hello. */
function mainThread(made: NodeWorld): NodeClient {
  const client = made.connect(true);
  client.ask(frames.hello());
  return client;
}

test("a shard with nothing to do stops at once, and its files are whole", () => {
  const made = new NodeWorld();
  made.addTopic("t", 2);
  const main = mainThread(made);
  main.send(frames.control("stop", {}, 99));
  made.until(() => !made.node.running, "the loop ends");
  made.end();
  assert.deepEqual(main.take().map(({ correlation, code }) => [correlation, code]), [[99, 0]]);
  main.close();
  const names = readdirSync(join(made.root, "t-1")).sort();
  assert.deepEqual(names, ["00000000000000000000.index", "00000000000000000000.log"]);
});

for (const config of [[], OS, [{ key: "durability", value: "interval" }]]) {
  test(`what was produced is synced and answered first: ${JSON.stringify(config)}`, () => {
    const made = new NodeWorld();
    made.addTopic("t", 1, config);
    const client = made.client();
    const main = mainThread(made);
    for (let i = 0; i < 10; i += 1) client.send(frames.produce(0, batchOfSize(1000), i));
    made.until(() => made.node.broker.counters.appends === 10, "all are taken");
    main.send(frames.control("stop", {}, 99));
    const synced: boolean[] = [];
    const [partition] = made.node.broker.topics.partitions;
    made.until(() => {
      synced.push(partition!.log.isSynced);
      return !made.node.running;
    }, "the loop ends");
    assert.equal(partition!.log.durable.offset, 10);
    assert.equal(synced.at(-1), true, "it was on disk before the loop ended");
    made.end();
    assert.equal(main.take().length, 1);
    assert.deepEqual(client.take().map(({ code }) => code), new Array(10).fill(0));
    client.take();
    assert.equal(client.ended, true);
    client.close();
    main.close();
  });
}

test("waiting fetches are answered, new connections and new requests are not taken", () => {
  const made = new NodeWorld();
  made.addTopic("t");
  const client = made.client();
  const main = mainThread(made);
  client.send(frames.fetch(0, 0, { maxWaitMs: 60000 }, 5));
  made.until(() => made.node.broker.waiters.deadlines.size === 1, "it waits");
  const address = made.node.nativeAddress();
  main.send(frames.control("stop", {}, 99));
  made.until(() => made.node.stopping !== null, "it begins to stop");
  const late = libc.socket(AF_INET, SOCK_STREAM, 0);
  const refused = libc.connect(late, { family: "inet", ...address });
  assert.ok(refused < 0, "nobody listens any more");
  libc.close(late);
  client.send(frames.request("ping", {}, 6));
  made.until(() => !made.node.running, "the loop ends");
  made.end();
  assert.deepEqual(client.take().map(({ correlation }) => correlation), [5]);
  assert.equal(main.take().length, 1);
  client.close();
  main.close();
});

test("a client that does not read holds the stop up only for so long", () => {
  const made = new NodeWorld();
  made.addTopic("t", 1, OS);
  const client = made.client();
  const main = mainThread(made);
  for (let i = 0; i < 12; i += 1) client.ask(frames.produce(0, batchOfSize(1000000, i)));
  client.send(frames.fetch(0, 0, { maxBytes: 64000000 }, 5));
  made.until(() => made.node.connections[0]!.writeArmed, "the socket is full");
  main.send(frames.control("stop", {}, 99));
  made.turns(20);
  assert.equal(made.node.running, true, "it may still read");
  made.passedMs += 60000;
  made.until(() => !made.node.running, "patience ends");
  made.end();
  assert.equal(main.take().length, 1);
  client.close();
  main.close();
});

test("a second request to stop is no second stop", () => {
  const made = new NodeWorld();
  const main = mainThread(made);
  main.send(frames.control("stop", {}, 1));
  main.send(frames.control("stop", {}, 2));
  made.until(() => !made.node.running, "the loop ends");
  made.end();
  assert.deepEqual(main.take().map(({ correlation }) => correlation), [1]);
  main.close();
});

test("a partition whose write failed is not taken for clean", () => {
  const made = new NodeWorld(undefined, (world) => world.faulty.libc);
  made.addTopic("t");
  const client = made.client();
  const main = mainThread(made);
  assert.equal(isClean(made.node), true);
  const plan = made.faulty.plan;
  made.faulty.plan = (call, args) => call === "pwritev" ? -EIO : plan(call, args);
  client.send(frames.produce(0, batchOfSize(1000), 1));
  const [partition] = made.node.broker.topics.partitions;
  made.until(() => partition!.log.broken, "the write has failed");
  made.faulty.plan = plan;
  main.send(frames.control("stop", {}, 99));
  made.until(() => !made.node.running, "the loop ends all the same");
  assert.equal(isClean(made.node), false);
  made.end();
  client.close();
  main.close();
});
