/** Subscriptions against a broker of a few lines: order, credit, and every way to end. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { encodeBody } from "../../../src/native/codec.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { ERROR_REPLY, operation } from "../../../src/native/operations.ts";
import {
  PartitionConsumer,
  type SubscribeOptions,
} from "../../../src/client/partition_consumer.ts";
import { BrokerError, ProtocolError } from "../../../src/client/errors.ts";
import { Subscription } from "../../../src/client/subscription.ts";
import { batchOf } from "../../support/batches.ts";
import { until } from "../../support/until.ts";
import { errorReply, frame, pushFrame, reply, type Request, valuesOf } from "./fake_broker.ts";
import { connection, fake, freshConnections } from "./fresh.ts";

freshConnections();

/** Batches of three records of one size. */
function fill(batches: number): void {
  for (let i = 0; i < batches; i += 1) {
    fake.append(batchOf([0, 1, 2].map(() => new TextEncoder().encode(`v${fake.batches.length}`))));
  }
}

/** Pushes batches from `first` on once the subscription is there. */
async function pushAll(first = 0, end: number = fake.batches.length): Promise<number> {
  const request = await until("subscribe", () => fake.named("subscribe").at(-1));
  for (let i = first; i < end; i += 1) fake.push(request.correlation, i);
  return request.correlation;
}

async function subscribe(options: SubscribeOptions, count: number): Promise<number[]> {
  const consumer = await PartitionConsumer.open(connection, "t", 0);
  const offsets: number[] = [];
  for await (const { records } of consumer.subscribe(options)) {
    while (records.next()) offsets.push(records.offset);
    if (offsets.length >= count) break;
  }
  return offsets;
}

/** Sum of the credit that came back. */
function creditGiven(): number {
  return fake.named("add_credit").reduce((sum, { body }) => sum + body.readUInt32BE(4), 0);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_unused, index) => from + index);
}

test("pushes are read in their order, also those in the bytes of the reply", async () => {
  fill(4);
  fake.answer = (request: Request) => {
    if (request.name !== "subscribe") return undefined;
    const pushes = fake.batches.map((_, index) => fake.pushOf(request.correlation, index));
    return Buffer.concat([reply(request, { logStart: 0, visibleEnd: fake.visibleEnd }), ...pushes]);
  };
  assert.deepEqual(await subscribe({}, 12), range(0, 12));
  const values = valuesOf(fake.named("subscribe")[0]!);
  assert.deepEqual(values, { handle: 7, maxBytes: 1048576, credit: 4194304, offset: 0 });
});

test("records before the offset are skipped", async () => {
  fill(2);
  const reading = subscribe({ from: 2 }, 4);
  await pushAll();
  assert.deepEqual(await reading, range(2, 6));
  assert.equal(valuesOf(fake.named("subscribe")[0]!)["offset"], 2);
});

test("it is paced where that is wanted, also by a broker that does not know how", async () => {
  const shape = { handle: 7, offset: 0, creditBytes: 100, maxBytes: 100 };
  await Subscription.begin(connection, shape);
  await connection.request(operation("ping"), {});
  assert.equal(fake.named("pace_subscription").length, 0);
  fake.answer = (request) => {
    if (request.name !== "pace_subscription") return undefined;
    return errorReply(request.correlation, ErrorCodes.unknown_operation, "");
  };
  await Subscription.begin(connection, { ...shape, intervalMs: 10 });
  await connection.request(operation("ping"), {});
  const subscription = fake.named("subscribe")[1]!.correlation;
  const asked = fake.named("pace_subscription").map(valuesOf);
  assert.deepEqual(asked, [{ subscription, intervalMs: 10 }]);
});

test("credit goes back when a push was read, a quarter of it at a time", async () => {
  fill(16);
  const size = fake.batches[0]!.length;
  const subscription = await Subscription.begin(connection, {
    ...{ handle: 7, offset: 0, creditBytes: 8 * size, maxBytes: size },
  });
  await pushAll(0, 8);
  const bodies = [];
  for (let i = 0; i < 8; i += 1) bodies.push((await subscription.next(undefined))!);
  await connection.request(operation("ping"), {});
  assert.equal(creditGiven(), 0, "read, and not yet given back");
  for (const [i, body] of bodies.entries()) {
    subscription.giveBack(body);
    await connection.request(operation("ping"), {});
    assert.equal(creditGiven(), (i + 1 - (i + 1) % 2) * size, `after ${i + 1}`);
  }
  const number = fake.named("subscribe")[0]!.correlation;
  assert.ok(fake.named("add_credit").every(({ body }) => body.readUInt32BE(0) === number));
});

test("of a credit of one byte every byte goes back at once", async () => {
  fill(3);
  const size = fake.batches[0]!.length;
  const consumer = await PartitionConsumer.open(connection, "t", 0);
  let read = 0;
  const pushing = pushAll(0, 1);
  for await (const _push of consumer.subscribe({ creditBytes: 1 })) {
    await connection.request(operation("ping"), {});
    assert.equal(creditGiven(), read * size);
    read += 1;
    if (read === 3) break;
    fake.push(await pushing, read);
  }
});

test("a slow reader gives no credit, whatever has arrived", async () => {
  fill(6);
  const reading = subscribe({ creditBytes: 100 }, 3);
  await pushAll();
  await reading;
  await connection.request(operation("ping"), {});
  assert.equal(creditGiven(), 0, "it left while it read the first one");
});

test("leaving tells the broker; what is still on its way is dropped", async () => {
  fill(4);
  const reading = subscribe({}, 3);
  const number = await pushAll(0, 1);
  let unsubscribed: Request | null = null;
  fake.answer = (request) => {
    if (request.name !== "unsubscribe") return undefined;
    unsubscribed = request;
    return null;
  };
  await reading;
  await until("unsubscribe", () => unsubscribed !== null);
  assert.equal(valuesOf(unsubscribed!)["subscription"], number);
  fake.push(number, 1);
  await connection.request(operation("ping"), {});
  assert.equal(connection.failure, null, "pushes before the answer are no mistake");
  fake.send(frame(0, unsubscribed!.correlation, new Uint8Array(0)));
  await connection.request(operation("ping"), {});
  fake.push(number, 2);
  assert.ok(await connection.ended instanceof ProtocolError, "one after it is");
});

test("the signal ends it without an error, also while nothing comes", async () => {
  const controller = new AbortController();
  const reading = subscribe({ signal: controller.signal }, 1);
  await pushAll();
  controller.abort();
  assert.deepEqual(await reading, []);
  await until("unsubscribe", () => fake.named("unsubscribe").length === 1);
  assert.equal(connection.failure, null);
});

test("what was pushed before the end is read, then the error is told", async () => {
  fill(2);
  const consumer = await PartitionConsumer.open(connection, "t", 0);
  const offsets: number[] = [];
  const reading = (async () => {
    for await (const { records } of consumer.subscribe()) {
      while (records.next()) offsets.push(records.offset);
    }
  })();
  const number = await pushAll();
  fake.send(pushFrame(20, number, encodeBody(ERROR_REPLY, { message: "t" })));
  await assert.rejects(reading, (error: unknown) => {
    return error instanceof BrokerError && error.name === "topic_not_found";
  });
  assert.deepEqual(offsets, range(0, 6));
  assert.equal(connection.failure, null, "the connection is still good");
  await connection.request(operation("ping"), {});
  assert.equal(fake.named("unsubscribe").length, 0, "there is nothing to end");
});

test("a refused subscription and a lost connection are told", async () => {
  fake.answer = ({ name, correlation }) => {
    return name === "subscribe" ? frame(14, correlation, new Uint8Array(0)) : undefined;
  };
  await assert.rejects(subscribe({}, 1), { name: "too_many_subscriptions" });
  fake.answer = () => undefined;
  const reading = subscribe({}, 1);
  await pushAll();
  for (const socket of fake.sockets) socket.destroy();
  await assert.rejects(reading, { name: "connection_lost" });
});

test("several subscriptions share a connection", async () => {
  fill(3);
  const consumers = await Promise.all([0, 1].map(() => PartitionConsumer.open(connection, "t", 0)));
  const readings = consumers.map(async (consumer, which) => {
    const offsets: number[] = [];
    for await (const { records } of consumer.subscribe({ from: 3 * which })) {
      while (records.next()) offsets.push(records.offset);
      if (offsets.length === 6) break;
    }
    return offsets;
  });
  await until("both", () => fake.named("subscribe").length === 2);
  const [one, other] = fake.named("subscribe").map(({ correlation }) => correlation);
  fake.push(other!, 1);
  fake.push(one!, 0);
  fake.push(other!, 2);
  fake.push(one!, 1);
  assert.deepEqual(await Promise.all(readings), [range(0, 6), range(3, 9)]);
});

test("a push too short for its fields is refused", async () => {
  const reading = subscribe({}, 1);
  const number = await pushAll();
  fake.send(pushFrame(0, number, new Uint8Array(15)));
  await assert.rejects(reading, ProtocolError);
});
