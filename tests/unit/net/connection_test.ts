/** The states of a connection, and what its slot keeps and forgets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import type { Memory } from "../../../ffi/libc.ts";
import { BlockPool } from "../../../src/base/pool.ts";
import { Connection, ConnectionState, NEVER } from "../../../src/net/connection.ts";
import { socketPair } from "../../support/sockets.ts";

function pool(): BlockPool<Memory> {
  return new BlockPool<Memory>((size) => libc.allocate(size), 131072, 1048576, 1048576);
}

test("open, draining, free, and open again with a higher generation", () => {
  const connection = new Connection(8, pool(), pool());
  assert.equal(connection.state, ConnectionState.free);
  assert.throws(() => connection.free());
  connection.open(5, 1, 0);
  assert.deepEqual([connection.fd, connection.listener, connection.generation], [5, 1, 1]);
  assert.throws(() => connection.open(6, 1, 0), "not twice");
  connection.drain();
  connection.drain();
  assert.equal(connection.state, ConnectionState.draining);
  connection.free();
  connection.drain();
  assert.equal(connection.state, ConnectionState.free);
  assert.equal(connection.fd, -1);
  connection.open(7, 0, 0);
  assert.deepEqual([connection.state, connection.generation], [ConnectionState.open, 2]);
});

test("what one client left behind is not the next one's", () => {
  const receivePool = pool();
  const replyPool = pool();
  const connection = new Connection(8, receivePool, replyPool);
  const pair = socketPair();
  connection.open(pair.near, 0, 0);
  connection.incoming.receive(libc, pair.near);
  connection.outgoing.reserve(100);
  Object.assign(connection, { paused: true, writeArmed: true, lingerUntilMs: 9, held: true });
  connection.incoming.frameSize = 77;
  connection.free();
  assert.equal(receivePool.lentBytes + replyPool.lentBytes, 0);
  connection.open(3, 0, 0);
  assert.deepEqual(
    [connection.paused, connection.writeArmed, connection.readArmed, connection.held],
    [false, false, true, false],
  );
  assert.deepEqual(
    [connection.lingerUntilMs, connection.frameMs, connection.stalledMs],
    [NEVER, NEVER, NEVER],
  );
  assert.deepEqual([connection.incoming.frameSize, connection.outgoing.isEmpty], [0, true]);
  pair.close();
});

test("generations wrap after 2^32 connections", () => {
  const connection = new Connection(8, pool(), pool());
  connection.generation = 4294967295;
  connection.open(3, 0, 0);
  assert.equal(connection.generation, 0);
});
