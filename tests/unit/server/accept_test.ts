/** New connections: limits, and a process that has no descriptor to spare. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { ECONNABORTED, EMFILE } from "../../../ffi/constants.ts";
import { DESCRIPTORS_SPARE, OPEN_SEALED_MAX } from "../../../src/limits.ts";
import { connectionsMax } from "../../../src/server/accept.ts";
import * as frames from "../../support/frames.ts";
import { type NodeClient, NodeWorld } from "../../support/node_world.ts";

function endedOf(clients: readonly NodeClient[]): number {
  for (const client of clients) client.take();
  return clients.filter(({ ended }) => ended).length;
}

test("more clients than there may be are closed at once; control is no client", () => {
  const made = new NodeWorld(undefined, undefined, { max: 5 });
  const control = made.connect(true);
  control.ask(frames.hello());
  const clients = Array.from({ length: 8 }, () => made.connect());
  made.until(() => endedOf(clients) === 3, "three are refused");
  assert.equal(made.node.clients, 5);
  assert.equal(made.node.connectionCounters.refusedLimit, 3);
  const second = made.connect(true);
  assert.equal(second.ask(frames.hello()).code, 0, "control is always let in");
  clients[0]!.close();
  made.until(() => made.node.clients === 4, "one is gone");
  assert.equal(made.connect().ask(frames.hello()).code, 0, "another takes its place");
  made.end();
});

test("what storage may need of the descriptors is not for clients", () => {
  const made = new NodeWorld(undefined, undefined, { max: 100 });
  made.addTopic("t", 7);
  const start = made.node.start as { descriptorsMax: number };
  assert.equal(connectionsMax(made.node), 100);
  start.descriptorsMax = 7 + OPEN_SEALED_MAX + DESCRIPTORS_SPARE + 2;
  assert.equal(connectionsMax(made.node), 2);
  const clients = Array.from({ length: 5 }, () => made.connect());
  made.until(() => endedOf(clients) === 3, "the others are refused");
  made.end();
});

test("each address has its own number of connections, counted as they come and go", () => {
  const made = new NodeWorld(undefined, undefined, { perAddressMax: 3 });
  const clients = Array.from({ length: 5 }, () => made.connect());
  made.until(() => endedOf(clients) === 2, "two are refused");
  assert.deepEqual([...made.node.perAddress], [["127.0.0.1", 3]]);
  assert.equal(made.node.connectionCounters.refusedAddress, 2);
  clients.find(({ ended }) => !ended)!.close();
  made.until(() => made.node.clients === 2, "one is gone");
  assert.deepEqual([...made.node.perAddress], [["127.0.0.1", 2]]);
  made.end();
  assert.equal(made.node.perAddress.size, 0, "nothing is kept of an address that is gone");
});

test("an address whose last connection ends is forgotten", () => {
  const made = new NodeWorld(undefined, undefined, { perAddressMax: 3 });
  const clients = [made.connect(), made.connect()];
  made.until(() => made.node.clients === 2, "both are here");
  for (const client of clients) client.close();
  made.until(() => made.node.clients === 0, "all are gone");
  assert.equal(made.node.perAddress.size, 0, "nothing is kept of an address that is gone");
  made.end();
});

test("without a descriptor clients hear it, and without even that the listener rests", () => {
  const made = new NodeWorld();
  const patience = made.faulty.plan;
  const inside = made.client === undefined ? null : made.connect();
  inside!.ask(frames.hello());
  // Accepting fails, unless the reserve was closed a moment ago.
  let isReserveClosed = false;
  made.faulty.plan = (call, args) => {
    if (call === "accept4" && !isReserveClosed) return -EMFILE;
    isReserveClosed = call === "close";
    return patience(call, args);
  };
  const refused = Array.from({ length: 3 }, () => made.connect());
  made.until(() => endedOf(refused) === 3, "they are refused");
  assert.equal(made.node.connectionCounters.refusedDescriptors, 3);
  made.faulty.plan = (call, args) => call === "accept4" ? -EMFILE : patience(call, args);
  const waiting = made.connect();
  made.until(() => made.node.acceptAgainMs !== Infinity, "the listener rests");
  made.waits.length = 0;
  made.turns(3);
  assert.ok(made.waits.every((wait) => wait > 0), "the loop does not spin");
  assert.equal(inside!.ask(frames.request("ping", {})).code, 0);
  made.faulty.plan = patience;
  made.pass(200);
  assert.equal(waiting.ask(frames.hello()).code, 0, "who waited is let in");
  made.end();
});

test("a client that is gone before it is accepted is no reason to stop accepting", () => {
  const made = new NodeWorld();
  const patience = made.faulty.plan;
  let left = 3;
  made.faulty.plan = (call, args) => {
    if (call !== "accept4" || left === 0) return patience(call, args);
    left -= 1;
    return -ECONNABORTED;
  };
  assert.equal(made.connect().ask(frames.hello()).code, 0);
  assert.equal(left, 0);
  made.end();
});

test("a connection that the poller does not take is closed", () => {
  const made = new NodeWorld();
  const patience = made.faulty.plan;
  made.faulty.plan = (call, args) => call === "epollCtl" ? -EMFILE : patience(call, args);
  const client = made.connect();
  made.until(() => endedOf([client]) === 1, "it ends");
  assert.deepEqual([made.node.clients, made.node.deadlines.size], [0, 0]);
  made.faulty.plan = patience;
  libc.close(client.fd);
  made.end();
});
