/** Connections through their life, on real sockets and a whole shard in this thread. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { MSG_PEEK, SHUT_WR, SO_SNDBUF, SOL_SOCKET } from "../../../ffi/constants.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import {
  FRAMES_PER_TURN,
  PUSH_SIZE_MAX,
  PUSH_UNSENT_MAX,
  REPLY_SLOTS,
} from "../../../src/limits.ts";
import { batchOfSize, concat, sameBytes, stamped } from "../../support/batches.ts";
import * as frames from "../../support/frames.ts";
import { NodeWorld } from "../../support/node_world.ts";

function world(): NodeWorld {
  const made = new NodeWorld();
  made.addTopic("t");
  return made;
}

test("what a client produces it can fetch, through sockets and back", () => {
  const made = world();
  const client = made.client();
  const batch = batchOfSize(50000);
  assert.equal(client.ask(frames.produce(0, batch)).code, 0);
  const reply = client.ask(frames.fetch(0, 0));
  sameBytes(reply.body.slice(16), stamped(batch, 0, 1), "the batch");
  client.close();
  made.until(() => made.node.openConnections === 0, "the broker sees the end");
  made.end();
});

test("a client that reads slowly gets everything, and holds up nobody", () => {
  const made = world();
  const slow = made.client();
  libc.setsockopt(made.node.connections[0]!.fd, SOL_SOCKET, SO_SNDBUF, 4096);
  const quick = made.client();
  const batches = Array.from({ length: 20 }, (_, i) => batchOfSize(60000, i));
  for (const batch of batches) quick.ask(frames.produce(0, batch));
  for (let i = 0; i < 10; i += 1) slow.send(frames.fetch(0, 2 * i, { maxBytes: 120000 }, i));
  made.turns(5);
  assert.equal(made.node.connections[0]!.writeArmed, true, "it waits for room");
  assert.equal(quick.ask(frames.request("ping", {})).code, 0);
  const replies = slow.receive(10);
  assert.deepEqual(replies.map(({ correlation }) => correlation), [...Array(10).keys()]);
  const bytes = concat(replies.map(({ body }) => body.slice(16)));
  sameBytes(bytes, concat(batches.map((batch, i) => stamped(batch, i, 1))), "all batches");
  made.end();
});

test("a client that pipelines more than its slots is served as they become free", () => {
  const made = world();
  const client = made.client();
  const count = 3 * REPLY_SLOTS + 7;
  const requests = Array.from({ length: count }, (_, i) => frames.produce(0, batchOfSize(80), i));
  client.send(concat(requests));
  const replies = client.receive(count);
  assert.deepEqual(replies.map(({ correlation }) => correlation), [...Array(count).keys()]);
  assert.ok(replies.every(({ code }) => code === 0));
  made.end();
});

test("a peer that ends its side is still answered, then the connection is closed", () => {
  const made = world();
  const client = made.client();
  client.send(concat([frames.produce(0, batchOfSize(100), 1), frames.request("ping", {}, 2)]));
  libc.shutdown(client.fd, SHUT_WR);
  const replies = client.receive(2);
  assert.deepEqual(replies.map(({ correlation }) => correlation).sort(), [1, 2]);
  made.until(() => {
    client.take();
    return client.ended;
  }, "the broker closes");
  assert.equal(made.node.openConnections, 0);
  made.end();
});

test("a frame that cannot be believed is answered by name, then the connection ends", () => {
  const made = world();
  const client = made.client();
  const wrong = frames.frame({ operation: 2, size: 4294967295 }, new Uint8Array(3000));
  const reply = client.ask(wrong);
  assert.equal(reply.code, ErrorCodes.frame_too_large);
  made.until(() => {
    client.take();
    return client.ended;
  }, "the end of the stream");
  assert.equal(made.node.openConnections, 1, "the client has time to read it");
  made.pass(1100);
  assert.equal(made.node.openConnections, 0, "patience ends");
  made.end();
});

test("a slot is used again, and what was asked for its last connection is not answered", () => {
  const made = world();
  const first = made.client();
  first.send(frames.fetch(0, 0, { maxWaitMs: 60000 }, 77));
  made.until(() => made.node.broker.waiters.deadlines.size === 1, "it waits");
  first.close();
  made.until(() => made.node.openConnections === 0, "the broker sees the end");
  assert.equal(made.node.broker.waiters.deadlines.size, 0, "its fetch is forgotten");
  const second = made.client();
  assert.equal(made.node.connections.length, 1, "one slot for both");
  assert.equal(second.ask(frames.produce(0, batchOfSize(100), 5)).correlation, 5);
  made.end();
});

test("a subscriber that does not read has a bounded queue, and gets all when it reads", () => {
  const made = new NodeWorld();
  made.addTopic("t", 1, [{ key: "durability", value: "os" }]);
  const [slow, other] = [made.client(), made.client()];
  const size = 200_000;
  const total = 40;
  for (let i = 0; i < total; i += 1) other.ask(frames.produce(0, batchOfSize(size, i), 5));
  slow.send(frames.subscribe(0, 0, { credit: 0x40000000 }, 7));
  const connection = made.node.connections[0]!;
  libc.setsockopt(connection.fd, SOL_SOCKET, SO_SNDBUF, 16384);
  for (let i = 0; i < 50; i += 1) {
    made.turns(2);
    assert.ok(connection.outgoing.pendingBytes < PUSH_UNSENT_MAX + PUSH_SIZE_MAX + 100);
    assert.equal(other.ask(frames.request("ping", {}, 9)).correlation, 9);
  }
  assert.ok(made.node.broker.counters.pushedBytes < total * size / 2, "most of it waits");
  made.waits.length = 0;
  made.turns(5);
  assert.ok(made.waits.every((wait) => wait > 0), "and keeps nobody awake");
  libc.setsockopt(connection.fd, SOL_SOCKET, SO_SNDBUF, 1048576); // small ones take seconds
  let pushed = 0;
  made.until(() => {
    for (const { flags, body } of slow.take()) pushed += flags === 128 ? body.length - 16 : 0;
    return pushed === total * size;
  }, "all of it is here");
  assert.equal(connection.outgoing.isEmpty, true);
  slow.close();
  made.until(() => made.node.openConnections === 1, "it is gone");
  assert.equal(made.node.broker.subscriptions, 0);
  made.end();
});

test("a subscriber that ends its side, or sends nonsense, is pushed nothing more", () => {
  for (const ends of [true, false]) {
    const made = world();
    const [consumer, producer] = [made.client(), made.client()];
    consumer.ask(frames.subscribe(0, 0, {}, 7));
    if (ends) libc.shutdown(consumer.fd, SHUT_WR);
    else consumer.send(frames.frame({ operation: 2, size: 0 }));
    made.until(() => made.node.broker.subscriptions === 0, "its subscription is gone");
    producer.ask(frames.produce(0, batchOfSize(100), 5));
    made.until(() => {
      assert.ok(consumer.take().every(({ flags }) => flags === 0));
      return consumer.ended;
    }, "the broker ends the stream");
    made.end();
  }
});

test("a paused client that is reset is let go, and does not keep the loop awake", () => {
  const made = world();
  const client = made.client();
  client.send(concat([
    frames.request("ping", {}, 1),
    frames.fetch(0, 0, { maxWaitMs: 60000 }, 2),
    frames.fetch(0, 0, { maxWaitMs: 60000 }, 3), // waits behind the one before it
  ]));
  made.until(() => made.node.connections[0]!.paused, "it is paused");
  made.turns(3);
  client.close(); // the answer to the ping is unread, so the connection is reset
  made.until(() => made.node.openConnections === 0, "it is gone");
  assert.equal(made.node.broker.waiters.deadlines.size, 0);
  made.waits.length = 0;
  made.turns(3);
  assert.ok(made.waits.every((wait) => wait > 0), "nothing is left but the next sweep");
  made.end();
});

test("every descriptor that came in is closed in the end", () => {
  const made = world();
  const clients = Array.from({ length: 100 }, () => made.connect());
  made.until(() => made.node.openConnections === 100, "all are accepted");
  clients.forEach((client) => client.close());
  made.until(() => made.node.openConnections === 0, "all are gone");
  assert.equal(made.node.receivePool.lentBytes, 0);
  assert.equal(made.node.replyPool.lentBytes, 0);
  assert.equal(made.node.connections.length, 100);
  const again = Array.from({ length: 100 }, () => made.connect());
  made.until(() => made.node.openConnections === 100, "all are accepted");
  assert.equal(made.node.connections.length, 100, "slots are used again");
  again.forEach((client) => client.close());
  made.end();
});

test("who has more than a turn's frames goes on in the next, and others have their turn", () => {
  const made = world();
  const client = made.client();
  const other = made.client();
  const pings = Array.from({ length: 3000 }, (_, i) => frames.request("ping", {}, i));
  client.send(concat(pings));
  other.send(frames.request("ping", {}, 7));
  const replies: number[] = [];
  let turns = 0;
  made.until(() => {
    const before = replies.length;
    replies.push(...client.take().map(({ correlation }) => correlation));
    if (replies.length > before) turns += 1;
    return replies.length === pings.length;
  }, "all are answered");
  assert.deepEqual(replies, [...pings.keys()]);
  assert.ok(turns >= 2, "not in one turn");
  assert.equal(other.receive(1)[0]!.correlation, 7);
  made.waits.length = 0;
  made.turns(3);
  assert.ok(made.waits.every((wait) => wait > 0), "nothing is left to do");
  made.end();
});

test("a turn takes no more frames of a connection than its share", () => {
  const made = world();
  const client = made.client();
  client.send(concat(Array.from({ length: 2000 }, (_, i) => frames.request("ping", {}, i))));
  const [connection] = made.node.connections;
  made.turns(1);
  const answered = () => connection!.outgoing.memoryBytes === 0 ? client.take().length : 0;
  assert.ok(answered() <= FRAMES_PER_TURN);
  made.end();
});

test("who has exactly a turn's frames is read again", () => {
  for (const turns of [1, 2]) {
    const made = world();
    const client = made.client();
    const count = turns * FRAMES_PER_TURN;
    client.send(concat(Array.from({ length: count }, (_, i) => frames.request("ping", {}, i))));
    assert.equal(client.receive(count).length, count);
    made.turns(2);
    const [connection] = made.node.connections;
    assert.deepEqual([connection!.paused, connection!.readArmed], [false, true]);
    assert.equal(client.ask(frames.request("ping", {}, 7)).correlation, 7);
    made.end();
  }
});

test("slices that wait count, however few bytes their headers are", () => {
  const made = world();
  const client = made.client();
  client.ask(frames.produce(0, batchOfSize(30000)));
  libc.setsockopt(made.node.connections[0]!.fd, SOL_SOCKET, SO_SNDBUF, 4096);
  const count = 4 * REPLY_SLOTS;
  for (let i = 0; i < count; i += 1) client.send(frames.fetch(0, 0, {}, i));
  made.turns(20);
  const [connection] = made.node.connections;
  assert.ok(connection!.outgoing.sliceCount <= REPLY_SLOTS, "no more wait");
  assert.ok(connection!.outgoing.sliceCount > REPLY_SLOTS / 2);
  assert.equal(connection!.paused, true);
  const replies = client.receive(count);
  assert.deepEqual(replies.map(({ correlation }) => correlation), [...Array(count).keys()]);
  made.end();
});

test("when memory for replies is short, who has some unsent is not read; others are", () => {
  const made = new NodeWorld(undefined, undefined, { sendBudgetBytes: 1048576 });
  // Metadata of many partitions is a large reply in memory.
  for (let i = 0; i < 8; i += 1) made.addTopic(`topic-${i}`, 64);
  const slow = Array.from({ length: 12 }, () => {
    const client = made.connect();
    client.ask(frames.hello());
    return client;
  });
  slow.forEach((client, i) => {
    libc.setsockopt(made.node.connections[i]!.fd, SOL_SOCKET, SO_SNDBUF, 4096);
    const many = Array.from(
      { length: 60 },
      (_, at) => frames.request("metadata", { topics: [] }, at),
    );
    client.send(concat(many));
  });
  made.turns(40);
  const lent = made.node.replyPool.lentBytes;
  assert.ok(lent > 1048576, "they would take more than the budget");
  assert.ok(lent < 2.5 * 1048576, `${lent} bytes wait, of ${12 * 60} replies`);
  const quick = made.connect();
  quick.ask(frames.hello());
  for (let i = 0; i < 5; i += 1) assert.equal(quick.ask(frames.request("ping", {})).code, 0);
  assert.equal(slow[0]!.receive(60).length, 60, "nothing that was asked for is lost");
  made.end();
});

test("who has more than a turn's frames and no answer to come goes on all the same", () => {
  const made = world();
  const client = made.client();
  const count = 3 * FRAMES_PER_TURN;
  client.send(
    concat(Array.from({ length: count }, (_, i) => frames.produce(0, batchOfSize(80), i, 0))),
  );
  made.until(() => made.node.broker.counters.appends === count, "all are taken");
  made.end();
});

test("who waits for room to receive and is gone leaves the queue; the next gets on", () => {
  const made = new NodeWorld(undefined, undefined, { receiveBudgetBytes: 1048576 });
  const size = 6000000;
  const whole = frames.frame({ operation: 2 }, new Uint8Array(size));
  const clients = [0, 1, 2].map(() => {
    const client = made.connect();
    client.ask(frames.hello());
    return client;
  });
  // The first takes more than the budget and then says nothing; the others wait for it.
  clients[0]!.send(whole.subarray(0, 2500000));
  for (const client of clients.slice(1)) {
    client.send(whole.subarray(0, 200000));
    made.turns(5);
  }
  assert.deepEqual(made.node.connections.map(({ held }) => held), [false, true, true]);
  const quick = made.connect();
  quick.ask(frames.hello());
  assert.equal(quick.ask(frames.request("ping", {})).code, 0, "small frames go on");
  clients[1]!.send(whole.subarray(200000, 300000));
  const one = libc.allocate(1);
  clients[1]!.take();
  // With an answer unread its end is a reset, which is reported to those that are not read too.
  made.node.connections[1]!.outgoing.reserve(4);
  made.node.queueSend(made.node.connections[1]!);
  made.turns(1);
  assert.ok(libc.recv(clients[1]!.fd, one, 0, 1, MSG_PEEK) > 0, "an unread answer");
  clients[1]!.close();
  made.until(() => made.node.clients === 3, "it is gone");
  assert.equal(made.node.receiveBudget.waiting, 1);
  clients[0]!.close();
  clients[2]!.send(whole.subarray(200000));
  assert.equal(clients[2]!.receive(1)[0]!.code, ErrorCodes.invalid_request);
  assert.equal(made.node.receiveBudget.waiting, 0);
  made.end();
  assert.equal(made.node.receivePool.lentBytes, 0);
});
