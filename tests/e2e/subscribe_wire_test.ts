/**
 * Subscriptions as bytes on a connection: cut anywhere, without credit, deleted and trimmed under
 * their feet, a thousand of them, and held by clients that never read.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { AF_INET, SO_RCVBUF, SOCK_STREAM, SOL_SOCKET } from "../../ffi/constants.ts";
import { ErrorCodes } from "../../src/format/errors.ts";
import { concat, encodeBatch, encodeRecord, walkBatches } from "../support/batches.ts";
import * as frames from "../support/frames.ts";
import { LiveBroker } from "../support/live_broker.ts";
import { peakMemory } from "../support/process_state.ts";
import type { RawConnection, Reply } from "../support/raw_connection.ts";
import { until } from "../support/until.ts";

const PUSH_FLAG = 128;
const VALUE_SIZE = 1000;
const STALLED = 50;
const LARGE_VALUE = 500_000;
const LARGE_BATCHES = 40;

const live = await LiveBroker.start(async () => {});

/** Connections while no test has one: the canary's, the main thread's, and who asks. */
const quiet = (await live.stats()).get("connections");

/** The canary is served, and nobody else is connected. */
async function expectQuiet(): Promise<void> {
  await live.canary.expectServed();
  await until("the connections are closed, and nothing is subscribed", async () => {
    const stats = await live.stats();
    return stats.get("connections") === quiet && stats.get("subscriptions") === 0;
  });
}

/** A new topic, and a connection with partition 0 of it as handle 0. */
async function opened(topic: string, partitions = 1): Promise<RawConnection> {
  const connection = await live.open();
  const config = [{ key: "durability", value: "os" }, { key: "segment.bytes", value: "100000" }];
  await connection.ask("create_topic", { name: topic, partitions, config });
  await connection.ask("open_partition", { topic, partition: 0 });
  return connection;
}

async function append(
  connection: RawConnection,
  count: number,
  handle = 0,
  valueSize = VALUE_SIZE,
): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const batch = encodeBatch(encodeRecord({ value: new Uint8Array(valueSize).fill(i) }, 0), 1);
    await connection.ask("produce", { handle, acks: 255, reserved: 0, reserved2: 0, batch });
  }
}

/** What a push holds, and which subscription it is of. */
function pushOf(reply: Reply): { number: number; offsets: number[]; bytes: number } {
  assert.deepEqual([reply.code, reply.flags], [0, PUSH_FLAG]);
  const batches = reply.body.subarray(16);
  const offsets = walkBatches(batches).map(({ baseOffset }) => baseOffset);
  return { number: reply.correlation, offsets, bytes: batches.length };
}

/** Pushes until `count` batches have come. */
async function pushes(connection: RawConnection, count: number): Promise<number[]> {
  const offsets: number[] = [];
  while (offsets.length < count) offsets.push(...pushOf(await connection.reply()).offsets);
  return offsets;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

test("frames cut at every byte do what whole ones do", async () => {
  const connection = await opened("cut");
  const other = await live.open();
  await append(connection, 3);
  const conversation = [
    frames.subscribe(0, 0, { maxBytes: 1, credit: 1 }, 7),
    frames.addCredit(7, 2200),
    frames.unsubscribe(7, 8),
  ];
  const cutAt = async (at: (frame: Uint8Array) => number): Promise<void> => {
    for (const [i, frame] of conversation.entries()) {
      await connection.send(frame.subarray(0, at(frame)));
      await other.ask("ping", {});
      await connection.send(frame.subarray(at(frame)));
      if (i === 0) {
        const reply = await connection.reply();
        assert.deepEqual([reply.code, reply.flags, reply.correlation], [0, 0, 7]);
        assert.deepEqual(await pushes(connection, 1), [0]);
      }
      if (i === 1) assert.deepEqual(await pushes(connection, 2), [1, 2]);
      if (i === 2) assert.deepEqual((await connection.reply()).correlation, 8);
    }
  };
  for (let cut = 1; cut < 32; cut += 1) await cutAt((frame) => Math.min(cut, frame.length));
  connection.close();
  other.close();
  await expectQuiet();
});

test("all of it in one piece: the answer to unsubscribe comes behind the pushes", async () => {
  const connection = await opened("piece");
  await append(connection, 2);
  await connection.send(concat([
    frames.subscribe(0, 0, { credit: 0 }, 7),
    frames.addCredit(7, 100_000),
    frames.request("ping", {}, 8),
  ]));
  const seen = [await connection.reply(), await connection.reply(), await connection.reply()];
  assert.deepEqual(seen.map(({ correlation }) => correlation), [7, 8, 7]);
  assert.deepEqual(pushOf(seen[2]!).offsets, [0, 1]);
  connection.close();
  await expectQuiet();
});

test("with a credit of one byte batches come one by one, each when it is paid for", async () => {
  const connection = await opened("penny");
  const producer = await live.open();
  await producer.ask("open_partition", { topic: "penny", partition: 0 });
  await append(producer, 20);
  await connection.send(frames.subscribe(0, 0, { credit: 1 }, 7));
  assert.equal((await connection.reply()).flags, 0);
  for (let offset = 0; offset < 40; offset += 1) {
    const { offsets, bytes } = pushOf(await connection.reply());
    assert.deepEqual(offsets, [offset]);
    await connection.ask("ping", {}); // nothing comes in between
    await connection.send(frames.addCredit(7, bytes));
    if (offset >= 19) await append(producer, 1);
  }
  connection.close();
  producer.close();
  await expectQuiet();
});

test("a deleted topic ends its subscriptions by name, and the connection lives", async () => {
  const connection = await opened("gone");
  const admin = await live.open();
  await append(connection, 1);
  await connection.send(concat([
    frames.subscribe(0, 0, {}, 7),
    frames.subscribe(0, 0, {
      credit: 0,
    }, 8),
  ]));
  for (let i = 0; i < 3; i += 1) assert.equal((await connection.reply()).code, 0);
  await admin.ask("delete_topic", { name: "gone" });
  const last = [await connection.reply(), await connection.reply()];
  assert.deepEqual(last.map(({ code, flags }) => [code, flags]), [
    [ErrorCodes.topic_not_found, PUSH_FLAG],
    [ErrorCodes.topic_not_found, PUSH_FLAG],
  ]);
  assert.deepEqual(last.map(({ correlation }) => correlation).sort(), [7, 8]);
  await connection.ask("ping", {});
  connection.close();
  admin.close();
  await expectQuiet();
});

test("a slow consumer whose next records are deleted hears that, and begins again", async () => {
  const connection = await opened("trimmed");
  const admin = await live.open();
  await admin.ask("open_partition", { topic: "trimmed", partition: 0 });
  await append(connection, 300);
  await connection.send(frames.subscribe(0, 0, { credit: 1 }, 7));
  assert.equal((await connection.reply()).flags, 0);
  const { bytes } = pushOf(await connection.reply());
  assert.deepEqual(await admin.ask("delete_records", { handle: 0, offset: 250 }), {
    logStart: 250,
  });
  await connection.send(frames.addCredit(7, bytes));
  const last = await connection.reply();
  assert.deepEqual([last.code, last.flags, last.correlation], [
    ErrorCodes.offset_out_of_range,
    PUSH_FLAG,
    7,
  ]);
  await connection.send(frames.subscribe(0, 250, {}, 7));
  assert.equal((await connection.reply()).flags, 0);
  assert.deepEqual(await pushes(connection, 50), range(250, 300));
  connection.close();
  admin.close();
  await expectQuiet();
});

test("a thousand subscriptions of one connection, each is served", async () => {
  const partitions = 10;
  const each = 100;
  const connection = await opened("many", partitions);
  for (let i = 1; i < partitions; i += 1) {
    await connection.ask("open_partition", { topic: "many", partition: i });
  }
  const wanted: Uint8Array[] = [];
  for (let number = 0; number < partitions * each; number += 1) {
    const shape = { credit: 100_000, maxBytes: number % 3 === 0 ? 1 : 100_000 };
    wanted.push(frames.subscribe(number % partitions, 0, shape, 5000 + number));
  }
  await connection.send(concat(wanted));
  for (let i = 0; i < wanted.length; i += 1) assert.equal((await connection.reply()).code, 0);
  const producer = await live.open();
  for (let handle = 0; handle < partitions; handle += 1) {
    await producer.ask("open_partition", { topic: "many", partition: handle });
    await append(producer, 5, handle);
  }
  const seen = new Map<number, number[]>();
  for (let batches = 0; batches < 5 * wanted.length;) {
    const { number, offsets } = pushOf(await connection.reply());
    seen.set(number, [...seen.get(number) ?? [], ...offsets]);
    batches += offsets.length;
  }
  assert.equal(seen.size, wanted.length);
  for (const offsets of seen.values()) assert.deepEqual(offsets, range(0, 5));
  assert.equal((await live.stats()).get("subscriptions"), wanted.length);
  connection.close();
  producer.close();
  await expectQuiet();
});

test("subscribers that never read cost no memory, harm nobody, and leave nothing", async () => {
  const connection = await opened("stalled");
  await append(connection, LARGE_BATCHES, 0, LARGE_VALUE);
  const before = peakMemory(live.broker.pid);
  const sockets = Array.from({ length: STALLED }, connectSlowly);
  const greeting = concat([
    frames.hello(),
    frames.request("open_partition", { topic: "stalled", partition: 0 }),
    frames.subscribe(0, 0, { credit: 1_000_000_000 }, 7),
  ]);
  for (const socket of sockets) sendAll(socket, greeting);
  await live.canary.expectServed();
  await connection.send(frames.subscribe(0, 0, { credit: 1_000_000_000 }, 7));
  assert.equal((await connection.reply()).flags, 0);
  assert.deepEqual(await pushes(connection, LARGE_BATCHES), range(0, LARGE_BATCHES));
  await live.canary.expectServed();
  const stats = await live.stats();
  assert.equal(stats.get("subscriptions"), STALLED + 1);
  const total = STALLED * LARGE_BATCHES * LARGE_VALUE;
  assert.ok((stats.get("pushed_bytes_total") ?? 0) < total, "most of it was never queued");
  assert.ok((stats.get("pool_lent_bytes") ?? 0) < 4_000_000, "a queue is a header and a slice");
  const grown = peakMemory(live.broker.pid) - before;
  assert.ok(grown < total / 10, `it grew by ${grown} bytes`);
  for (const socket of sockets) libc.close(socket);
  connection.close();
  await expectQuiet();
});

/** A blocking socket with a small window, which nobody will read. */
function connectSlowly(): number {
  const fd = libc.socket(AF_INET, SOCK_STREAM, 0);
  assert.ok(fd >= 0, "a socket");
  assert.equal(libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, 4096), 0);
  const { port } = live.broker;
  assert.equal(libc.connect(fd, { family: "inet", host: "127.0.0.1", port }), 0);
  return fd;
}

function sendAll(fd: number, bytes: Uint8Array): void {
  const memory = libc.allocate(bytes.length);
  memory.bytes.set(bytes);
  assert.equal(libc.send(fd, memory, 0, bytes.length, 0), bytes.length);
}
