/** Main's connection to its shard, against a broker that answers in whatever pieces it likes. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { operation } from "../../../src/native/operations.ts";
import { ControlConnection, ControlRefused } from "../../../src/server/control_connection.ts";
import { openUnixSocket } from "../../../src/server/unix_socket.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { errorReply, FakeBroker, reply } from "../client/fake_broker.ts";

const STATS = operation("stats");
const PING = operation("ping");
const CREATE = operation("create_topic");

async function connected(): Promise<{ broker: FakeBroker; connection: ControlConnection }> {
  const path = join(temporaryDirectory("control"), "s");
  const broker = await FakeBroker.start(path);
  return { broker, connection: await ControlConnection.over(await openUnixSocket(path)) };
}

test("it says hello, and replies find their requests wherever the bytes are cut", async () => {
  for (const pieceSize of [0, 1, 7]) {
    const { broker, connection } = await connected();
    broker.pieceSize = pieceSize;
    const [stats, pong] = await Promise.all([
      connection.request(STATS, {}),
      connection.request(PING, {}),
    ]);
    assert.deepEqual(stats.counters.map(({ name }) => name), ["a_total", "b_bytes"]);
    assert.deepEqual(pong, {});
    assert.deepEqual(broker.requests.map(({ name }) => name), ["hello", "stats", "ping"]);
    connection.close();
    await broker.stop();
  }
});

test("a request and a reply of a megabyte go through whole", async () => {
  const { broker, connection } = await connected();
  const counters = Array.from({ length: 50_000 }, (_, value) => ({ name: `c${value}`, value }));
  const config = Array.from({ length: 50_000 }, (_, n) => ({ key: `key${n}`, value: "value" }));
  broker.answer = (request) => request.name === "stats" ? reply(request, { counters }) : undefined;
  const big = connection.request(CREATE, { name: "t", partitions: 1, config });
  const stats = await connection.request(STATS, {});
  assert.deepEqual(stats.counters, counters);
  await big;
  assert.ok(broker.named("create_topic")[0]!.body.length > 500_000);
  connection.close();
  await broker.stop();
});

test("a refusal is an error with its text, and the connection goes on", async () => {
  const { broker, connection } = await connected();
  const code = ErrorCodes.topic_not_found;
  broker.answer = ({ name, correlation }) =>
    name === "stats" ? errorReply(correlation, code, "no such thing") : undefined;
  await assert.rejects(connection.request(STATS, {}), (error: Error) => {
    assert.ok(error instanceof ControlRefused);
    assert.match(error.message, /no such thing$/);
    return true;
  });
  await connection.request(PING, {});
  connection.close();
  await broker.stop();
});

test("an end rejects what waits, is told once, and refuses what comes after it", async () => {
  const { broker, connection } = await connected();
  broker.answer = () => null;
  const waits = connection.request(PING, {});
  for (const socket of broker.sockets) socket.destroy();
  await assert.rejects(waits, /was lost: /);
  assert.match((await connection.ended).message, /was lost: /);
  await assert.rejects(connection.request(PING, {}), /was lost: /);
  connection.close();
  await broker.stop();
});

test("what is no frame ends the connection", async () => {
  const { broker, connection } = await connected();
  broker.send(new Uint8Array([0, 0, 0, 1]));
  assert.match((await connection.ended).message, /no frame/);
  await broker.stop();
});

test("where nobody listens the connection is refused", async () => {
  const path = join(temporaryDirectory("control"), "nobody");
  await assert.rejects(openUnixSocket(path));
});
