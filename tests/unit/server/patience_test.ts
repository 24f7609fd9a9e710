/** Deadlines of connections, on a clock that the test puts forward. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, EPOLLIN } from "../../../ffi/constants.ts";
import { MiB } from "../../../src/base/units.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { REQUEST_MS_PER_MIB, SETTLE_MS, SYNCS_IN_FLIGHT_MAX } from "../../../src/limits.ts";
import { LINGER_MS } from "../../../src/server/patience.ts";
import { batchOfSize, concat } from "../../support/batches.ts";
import { FakeAio } from "../../support/fake_aio.ts";
import * as frames from "../../support/frames.ts";
import { NodeWorld, real } from "../../support/node_world.ts";

const SETTINGS = { idleMs: 30000, requestMs: 5000, helloMs: 3000, writeMs: 8000 };

function world(): NodeWorld {
  const made = new NodeWorld(undefined, undefined, SETTINGS);
  made.addTopic("t", 1, [{ key: "durability", value: "os" }]);
  return made;
}

function closedOf(made: NodeWorld): Record<string, number> {
  const { closed } = made.node.connectionCounters;
  return Object.fromEntries(Object.entries(closed).filter(([, count]) => count > 0));
}

test("who does not say hello in time is closed, whatever else it says", () => {
  const made = world();
  const silent = made.connect();
  const chatty = made.connect();
  made.until(() => made.node.clients === 2, "both are here");
  for (let i = 0; i < 2; i += 1) {
    made.pass(SETTINGS.helloMs / 3);
    chatty.ask(frames.request("ping", {}));
  }
  assert.equal(made.node.clients, 2);
  made.pass(SETTINGS.helloMs / 3 + 100);
  assert.deepEqual(closedOf(made), { hello: 2 });
  silent.close();
  chatty.close();
  made.end();
});

test("a frame has so long from its first byte to its last, however often a byte comes", () => {
  const made = world();
  const client = made.client();
  const frame = frames.produce(0, batchOfSize(3000));
  client.send(frame.subarray(0, 2));
  made.turns(2);
  const began = made.node.connections[0]!.frameMs;
  for (let at = 2; at < 40; at += 1) {
    client.send(frame.subarray(at, at + 1));
    made.pass(SETTINGS.requestMs / 50);
  }
  assert.equal(made.node.connections[0]!.frameMs, began, "the first byte counts");
  assert.equal(made.node.clients, 1);
  made.pass(SETTINGS.requestMs / 3);
  assert.deepEqual(closedOf(made), { request: 1 });
  made.end();
});

test("each MiB that has come of a frame earns it a second more, what is declared nothing", () => {
  const made = world();
  const [steady, boaster] = [made.client(), made.client()];
  const frame = frames.frame({ operation: 201, size: 20 * MiB });
  const piece = new Uint8Array(MiB / 2);
  boaster.send(frame);
  steady.send(frame);
  const sizes = made.node.connections.map(({ incoming }) => incoming);
  for (let i = 1; i <= 8; i += 1) {
    steady.send(piece);
    made.until(() => sizes[0]!.unparsed === frame.length + i * piece.length, "it has come");
  }
  made.pass(SETTINGS.requestMs + 500);
  assert.deepEqual(closedOf(made), { request: 1 }, "the boaster");
  made.pass(4 * REQUEST_MS_PER_MIB - 1000);
  assert.deepEqual(closedOf(made), { request: 1 });
  assert.equal(steady.ended, false);
  made.pass(1000);
  assert.deepEqual(closedOf(made), { request: 2 }, "then its time is over too");
  made.end();
});

test("each frame has its own time", () => {
  const made = world();
  const client = made.client();
  const frame = frames.request("ping", {});
  for (let i = 0; i < 6; i += 1) {
    client.send(frame.subarray(0, 5));
    made.pass(SETTINGS.requestMs * 0.6);
    assert.equal(client.ask(frame.subarray(5)).code, 0);
  }
  made.end();
});

test("a partial frame that waits moves into a block of its size", () => {
  const made = world();
  const client = made.client();
  client.send(frames.produce(0, batchOfSize(3000)).subarray(0, 1500));
  made.turns(2);
  assert.equal(made.node.receivePool.lentBytes, 131072);
  made.pass(SETTLE_MS + 100);
  assert.equal(made.node.receivePool.lentBytes, 2048);
  client.send(frames.produce(0, batchOfSize(3000)).subarray(1500));
  assert.equal(client.receive(1)[0]!.code, 0, "and is executed when it is whole");
  made.end();
});

test("who asks for nothing is closed; who waits for an answer, or speaks, is not", () => {
  const made = world();
  const control = made.connect(true);
  control.ask(frames.hello());
  const idle = made.client();
  const waiting = made.client();
  waiting.send(frames.fetch(0, 0, { maxWaitMs: 600000, minBytes: 1000 }, 7));
  const speaking = made.client();
  for (let i = 0; i < 12; i += 1) {
    made.pass(SETTINGS.idleMs / 10);
    speaking.ask(frames.request("ping", {}));
  }
  assert.deepEqual(closedOf(made), { idle: 1 });
  idle.take();
  assert.equal(idle.ended, true);
  speaking.ask(frames.produce(0, batchOfSize(2000)));
  assert.equal(waiting.receive(1)[0]!.correlation, 7);
  made.pass(SETTINGS.idleMs * 0.5);
  assert.equal(waiting.ask(frames.request("ping", {})).code, 0, "it counts from its answer on");
  assert.equal(control.ask(frames.request("ping", {})).code, 0, "control is never idle");
  made.end();
});

test("who does not read is closed; who reads slowly is not", () => {
  const made = world();
  const [never, slow] = [made.client(), made.client()];
  const [neverFd, slowFd] = made.node.connections.map(({ fd }) => fd) as [number, number];
  // Sockets with so little room that the poller never speaks of it.
  const room = new Map([[neverFd, 3000], [slowFd, 3000]]);
  const patience = made.faulty.plan;
  made.faulty.plan = (call, args) => {
    const all = args as unknown[];
    if (call === "epollCtl" && room.has(args[2] as number)) all[3] = EPOLLIN;
    const left = room.get(args[0] as number);
    if ((call !== "send" && call !== "sendfile") || left === undefined) return patience(call, args);
    if (left === 0) return -EAGAIN;
    all[3] = Math.min(args[3] as number, left);
    room.set(args[0] as number, left - (all[3] as number));
    return undefined;
  };
  made.client().ask(frames.produce(0, batchOfSize(900000)));
  for (const client of [never, slow]) client.send(frames.fetch(0, 0, { maxBytes: 1000000 }));
  made.until(() => [...room.values()].every((left) => left === 0), "both are full");
  for (let i = 0; i < 30; i += 1) {
    room.set(slowFd, 100);
    made.pass(SETTINGS.writeMs / 10);
  }
  assert.deepEqual(closedOf(made), { write: 1 });
  slow.take();
  never.take();
  assert.deepEqual([never.ended, slow.ended], [true, false]);
  made.end();
});

test("after a leap of the clock nobody is late: clients are read first", () => {
  const made = world();
  const strangers = [made.connect(), made.connect()];
  const idle = made.client();
  const partial = made.client();
  const frame = frames.request("ping", {}, 9);
  partial.send(frame.subarray(0, 6));
  made.turns(3);
  made.passedMs += 3600000; // the process was stopped
  made.turns(3);
  assert.deepEqual(closedOf(made), {});
  assert.equal(made.node.connectionCounters.stalls, 1);
  assert.equal(partial.ask(frame.subarray(6)).correlation, 9);
  assert.equal(strangers[0]!.ask(frames.hello()).code, 0);
  assert.equal(idle.ask(frame).code, 0);
  made.pass(SETTINGS.helloMs + 200);
  assert.deepEqual(closedOf(made), { hello: 1 }, "from then on time passes again");
  made.end();
});

test("an idle connection stands in the heap once, and leaves it when it ends", () => {
  const made = world();
  made.client();
  const { deadlines, loopMs } = made.node;
  assert.equal(deadlines.size, 1);
  assert.ok(deadlines.nextMs > loopMs && deadlines.nextMs <= loopMs + SETTINGS.idleMs);
  made.end();
  assert.equal(deadlines.size, 0, "closed connections have none");
});

test("a subscriber may be silent for ever, one that has ended its subscription may not", () => {
  const made = world();
  const client = made.client();
  client.ask(frames.subscribe(0, 0, {}, 7));
  made.pass(SETTINGS.idleMs * 1.5);
  assert.equal(made.node.clients, 1);
  const producer = made.client();
  producer.ask(frames.produce(0, batchOfSize(100)));
  assert.equal(client.receive(1)[0]!.flags, 128, "and is still pushed to");
  client.ask(frames.unsubscribe(7));
  made.pass(SETTINGS.idleMs + 1000);
  assert.deepEqual(closedOf(made), { idle: 2 });
  made.end();
});

test("who is refused is still answered what a slow disk owes", () => {
  const aio = new FakeAio(SYNCS_IN_FLIGHT_MAX);
  const made = new NodeWorld(undefined, (own) => real(own, { openAio: () => aio }), SETTINGS);
  made.addTopic("t");
  const client = made.client();
  const waits = frames.request("open_partition", { topic: "t", partition: 0 }, 4);
  client.send(waits);
  client.receive(1);
  const wrong = frames.frame({ operation: 2, size: 0 });
  const parked = frames.fetch(1, 0, { maxWaitMs: 600000 }, 6);
  client.send(concat([frames.produce(0, batchOfSize(100), 5), parked, wrong]));
  made.until(() => aio.inFlight.length > 0, "it is to be synced");
  made.pass(2 * LINGER_MS);
  assert.equal(made.node.clients, 1, "it is owed an answer");
  aio.finishAll();
  made.node.syncer.reap(made.node.nowMs, made.node.door);
  const codes = client.receive(2).map(({ correlation, code }) => [correlation, code]);
  assert.deepEqual(codes, [[0, ErrorCodes.invalid_frame], [5, 0]]);
  made.pass(2 * LINGER_MS);
  assert.deepEqual(closedOf(made), { refused: 1 }, "a fetch that may wait for ever is not owed");
  client.close();
  made.end();
});
