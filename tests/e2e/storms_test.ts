/**
 * Connections without end, without sense, or without a descriptor to hold them: refused at once
 * where there are too many, and nothing is left of those that came and went.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { startBroker } from "../support/broker.ts";
import { closeAll, connectOne, isOver, sendSome } from "../support/crowd.ts";
import { fetch, hello, request } from "../support/frames.ts";
import { LiveBroker } from "../support/live_broker.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { descriptors, residentMemory } from "../support/process_state.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { pause, until } from "../support/until.ts";

const MIB = 1048576;
const ROUNDS = 40;
const AT_ONCE = 50;

const live = await LiveBroker.start(async () => {}, {});

async function counter(name: string, of: LiveBroker = live): Promise<number> {
  return (await of.stats()).get(name) ?? NaN;
}

/** Opens and ends connections in rounds; `use` does with each what it likes before. */
async function storm(use: (fd: number) => void, rest: number = 0): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const fds = Array.from({ length: AT_ONCE }, () => connectOne(live.broker.port));
    fds.forEach(use);
    await pause(rest);
    closeAll(fds);
    await pause(0);
  }
}

test("clients that open and close without end leave nothing behind", async () => {
  const memory = residentMemory(live.broker.pid);
  const before = await counter("connections_accepted_total");
  await storm(() => {});
  await live.untilCounter("connections_accepted_total", (value) => {
    return value - before >= ROUNDS * AT_ONCE;
  });
  await live.expectUnharmed();
  const grown = residentMemory(live.broker.pid) - memory;
  assert.ok(grown < 48 * MIB, `memory grew by ${grown} bytes`);
  await live.untilCounter("connections", (value) => value <= 3);
});

test("clients that are reset in the middle of anything leave nothing behind", async () => {
  // Closed with an answer unread, a connection is reset.
  await storm((fd) => void sendSome(fd, hello()), 5);
  await storm((fd) => {
    sendSome(fd, hello());
    sendSome(fd, request("open_partition", { topic: "canary", partition: 0 }));
    sendSome(fd, fetch(0, 0, { maxWaitMs: 60000, minBytes: 1 << 30 }));
    sendSome(fd, request("ping", {}).subarray(0, 7));
  }, 5);
  await live.expectUnharmed();
  await live.untilCounter("connections", (value) => value <= 3);
  await live.untilCounter("pool_lent_bytes", (value) => value <= 131072);
});

test("a process without descriptors tells clients at once, and serves those it has", async () => {
  const { pid } = live.broker;
  const open = descriptors(pid).length;
  setLimit(pid, `${open + 5}:`);
  const fds = Array.from({ length: 40 }, () => connectOne(live.broker.port));
  await until("those beyond it are refused", () => fds.filter(isOver).length >= 30);
  await live.canary.expectServed();
  closeAll(fds);
  await until("there is room again", async () => {
    const connection = await RawConnection.connect(live.broker.port);
    await connection.send(hello());
    const reply = await connection.replyOrEnd();
    connection.close();
    return reply !== null;
  });
  setLimit(pid, "20000:");
  await live.expectUnharmed();
  assert.ok(await counter("connections_refused_descriptors_total") >= 30);
});

test("more clients of an address than are allowed: the first ones are served", async () => {
  const settings = { connections: { max: 20, perAddressMax: 12 } };
  const broker = await startBroker({
    runtime: BROKER_RUNTIME,
    data: temporaryDirectory("limit"),
    settings,
  });
  const first = await Promise.all(
    Array.from({ length: 12 }, () => RawConnection.open(broker.port)),
  );
  const fds = Array.from({ length: 10 }, () => connectOne(broker.port));
  await until("those of the same address are refused", () => fds.every(isOver));
  closeAll(fds);
  for (const connection of first) await connection.ask("ping", {});
  const stats = await statsOf(first[0]!);
  assert.equal(stats.get("connections_refused_address_total"), fds.length);
  assert.equal(stats.get("connections_refused_limit_total"), 0);
  first.pop()!.close();
  await until("there is room for another", async () => {
    const connection = await RawConnection.connect(broker.port);
    await connection.send(hello());
    const reply = await connection.replyOrEnd();
    connection.close();
    return reply !== null;
  });
  for (const connection of first) connection.close();
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("the limit in all counts every address", async () => {
  const broker = await startBroker({
    runtime: BROKER_RUNTIME,
    data: temporaryDirectory("limit"),
    flags: ["--connections-max", "2"],
  });
  const first = [await RawConnection.open(broker.port), await RawConnection.open(broker.port)];
  const fds = Array.from({ length: 5 }, () => connectOne(broker.port));
  await until("the others are refused", () => fds.every(isOver));
  closeAll(fds);
  for (const connection of first) await connection.ask("ping", {});
  assert.equal((await statsOf(first[0]!)).get("connections_refused_limit_total"), 5);
  for (const connection of first) connection.close();
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("a low limit of open files is said, and too low a one is refused", async () => {
  const options = { runtime: BROKER_RUNTIME, data: temporaryDirectory("nofile") };
  const low = await startBroker({ ...options, wrap: ["prlimit", "--nofile=400:400"] });
  assert.match(low.stderr(), /warning 80 connections at the most: the limit of open files is 400/);
  assert.deepEqual(await low.stop(), { code: 0, signal: null });
  await assert.rejects(
    startBroker({ ...options, wrap: ["prlimit", "--nofile=330:330"] }),
    /too few descriptors: the limit of open files is 330; 0 partitions and 16384 connections need/,
  );
});

function setLimit(pid: number, nofile: string): void {
  execFileSync("prlimit", ["--pid", String(pid), `--nofile=${nofile}`]);
}

async function statsOf(connection: RawConnection): Promise<Map<string, number>> {
  const { counters } = await connection.ask("stats", {});
  return new Map(counters.map(({ name, value }) => [name, value]));
}
