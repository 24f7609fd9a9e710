import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { DoorConnections } from "../../../src/admin/door_connections.ts";

const MAX = 3;

async function decided(): Promise<void> {
  for (let turns = 0; turns < 3; turns += 1) await setImmediate();
}

class FakeSocket extends EventEmitter {
  destroyed = false;

  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

class Clients {
  readonly connections: DoorConnections = new DoorConnections(MAX);
  readonly served: string[] = [];

  connect(): FakeSocket {
    const socket = new FakeSocket();
    this.connections.add(socket as unknown as Socket);
    return socket;
  }

  ask(socket: FakeSocket, name: string): void {
    const incoming = { socket } as unknown as IncomingMessage;
    this.connections.serve(incoming, () => this.served.push(name));
  }
}

test("a request of one of those that may be is served at once", () => {
  const clients = new Clients();
  for (const name of ["a", "b", "c"]) clients.ask(clients.connect(), name);
  assert.deepEqual(clients.served, ["a", "b", "c"]);
  assert.equal(clients.connections.count, MAX);
});

test("who is too many is ended, and his request is not served", async () => {
  const clients = new Clients();
  const sockets = Array.from({ length: MAX + 2 }, () => clients.connect());
  for (const [index, socket] of sockets.entries()) clients.ask(socket, `client ${index}`);
  await decided();
  assert.deepEqual(sockets.map(({ destroyed }) => destroyed), [false, false, false, true, true]);
  assert.deepEqual(clients.served, ["client 0", "client 1", "client 2"]);
  assert.equal(clients.connections.count, MAX);
  sockets[0]!.destroy();
  clients.ask(clients.connect(), "next");
  assert.equal(clients.served.at(-1), "next", "as one of the others is gone");
});

test("of those that are too many the newest are ended", async () => {
  const clients = new Clients();
  const [first, ...others] = Array.from({ length: MAX + 2 }, () => clients.connect());
  first!.emit("close");
  await decided();
  assert.deepEqual(others.map(({ destroyed }) => destroyed), [false, false, false, true]);
});

test("who asks by ever new connections is not refused by those that are gone", async () => {
  const clients = new Clients();
  const gone = Array.from({ length: 10 }, (_, index) => {
    const socket = clients.connect();
    clients.ask(socket, String(index));
    return socket;
  });
  for (const socket of gone.slice(0, 9)) socket.emit("close"); // told at the end of the turn
  assert.ok(clients.served.length < 10, "nothing is decided before that");
  await decided();
  assert.deepEqual(clients.served, Array.from({ length: 10 }, (_, index) => String(index)));
  assert.equal(clients.connections.count, 1);
});
