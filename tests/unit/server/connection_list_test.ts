/** Who is connected, what they did, and ending one of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { decodeBody } from "../../../src/native/codec.ts";
import { operation, type ReplyOf } from "../../../src/native/operations.ts";
import { listConnections } from "../../../src/server/connection_list.ts";
import * as frames from "../../support/frames.ts";
import { type NodeClient, NodeWorld } from "../../support/node_world.ts";

type Entries = ReplyOf<"connections">["connections"];

function ask(client: NodeClient): Entries {
  const { code, body } = client.ask(frames.request("connections", {}));
  assert.equal(code, ErrorCodes.none);
  return decodeBody(operation("connections").reply, body, 0, body.length).connections;
}

test("clients are listed by id with what they did; the main thread is none", () => {
  const made = new NodeWorld();
  made.connect(true).ask(frames.hello());
  const first = made.connect();
  made.until(() => made.node.clients === 1, "it is in");
  const second = made.connect();
  second.ask(frames.hello());
  const [silent, asking] = ask(second) as [Entries[0], Entries[0]];
  assert.ok(silent.id < asking.id);
  assert.deepEqual([silent.requests, silent.clientName, silent.lastRequestMs], [0, "", 0]);
  assert.deepEqual([asking.listener, asking.requests], ["native", 1], "without this one");
  assert.match(asking.peer, /^127\.0\.0\.1:\d+$/);
  assert.notEqual(asking.peer, silent.peer);
  const size = frames.hello().length + frames.request("connections", {}).length;
  assert.deepEqual([asking.bytesIn, asking.bytesOut > 12], [size, true]);
  assert.ok(asking.sinceMs > 0 && asking.lastRequestMs >= asking.sinceMs);
  first.close();
  made.until(() => made.node.clients === 1, "it is gone");
  assert.deepEqual(ask(second).map(({ id }) => id), [asking.id]);
  const third = made.connect();
  made.until(() => made.node.clients === 2, "another has its slot");
  const ids = listConnections(made.node).map(({ id }) => id);
  assert.ok(ids.length === 2 && !ids.includes(silent.id), "and not its id");
  third.close();
  made.end();
});

test("a connection is ended by its id, also one's own, whose answer still comes", () => {
  const made = new NodeWorld();
  const victim = made.connect();
  victim.ask(frames.hello());
  const operator = made.connect();
  operator.ask(frames.hello());
  const [{ id }, own] = ask(operator) as [Entries[0], Entries[0]];
  assert.equal(operator.ask(frames.request("close_connection", { id })).code, 0);
  made.until(() => (victim.take(), victim.ended), "it is ended");
  const again = operator.ask(frames.request("close_connection", { id }));
  assert.equal(again.code, ErrorCodes.connection_not_found);
  assert.equal(made.node.connectionCounters.closed.operator, 1);
  assert.equal(operator.ask(frames.request("close_connection", { id: own.id })).code, 0);
  made.until(() => (operator.take(), operator.ended), "so is the operator");
  assert.equal(made.node.clients, 0);
  made.end();
});
