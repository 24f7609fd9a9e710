/**
 * Clients that are slow on purpose, or say nothing at all: each is let go when its patience is
 * over, for its own reason, and nobody else waits for it. Who behaves outlives them all.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection } from "../../src/client/connection.ts";
import { concat, encodeBatch, encodeRecord } from "../support/batches.ts";
import { closeAll, connectOne, isOver, readByte, sendSome } from "../support/crowd.ts";
import { fetch, hello, produce, request } from "../support/frames.ts";
import { LiveBroker } from "../support/live_broker.ts";
import { residentMemory } from "../support/process_state.ts";
import { Prng } from "../support/prng.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { pause, until } from "../support/until.ts";

const TOPIC = "slow";
const MANY = 100;
const MIB = 1048576;
/** A byte a second would take all day here; a byte per period is as far from a whole frame. */
const DRIP_MS = 50;
const connections = {
  idleMs: 1500,
  requestMs: 1500,
  helloMs: 1500,
  writeMs: 1000,
};

const live = await LiveBroker.start(async (port) => {
  const connection = await RawConnection.open(port);
  const config = [{ key: "durability", value: "os" }];
  await connection.ask("create_topic", { name: TOPIC, partitions: 1, config });
  const { handle } = await connection.ask("open_partition", { topic: TOPIC, partition: 0 });
  const prng = new Prng(5);
  for (let i = 0; i < 16; i += 1) {
    await connection.send(
      produce(handle, encodeBatch(encodeRecord({ value: prng.bytes(500000) }, 0), 1)),
    );
    assert.equal((await connection.reply()).code, 0);
  }
  connection.close();
}, { connections });

/** Drips bytes of `frame` until the broker ends the connections. */
async function drip(fds: readonly number[], frame: Uint8Array): Promise<void> {
  const open = new Set(fds);
  let at = 0;
  await until("all are let go", async () => {
    await pause(DRIP_MS);
    const byte = frame.subarray(at % frame.length, at % frame.length + 1);
    at += 1;
    for (const fd of open) if (sendSome(fd, byte) < 0 || isOver(fd)) open.delete(fd);
    return open.size === 0;
  });
}

/** Clients that have said hello and opened the partition. */
async function greeted(count: number, receiveBuffer: number = 0): Promise<number[]> {
  const fds = Array.from({ length: count }, () => connectOne(live.broker.port, receiveBuffer));
  const greeting = concat([hello(), request("open_partition", { topic: TOPIC, partition: 0 })]);
  for (const fd of fds) {
    await until("it is sent", () => sendSome(fd, greeting) === greeting.length);
  }
  return fds;
}

async function counter(name: string): Promise<number> {
  return (await live.stats()).get(name) ?? NaN;
}

test("a hundred clients that never read are held to little memory, then let go", async () => {
  const before = await counter("connections_closed_write_total");
  const memory = residentMemory(live.broker.pid);
  const fds = await greeted(MANY, 4096);
  // More than REPLY_SLOTS of them, each of 8 MB: the rest must stay unread.
  const asked = concat(
    Array.from({ length: 200 }, (_, i) => fetch(0, 0, { maxBytes: 8000000 }, i)),
  );
  for (const fd of fds) sendSome(fd, asked);
  await live.canary.expectServed();
  const lent = await counter("reply_lent_bytes");
  assert.ok(lent < MANY * 16384, `${lent} bytes wait for them`);
  await live.untilCounter("connections_closed_write_total", (value) => value - before >= MANY);
  const grown = residentMemory(live.broker.pid) - memory;
  assert.ok(grown < 48 * MIB, `memory grew by ${grown} bytes`);
  closeAll(fds);
  await live.expectUnharmed();
  await live.untilCounter("pool_lent_bytes", (value) => value <= 131072);
});

test("clients that read a byte at a time are as good as those that never read", async () => {
  const before = await counter("connections_closed_write_total");
  const fds = await greeted(5, 4096);
  const asked = concat(Array.from({ length: 60 }, (_, i) => fetch(0, 0, { maxBytes: 8000000 }, i)));
  for (const fd of fds) sendSome(fd, asked);
  await until("all are let go", async () => {
    for (const fd of fds) readByte(fd);
    await pause(DRIP_MS);
    return await counter("connections_closed_write_total") - before >= fds.length;
  });
  closeAll(fds);
  await live.expectUnharmed();
});

test("a byte at a time in the size of a frame, and in its body", async () => {
  const batch = encodeBatch(encodeRecord({ value: new Uint8Array(3000) }, 0), 1);
  const before = await counter("connections_closed_request_total");
  const starts = [1, 3, 12, 30];
  const frame = produce(0, batch);
  await Promise.all(starts.map(async (start) => {
    const fds = await greeted(10);
    for (const fd of fds) sendSome(fd, frame.subarray(0, start));
    await drip(fds, frame.subarray(start, start + 1000));
    closeAll(fds);
  }));
  const closed = await counter("connections_closed_request_total") - before;
  assert.equal(closed, 10 * starts.length);
  await live.expectUnharmed();
});

test("a byte at a time before hello, and nothing at all", async () => {
  const before = await counter("connections_closed_hello_total");
  const fds = Array.from({ length: 20 }, () => connectOne(live.broker.port));
  const clientName = "a name that takes its time".repeat(20);
  await drip(fds.slice(0, 10), request("hello", { protocol: 1, clientName, token: "" }));
  await until("the silent ones are let go", () => fds.slice(10).every(isOver));
  closeAll(fds);
  assert.equal(await counter("connections_closed_hello_total") - before, fds.length);
  await live.expectUnharmed();
});

test("who has nothing to say is let go, who waits for something is not", async () => {
  const before = await counter("connections_closed_idle_total");
  const idle = await greeted(10);
  const address = { host: "127.0.0.1", port: live.broker.port };
  const client = await Connection.connect(address, { keepAliveMs: connections.idleMs / 5 });
  const [waiting] = await greeted(1);
  await until("it is sent", () => sendSome(waiting!, fetch(0, 16, { maxWaitMs: 30000 })) > 0);
  await until("the idle are let go", () => idle.every(isOver));
  assert.equal(isOver(waiting!), false, "its fetch is parked");
  await live.canary.expectServed();
  await pause(2 * connections.idleMs);
  assert.equal(isOver(waiting!), false, "and stays so");
  assert.equal(client.failure, null, "our client says from time to time that it is there");
  client.close();
  assert.ok(await counter("connections_closed_idle_total") - before >= idle.length);
  closeAll([...idle, waiting!]);
  await live.expectUnharmed();
});
