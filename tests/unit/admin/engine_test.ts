/** The way to the shard: one connection, made when it is needed, and made again. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { Engine } from "../../../src/admin/engine.ts";
import { HttpError } from "../../../src/admin/problem.ts";
import { ClosedError } from "../../../src/client/errors.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { errorReply, FakeBroker } from "../client/fake_broker.ts";

const path = join(temporaryDirectory("engine"), "shard.sock");
const fake = await FakeBroker.start(path);
after(() => fake.stop());

const recovery = { partitionsDone: 1, partitions: 2, scannedBytes: 3 };

function engineOf(isServing = true): { engine: Engine; start: { isServing: boolean } } {
  const start = { startedMs: 5, isServing, recovery };
  return { engine: new Engine(path, start), start };
}

function hellos(): number {
  return fake.named("hello").length;
}

test("nothing is asked before the shard serves, and nothing after the stop", async () => {
  const { engine, start } = engineOf(false);
  const before = fake.requests.length;
  assert.deepEqual([engine.state, engine.recovery, engine.startedMs], ["recovering", recovery, 5]);
  await assert.rejects(engine.use((admin) => admin.ping()), (error: unknown) => {
    return error instanceof HttpError && error.error === "http_starting";
  });
  assert.equal(fake.requests.length, before);
  start.isServing = true;
  assert.equal(engine.state, "serving");
  assert.ok(await engine.use((admin) => admin.ping()) >= 0);
  await engine.stop();
  assert.equal(engine.state, "stopping");
  await assert.rejects(engine.use((admin) => admin.ping()), ClosedError);
});

test("all who ask at one time share a connection; one that was lost is made again", async () => {
  const { engine } = engineOf();
  const before = hellos();
  await Promise.all([1, 2, 3].map(() => engine.use((admin) => admin.ping())));
  assert.equal(hellos(), before + 1);
  const lost = engine.use((_, connection) => connection.ended);
  for (const socket of fake.sockets) socket.destroy();
  await lost;
  await engine.use((admin) => admin.ping());
  assert.equal(hellos(), before + 2);
  await engine.stop();
});

test("a connection full of handles is given up for a new one, once", async () => {
  const { engine } = engineOf();
  const before = hellos();
  let refusals = 1;
  fake.answer = ({ name, correlation }) => {
    if (name !== "stats" || refusals === 0) return undefined;
    refusals -= 1;
    return errorReply(correlation, ErrorCodes.too_many_handles, "");
  };
  assert.equal((await engine.use((admin) => admin.stats())).length, 2);
  assert.equal(hellos(), before + 2);
  refusals = 2;
  await assert.rejects(engine.use((admin) => admin.stats()), { name: "too_many_handles" });
  fake.answer = () => undefined;
  await engine.stop();
});

test("streams hear of a drain, once, and who begins later hears at once", async () => {
  const { engine } = engineOf();
  const heard: string[] = [];
  engine.onDrain(() => heard.push("first"));
  engine.onDrain(() => heard.push("second"))();
  engine.drain();
  engine.drain();
  assert.deepEqual(heard, ["first"]);
  assert.equal(engine.state, "serving", "what is answered at once is answered still");
  engine.onDrain(() => heard.push("late"));
  assert.deepEqual(heard, ["first", "late"]);
  await engine.stop();
});

test("who waits long has a connection of its own", async () => {
  const { engine, start } = engineOf(false);
  await assert.rejects(engine.connect(), HttpError);
  start.isServing = true;
  const before = hellos();
  const connections = await Promise.all([engine.connect(), engine.connect()]);
  assert.equal(hellos(), before + 2);
  for (const connection of connections) connection.close();
  await engine.stop();
  await assert.rejects(engine.connect(), ClosedError);
});

test("all records go through one producer, which ends with the engine", async () => {
  const { engine } = engineOf();
  const [producer, same] = await Promise.all([engine.producer(), engine.producer()]);
  assert.equal(producer, same);
  assert.equal(await engine.client(), await engine.client());
  await engine.stop();
  await assert.rejects(producer.send({ topic: "t", value: "v" }), ClosedError);
  await assert.rejects(engine.producer(), ClosedError);
});

test("a client that could not connect is made again", async () => {
  const start = { startedMs: 5, isServing: true, recovery };
  const engine = new Engine("/nowhere/shard.sock", start);
  for (let again = 0; again < 2; again += 1) {
    await assert.rejects(engine.producer(), { name: "connection_refused" });
  }
  await engine.stop();
});
