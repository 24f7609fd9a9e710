/** Stopping a shard: everything written is synced and answered before the request to stop is. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { AF_INET, EIO, SO_SNDBUF, SOCK_STREAM, SOL_SOCKET } from "../../../ffi/constants.ts";
import { SYNCS_IN_FLIGHT_MAX } from "../../../src/limits.ts";
import { FakeAio } from "../../support/fake_aio.ts";
import { batchOfSize, concat } from "../../support/batches.ts";
import * as frames from "../../support/frames.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { isClean, lastCheckpoint } from "../../../src/server/stop.ts";
import { openTopic } from "../../../src/server/open_topic.ts";
import { type NodeClient, NodeWorld, real } from "../../support/node_world.ts";

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
  const suffixes = ["index", "log", "snapshot", "timeindex"];
  const files = suffixes.map((suffix) => `00000000000000000000.${suffix}`);
  assert.deepEqual(names, [...files, "leader-epoch-checkpoint"]);
});

test("subscriptions end by name, behind what was pushed before", () => {
  const made = new NodeWorld();
  made.addTopic("t", 2);
  const consumer = made.client();
  const main = mainThread(made);
  consumer.ask(frames.produce(0, batchOfSize(100)));
  consumer.send(concat([frames.subscribe(0, 0, {}, 7), frames.subscribe(0, 1, {}, 8)]));
  const [, , push] = consumer.receive(3);
  assert.equal(push!.body.length, 116);
  main.send(frames.control("stop", {}, 99));
  made.until(() => !made.node.running, "the loop ends");
  made.end();
  const last = consumer.take().map(({ correlation, code, flags }) => [correlation, code, flags]);
  assert.deepEqual(last.sort(), [7, 8].map((number) => [number, ErrorCodes.shutting_down, 128]));
  consumer.take();
  assert.equal(consumer.ended, true);
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
  const other = made.client();
  for (let i = 0; i < 12; i += 1) client.ask(frames.produce(0, batchOfSize(1000000, i)));
  client.send(frames.fetch(0, 0, { maxBytes: 64000000 }, 5));
  made.until(() => made.node.connections[0]!.writeArmed, "the socket is full");
  main.send(frames.control("stop", {}, 99));
  made.turns(20);
  assert.equal(made.node.running, true, "it may still read");
  other.send(frames.addCredit(5, 1000));
  made.turns(5);
  assert.deepEqual(other.take(), [], "credit that comes late has no reply");
  const late = other.ask(frames.produce(0, batchOfSize(100), 7));
  assert.deepEqual([late.correlation, late.code], [7, ErrorCodes.shutting_down]);
  made.until(() => {
    other.take();
    return other.ended;
  }, "who asks too late hears why, and then the end");
  other.close();
  made.passedMs += 60000;
  made.until(() => !made.node.running, "patience ends");
  made.end();
  assert.equal(main.take().length, 1);
  client.close();
  main.close();
});

test("how long a disk takes for its last syncs is not taken from the clients' patience", () => {
  const aio = new FakeAio(SYNCS_IN_FLIGHT_MAX);
  const made = new NodeWorld(undefined, (world) => real(world, { openAio: () => aio }));
  made.addTopic("t");
  const client = made.client();
  const main = mainThread(made);
  const endSyncs = () => {
    aio.finishAll();
    made.node.syncer.reap(made.node.nowMs, made.node.door);
  };
  client.send(frames.produce(0, batchOfSize(1000000), 1));
  made.until(() => aio.inFlight.length > 0, "it is to be synced");
  endSyncs();
  client.receive(1);
  // Its socket is full when the acknowledgement comes.
  libc.setsockopt(made.node.connections[0]!.fd, SOL_SOCKET, SO_SNDBUF, 4096);
  for (let i = 2; i < 12; i += 1) client.send(frames.fetch(0, 0, {}, i));
  client.send(frames.produce(0, batchOfSize(1000), 99));
  made.until(() => made.node.connections[0]!.writeArmed, "the socket is full");
  main.send(frames.control("stop", {}, 7));
  made.until(() => made.node.stopping !== null, "it stops");
  made.passedMs += 10000;
  made.turns(3);
  const { log } = made.node.broker.topics.partitions[0]!;
  assert.equal(log.isSynced, false);
  made.until(() => {
    endSyncs();
    return log.isSynced;
  }, "all is synced");
  made.turns(3);
  assert.equal(made.node.running, true, "the client may still read");
  libc.setsockopt(made.node.connections[0]!.fd, SOL_SOCKET, SO_SNDBUF, 1048576);
  const codes: number[] = [];
  const take = () => codes.push(...client.take().map(({ code }) => code));
  made.until(() => {
    take();
    return !made.node.running;
  }, "then it ends");
  made.end();
  take();
  assert.deepEqual(codes, new Array(11).fill(0));
  client.close();
  main.close();
});

test("deleting records that main did not confirm is answered, the last offsets are told", () => {
  const made = new NodeWorld();
  made.addTopic("t", 2);
  const client = made.client();
  const main = mainThread(made);
  for (let i = 0; i < 3; i += 1) client.ask(frames.produce(0, batchOfSize(100, i)));
  client.send(frames.request("delete_records", { handle: 0, offset: 2 }, 7));
  const told = () =>
    made.messages.flatMap((message) => {
      return message.kind === "checkpoint" ? message.entries : [];
    });
  made.until(() => told().some(({ logStart }) => logStart === 2), "main is told");
  main.send(frames.control("stop", {}, 99));
  made.until(() => !made.node.running, "the loop ends");
  made.end();
  const [reply] = client.take();
  assert.deepEqual([reply!.correlation, reply!.code], [7, ErrorCodes.shutting_down]);
  const topicId = "01234567-89ab-4cde-8f01-23456789abcd";
  assert.deepEqual(lastCheckpoint(made.node), [
    { topic: "t", topicId, partition: 0, recoveryPoint: 3, logStart: 0 },
    { topic: "t", topicId, partition: 1, recoveryPoint: 0, logStart: 0 },
  ]);
  client.close();
  main.close();
});

test("a damaged partition is looked at again at the next start", () => {
  const first = new NodeWorld();
  first.addTopic("t");
  const client = first.client();
  for (let i = 0; i < 4; i += 1) client.ask(frames.produce(0, batchOfSize(100, i)));
  first.end();
  const path = join(first.root, "t-0", "00000000000000000000.log");
  writeFileSync(path, readFileSync(path).subarray(0, 250));
  const made = new NodeWorld(first.root);
  const points = [{ recoveryPoint: 4, logStart: 0 }];
  const topicId = "01234567-89ab-4cde-8f01-23456789abcd";
  openTopic(made.node, { name: "t", topicId, partitions: 1, config: [], points }, false);
  assert.notEqual(made.node.broker.topics.partitions[0]!.log.degraded, "");
  assert.equal(isClean(made.node), false);
  made.end();
});

test("a topic that was removed is no part of the stop", () => {
  const made = new NodeWorld();
  made.addTopic("t");
  made.addTopic("u");
  const client = made.client();
  const main = mainThread(made);
  client.ask(frames.produce(0, batchOfSize(100)));
  const topicId = "01234567-89ab-4cde-8f01-23456789abcd";
  main.ask(frames.control("remove_topic", { name: "t", topicId }));
  main.send(frames.control("stop", {}, 99));
  made.until(() => !made.node.running, "the loop ends");
  made.end();
  assert.deepEqual(lastCheckpoint(made.node).map(({ topic }) => topic), ["u"]);
  assert.equal(isClean(made.node), true);
  const names = readdirSync(join(made.root, "t-0"));
  assert.ok(!names.some((name) => name.endsWith(".index")), "nothing was written for it");
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
