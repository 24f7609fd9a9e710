/**
 * A broker that was stopped (SIGSTOP, a debugger, a suspended machine) for longer than its clients
 * have patience, or they with it: when it goes on, nobody is late for its sake.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { closeAll, connectOne, isOver, sendSome } from "../support/crowd.ts";
import { hello, produce, request } from "../support/frames.ts";
import { LiveBroker } from "../support/live_broker.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { pause, until } from "../support/until.ts";
import { batchOfSize } from "../support/batches.ts";

const PATIENCE_MS = 1500;
const CLIENTS = 60;
const connections = {
  idleMs: PATIENCE_MS,
  requestMs: PATIENCE_MS,
  helloMs: PATIENCE_MS,
  writeMs: PATIENCE_MS,
};

const live = await LiveBroker.start(async (port) => {
  const connection = await RawConnection.open(port);
  await connection.ask("create_topic", { name: "t", partitions: 1, config: [] });
  connection.close();
}, { connections });

async function expired(): Promise<number> {
  const stats = await live.stats();
  const reasons = ["idle", "request", "hello", "write"];
  return reasons.reduce((sum, name) => sum + stats.get(`connections_closed_${name}_total`)!, 0);
}

test("stopped for longer than every deadline, it lets nobody go when it goes on", async () => {
  const before = await expired();
  const stalls = (await live.stats()).get("loop_stalls_total")!;
  const fds = Array.from({ length: CLIENTS }, () => connectOne(live.broker.port));
  const frame = produce(0, batchOfSize(300));
  for (const [i, fd] of fds.entries()) {
    if (i % 3 === 0) continue; // has not said hello yet
    await until("it is sent", () => sendSome(fd, hello()) > 0);
    sendSome(fd, request("open_partition", { topic: "t", partition: 0 }));
    if (i % 3 === 1) sendSome(fd, frame.subarray(0, 100)); // in the middle of a frame
  }
  await live.canary.expectServed();
  process.kill(live.broker.pid, "SIGSTOP");
  await pause(3 * PATIENCE_MS);
  // Meanwhile they go on as if nothing were.
  for (const [i, fd] of fds.entries()) {
    if (i % 3 === 0) sendSome(fd, hello());
    if (i % 3 === 1) sendSome(fd, frame.subarray(100));
    if (i % 3 === 2) sendSome(fd, request("ping", {}));
  }
  process.kill(live.broker.pid, "SIGCONT");
  await live.canary.expectServed();
  assert.equal(await expired() - before, 0, "nobody was let go");
  assert.ok(
    (await live.stats()).get("loop_stalls_total")! > stalls,
    "it knows that it stood still",
  );
  assert.ok(!fds.some(isOver));
  await until("later they are, when they stay silent", () => fds.every(isOver));
  assert.equal(await expired() - before, CLIENTS);
  closeAll(fds);
  await live.expectUnharmed();
});
