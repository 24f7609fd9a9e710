/**
 * Frames of a hundred MiB: declared by many, sent by few. What a header declares costs nothing;
 * what has arrived is bounded by the budget, above which large frames take turns. Small ones pass.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../src/format/errors.ts";
import { closeAll, connectOne, isOver, sendSome } from "../support/crowd.ts";
import { frame, hello } from "../support/frames.ts";
import { LiveBroker } from "../support/live_broker.ts";
import { residentMemory } from "../support/process_state.ts";
import { errorText } from "../support/raw_connection.ts";
import { until } from "../support/until.ts";

const MIB = 1048576;
const PING = 2;
/** Of a frame, all bytes counted. */
const GIANT = 100 * MIB;
const BUDGET = 16 * MIB;
const MANY = 200;

const connections = { requestMs: 60000, receiveBudgetBytes: BUDGET };
const live = await LiveBroker.start(async () => {}, { connections });

/** The first bytes of a frame of `size` that nobody will see the end of. */
function beginning(size: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(frame({ operation: PING, size: size - 4 }));
  return bytes;
}

async function greeted(count: number): Promise<number[]> {
  const fds = Array.from({ length: count }, () => connectOne(live.broker.port));
  for (const fd of fds) await until("hello is sent", () => sendSome(fd, hello()) > 0);
  await until("all are greeted", async () => {
    return ((await live.stats()).get("connections") ?? 0) >= count;
  });
  return fds;
}

async function counter(name: string): Promise<number> {
  return (await live.stats()).get(name) ?? NaN;
}

test("giant frames that are only declared cost what has arrived of them", async () => {
  const memory = residentMemory(live.broker.pid);
  const fds = await greeted(MANY);
  for (const fd of fds) await until("it is sent", () => sendSome(fd, beginning(GIANT, 600)) > 0);
  await live.canary.expectServed();
  await live.untilCounter("receive_lent_bytes", (lent) => lent <= MANY * 1024 + 2 * 131072);
  const grown = residentMemory(live.broker.pid) - memory;
  assert.ok(grown < 64 * MIB, `memory grew by ${grown} bytes for ${MANY} frames`);
  assert.equal(await counter("receive_budget_waits_total"), 0);
  closeAll(fds);
  await live.expectUnharmed();
  await live.untilCounter("receive_lent_bytes", (lent) => lent <= 131072);
});

test("many giants that arrive together take turns, and all arrive in the end", async () => {
  const memory = residentMemory(live.broker.pid);
  const connections = await Promise.all(Array.from({ length: 8 }, () => live.open()));
  const whole = beginning(24 * MIB, 24 * MIB);
  let largest = 0;
  let done = 0;
  const sending = connections.map(async (connection) => {
    await connection.send(whole);
    const reply = await connection.reply();
    assert.equal(reply.code, ErrorCodes.invalid_request, errorText(reply));
    done += 1;
  });
  while (done < connections.length) {
    const lent = await counter("receive_lent_bytes");
    largest = Math.max(largest, lent);
    await live.canary.expectServed();
  }
  await Promise.all(sending);
  assert.ok(await counter("receive_budget_waits_total") > 0, "they had to wait for each other");
  // The budget, the one frame that may pass it while it moves to its last block, small blocks.
  assert.ok(largest <= BUDGET + 32 * MIB + 4 * MIB, `${largest} bytes were lent`);
  const grown = residentMemory(live.broker.pid) - memory;
  assert.ok(grown < 256 * MIB, `memory grew by ${grown} bytes`);
  for (const connection of connections) connection.close();
  await live.expectUnharmed();
  await live.untilCounter("receive_lent_bytes", (lent) => lent <= 131072);
});

test("who waits for room and goes away is forgotten", async () => {
  const fds = await greeted(30);
  const much = beginning(GIANT, 256 * 1024);
  const before = await counter("receive_budget_waits_total");
  const left = new Map(fds.map((fd) => [fd, 0]));
  await until("some wait for room", async () => {
    for (const [fd, at] of left) {
      left.set(
        fd,
        at +
          Math.max(0, sendSome(fd, at < much.length ? much.subarray(at) : new Uint8Array(65536))),
      );
    }
    return await counter("receive_budget_waits_total") > before;
  });
  await live.canary.expectServed();
  assert.ok(!fds.some(isOver), "nobody is turned away");
  closeAll(fds);
  await live.expectUnharmed();
  await live.untilCounter("receive_budget_waiting", (waiting) => waiting === 0);
  await live.untilCounter("receive_lent_bytes", (lent) => lent <= 131072);
});
