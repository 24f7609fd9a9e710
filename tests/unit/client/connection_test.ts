import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { afterEach, describe, test } from "node:test";
import { addressText, Connection } from "../../../src/client/connection.ts";
import { BrokerError, ConnectionError, ProtocolError } from "../../../src/client/errors.ts";
import { controlOperation } from "../../../src/native/control_operations.ts";
import { operation } from "../../../src/native/operations.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { errorReply, FakeBroker, frame, reply, valuesOf } from "./fake_broker.ts";

let broker: FakeBroker | null = null;
afterEach(async () => {
  await broker?.stop();
  broker = null;
});

async function start(): Promise<FakeBroker> {
  broker = await FakeBroker.start();
  return broker;
}

async function rejected(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => assert.fail("it succeeded"), (error) => error);
}

describe("connecting", () => {
  test("says hello first and knows the broker", async () => {
    const fake = await start();
    const connection = await Connection.connect(fake.address, { clientName: "me", token: "s" });
    assert.equal(connection.broker.brokerVersion, "fake");
    assert.deepEqual(valuesOf(fake.requests[0]!), { protocol: 1, clientName: "me", token: "s" });
    connection.close();
  });

  test("goes over a Unix socket too, with control operations", async () => {
    const path = join(temporaryDirectory("c"), "s");
    broker = await FakeBroker.start(path);
    broker.answer = (request) =>
      request.operation === 552 ? emptyReply(request.correlation) : undefined;
    const connection = await Connection.connect({ path });
    assert.equal(connection.address, path);
    await connection.request(controlOperation("stop"), {});
    connection.close();
  });

  test("nobody there: an error with the address", async () => {
    const fake = await start();
    const address = fake.address;
    await fake.stop();
    broker = null;
    const error = await rejected(Connection.connect(address));
    assert.ok(error instanceof ConnectionError);
    assert.equal(error.name, "connection_refused");
    assert.match(error.message, new RegExp(addressText(address)));
  });

  test("a broker that does not answer hello: an error in time", async () => {
    const fake = await start();
    fake.answer = () => null;
    const error = await rejected(Connection.connect(fake.address, { timeoutMs: 50 }));
    assert.ok(error instanceof ConnectionError);
    assert.equal(error.name, "connection_timeout");
  });

  test("hello refused: the broker's error", async () => {
    const fake = await start();
    fake.answer = (request) => errorReply(request.correlation, 8, "speak 9");
    const error = await rejected(Connection.connect(fake.address));
    assert.ok(error instanceof BrokerError);
    assert.equal(error.name, "unsupported_protocol");
    assert.match(error.message, /speak 9/);
  });

  test("another protocol version is refused", async () => {
    const fake = await start();
    fake.answer = (request) => {
      const rest = { nodeId: 0, nodeEpoch: 0, frameSizeMax: 1, brokerVersion: "" };
      return reply(request, { protocol: 2, ...rest });
    };
    assert.ok(await rejected(Connection.connect(fake.address)) instanceof ProtocolError);
  });

  test("something else than a broker is refused without room for its nonsense", async () => {
    const fake = await start();
    fake.answer = () => Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n");
    const error = await rejected(Connection.connect(fake.address));
    assert.ok(error instanceof ProtocolError);
    assert.match(error.message, /above the limit of 8192 bytes/);
  });
});

describe("requests", () => {
  test("replies are matched though they overtake each other, in pieces of a byte", async () => {
    const fake = await start();
    const connection = await Connection.connect(fake.address);
    const held: (() => void)[] = [];
    fake.pieceSize = 1;
    fake.answer = (request) => {
      held.push(() => fake.send(reply(request, { topicId: uuid(request.correlation) })));
      if (held.length === 5) held.reverse().forEach((release) => release());
      return null;
    };
    const names = ["a", "b", "c", "d", "e"];
    const ids = await Promise.all(names.map((name) => create(connection, name)));
    assert.deepEqual(ids.map(({ topicId }) => topicId), [2, 3, 4, 5, 6].map(uuid));
    connection.close();
  });

  test("an error reply rejects its request only", async () => {
    const fake = await start();
    const connection = await Connection.connect(fake.address);
    fake.answer = ({ name, correlation }) => {
      return name === "create_topic" ? errorReply(correlation, 21, "t") : undefined;
    };
    const error = await rejected(create(connection, "t"));
    assert.ok(error instanceof BrokerError);
    assert.equal(error.name, "topic_exists");
    await connection.request(operation("ping"), {});
    fake.answer = ({ correlation }) => frame(62, correlation, new Uint8Array(0));
    assert.equal((await rejected(create(connection, "t")) as BrokerError).name, "shutting_down");
    connection.close();
  });

  test("a reply that does not fit its table is told as such", async () => {
    const fake = await start();
    const connection = await Connection.connect(fake.address);
    fake.answer = ({ correlation }) => frame(0, correlation, new Uint8Array(3));
    assert.ok(await rejected(create(connection, "t")) instanceof ProtocolError);
    connection.close();
  });

  test("ended settles with why, whoever ended it", async () => {
    const fake = await start();
    for (const how of ["broker", "client"]) {
      const connection = await Connection.connect(fake.address);
      let told = "";
      void connection.ended.then((error) => (told = error.name));
      await connection.request(operation("ping"), {});
      assert.equal(told, "", "it is open");
      if (how === "client") connection.close();
      else for (const socket of fake.sockets) socket.destroy();
      assert.equal(await connection.ended, connection.failure);
      assert.equal(told, how === "client" ? "connection_closed" : "connection_lost");
    }
  });

  test("when the connection ends all are rejected, with the address", async () => {
    const fake = await start();
    const connection = await Connection.connect(fake.address);
    fake.answer = () => null;
    const requests = [create(connection, "a"), create(connection, "b")].map(rejected);
    assert.equal(connection.outstanding, 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (const socket of fake.sockets) socket.destroy();
    for (const error of await Promise.all(requests)) {
      assert.ok(error instanceof ConnectionError);
      assert.equal(error.name, "connection_lost");
      assert.ok(error.message.includes(addressText(fake.address)));
    }
    assert.equal(connection.outstanding, 0);
    assert.ok(await rejected(create(connection, "c")) instanceof ConnectionError);
    assert.ok(await rejected(connection.drained()) instanceof ConnectionError);
  });

  test("an error for no request of ours is why the connection ends", async () => {
    const fake = await start();
    const connection = await Connection.connect(fake.address);
    fake.answer = () => errorReply(0, 3, "101 MiB");
    const error = await rejected(create(connection, "t"));
    assert.ok(error instanceof BrokerError);
    assert.equal(error.name, "frame_too_large");
    assert.equal(connection.failure, error);
  });

  test("a reply to nothing ends the connection", async () => {
    const fake = await start();
    const connection = await Connection.connect(fake.address);
    fake.answer = () => emptyReply(999);
    assert.ok(await rejected(create(connection, "t")) instanceof ProtocolError);
  });

  test("bytes of a reply are the caller's: the next reply does not change them", async () => {
    const fake = await start();
    const connection = await Connection.connect(fake.address);
    const fetch = (fill: number) => {
      const batches = new Uint8Array(40).fill(fill);
      fake.answer = (request) => reply(request, { logStart: 0, visibleEnd: 0, batches });
      const values = { handle: 1, maxBytes: 1, minBytes: 1, maxWaitMs: 0, offset: 0 };
      return connection.request(operation("fetch"), values);
    };
    const first = await fetch(1);
    await fetch(2);
    assert.deepEqual(first.batches, new Uint8Array(40).fill(1));
    connection.close();
  });

  test("closing rejects what is outstanding", async () => {
    const fake = await start();
    const connection = await Connection.connect(fake.address);
    fake.answer = () => null;
    const request = rejected(create(connection, "a"));
    connection.close();
    assert.equal((await request as ConnectionError).name, "connection_closed");
  });
});

function create(connection: Connection, name: string): Promise<{ topicId: string }> {
  return connection.request(operation("create_topic"), { name, partitions: 1, config: [] });
}

function emptyReply(correlation: number): Buffer {
  return frame(0, correlation, new Uint8Array(0));
}

function uuid(last: number): string {
  return `00000000-0000-0000-0000-${String(last).padStart(12, "0")}`;
}
